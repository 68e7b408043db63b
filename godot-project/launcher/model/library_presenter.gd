# SPDX-License-Identifier: MIT
## Turns the installed versions into what the library page shows. Pure.
class_name LibraryPresenter
extends RefCounted


static func present(model: LauncherModel) -> LibraryView:
	var view: LibraryView = LibraryView.new()
	var total: int = 0
	for version: InstalledVersion in _versions(model):
		view.rows.append(_row(version, model))
		total += version.bytes
	if view.rows.is_empty():
		view.empty = Message.of("LIBRARY_EMPTY", [model.game_name])
	view.summary = _summary(total, model)
	return view


## As the engine lists them; until it has, what the status tells is enough to go back.
static func _versions(model: LauncherModel) -> Array[InstalledVersion]:
	if not model.installed:
		return []
	if not model.facts.versions.is_empty():
		return model.facts.versions
	var current: Dictionary = {
		"version": model.version, "role": "current", "installed_bytes": model.installed_bytes
	}
	var list: Array = [current]
	if not model.previous_version.is_empty():
		list.append({"version": model.previous_version})
	return InstalledVersion.all_from(list)


static func _row(version: InstalledVersion, model: LauncherModel) -> LibraryView.Row:
	var row: LibraryView.Row = LibraryView.Row.new()
	row.version = version.version
	row.id = version.id()
	row.current = version.current
	row.standing = Message.of("LIBRARY_CURRENT" if version.current else "LIBRARY_KEPT")
	row.facts = _facts(version)
	row.story = _story(version, model)
	var resting: bool = model.operation.is_empty() and not model.game_running
	if version.current:
		row.actions.append(HomeView.Action.new("play", Message.of("ACTION_PLAY"), "play", resting))
	else:
		row.actions.append(
			HomeView.Action.new("rollback", Message.of("ACTION_GO_BACK"), "back", resting)
		)
	var pinned: bool = _is_pinned(version, model)
	var words: String = "ACTION_UNPIN" if pinned else "ACTION_PIN"
	var action: String = "unpin" if pinned else "pin"
	row.actions.append(HomeView.Action.new(action, Message.of(words), "pin", resting))
	if not version.current:
		var free: bool = resting and not version.in_use
		row.actions.append(
			HomeView.Action.new("remove", Message.of("ACTION_REMOVE"), "trash", free)
		)
	return row


static func _facts(version: InstalledVersion) -> Message:
	var size: String = Formats.bytes(version.bytes)
	if version.installed_at > 0:
		return Message.of("LIBRARY_FACTS", [size, Formats.date(version.installed_at)])
	return Message.of("LIBRARY_SIZE", [size]) if version.bytes > 0 else Message.new()


static func _story(version: InstalledVersion, model: LauncherModel) -> Message:
	if version.in_use and not version.current:
		return Message.of("LIBRARY_IN_USE")
	if version.given_up:
		return Message.counted(
			"LIBRARY_FAILED_START", "LIBRARY_FAILED_STARTS", version.failed_starts
		)
	return Message.of("LIBRARY_PINNED") if _is_pinned(version, model) else Message.new()


static func _is_pinned(version: InstalledVersion, model: LauncherModel) -> bool:
	return version.version == model.facts.pinned_version()


static func _summary(total: int, model: LauncherModel) -> Message:
	if model.facts.free_bytes < 0:
		return Message.of("LIBRARY_TOTAL", [Formats.bytes(total)])
	return Message.of(
		"LIBRARY_SUMMARY", [Formats.bytes(total), Formats.bytes(model.facts.free_bytes)]
	)
