# SPDX-License-Identifier: MIT
## Joins the engine (a `VSekaiUpdater` node) with the model: passes signals in, carries wishes out.
class_name LauncherSession
extends Node

## Something that the window shows has changed. At most once a frame.
signal changed
signal activity_added
signal game_started
signal game_exited
## Language, colours, text size or motion were chosen anew.
signal appearance_changed
## The player asked for a page, and maybe a section of it, by a button of another one.
signal page_wanted(page: String, section: String)

## How often a launcher that stays open looks for updates.
const RECHECK_SECONDS: float = 1800.0
## How long after the end of quiet hours, whose times know no seconds.
const QUIET_MARGIN_SECONDS: float = 30.0
## The engine's signals that the model takes as they are, with their number of arguments.
const MODEL_EVENTS: Dictionary[String, int] = {
	"state_changed": 2,
	"plan_ready": 1,
	"progress_changed": 1,
	"status_changed": 1,
	"failed": 1,
	"verified": 1,
	"channels_listed": 2,
	"decided": 1,
	"switched": 1,
	"uninstalled": 1,
}
## What changes the versions in the folder.
const DISK_OPERATIONS: Array[String] = [
	"update",
	"update_by_settings",
	"adopt",
	"repair",
	"rollback",
	"rollback_to",
	"remove_version",
	"uninstall",
	"move_to",
]
## What is done in a moment, beside whatever the page shows.
const QUIET_OPERATIONS: Array[String] = [
	"list_versions",
	"list_channels",
	"skip_version",
	"unskip_version",
	"pin_version",
	"unpin_version",
	"forget_read_token",
]

var model: LauncherModel = LauncherModel.new()
var config: LauncherConfig
var settings: LauncherSettings
var activity: ActivityLog
## Opens an address outside of the launcher.
var browse: Callable = OS.shell_open

var _updater: Node
## What is done once the engine is free, one after the other.
var _queue: Array[Callable] = []
var _dirty: bool = true
## The log has something new; then, the window has shown it too.
var _log_is_new: bool = false
var _log_was_shown: bool = false
var _is_open: bool = false
var _moving_to: String = ""
## Whether the link that waits has been tried already, so that a game that fails is not started
## again and again.
var _link_tried: bool = false
## Notices of problems that are in the log since the install was opened.
var _told_problems: Dictionary[String, bool] = {}
var _recheck: Timer = Timer.new()


func _ready() -> void:
	_recheck.wait_time = RECHECK_SECONDS
	_recheck.timeout.connect(_check_again)
	add_child(_recheck)
	_recheck.start()


## The log is written a frame after the window has shown what it says: whoever reads it knows what
## can be seen.
func _process(_delta: float) -> void:
	if _log_was_shown:
		activity.save()
	_log_was_shown = _log_is_new
	_log_is_new = false
	if _dirty:
		_dirty = false
		changed.emit()


func _exit_tree() -> void:
	if _log_was_shown or _log_is_new:
		activity.save()


## `updater` has the properties, methods and signals of `VSekaiUpdater`, or is null where the
## engine's library is missing.
func setup(
	updater: Node, build: LauncherConfig, player: LauncherSettings, log: ActivityLog
) -> void:
	_updater = updater
	config = build
	settings = player
	activity = log
	model.game_name = config.game_name
	model.channel = config.channel
	if _updater == null:
		model.on_failed({"code": "library-missing"})
		return
	for event: String in MODEL_EVENTS:
		_updater.connect(event, Callable(model, "on_" + event))
		_updater.connect(event, _after_event.unbind(MODEL_EVENTS[event]))
	_connect_own()
	add_child(_updater)


## Opens the install and looks for an update. Called again when the server or folder changed.
func open() -> void:
	if _updater == null:
		return
	_updater.set("server_url", server_url())
	_updater.set("allow_http", settings.allow_http)
	_updater.set("title", config.title)
	_updater.set("channel", config.channel)
	_updater.set("install_path", install_path())
	_updater.set("trusted_root", config.trusted_root)
	_forget_install()
	_is_open = _updater.call("open")
	model.operation = ""
	if _is_open:
		_read_preferences()
		model.facts.free_bytes = InstallDisk.free_bytes(install_path())
		if _checks_by_itself():
			start("check")
	else:
		# No status follows, and nobody knows what lies there.
		model.on_status_changed({})
	_after_event()


## What was known of the folder that was open before is not true of another one, and what ran there
## or was to come next ends with it, which nobody tells.
func _forget_install() -> void:
	model.install_path = install_path()
	model.on_requested("open")
	model.take_request()
	model.state = "Idle"
	model.phase = ""
	model.plan = null
	model.checked = false
	model.facts.versions.clear()
	model.facts.checked_at = 0
	_told_problems.clear()
	_queue.clear()


func _connect_own() -> void:
	_updater.connect("versions_listed", _on_versions_listed)
	_updater.connect("preferences_changed", _on_preferences_changed.unbind(1))
	_updater.connect("network_changed", _on_network_changed)
	_updater.connect("noticed", _on_noticed)
	_updater.connect("game_started", _on_game_started)
	_updater.connect("game_exited", _on_game_exited)
	_updater.connect("finished", _on_finished)


func server_url() -> String:
	return settings.server_url if settings.server_url else config.server_url


func install_path() -> String:
	if settings.install_dir:
		return settings.install_dir
	return config.install_dir if config.install_dir else InstallFolder.standard(config.title)


func is_busy() -> bool:
	return _is_open and bool(_updater.call("is_busy"))


## The value of an update setting, as the engine writes it; empty before a folder is open.
func preference(name: String) -> String:
	return model.facts.preferences.get(name, "")


## Changes an update setting, which the engine keeps and which needs no turn.
func set_preference(name: String, value: String) -> void:
	if _is_open and not _is_taken("set_preference", [name, value]):
		model.notice = Message.of("NOTICE_SETTING_REFUSED")
		model.notice_picture = "warning"
	_after_event()


## Follows `address`, or the build's own for an empty one, and looks there for updates.
func use_server(address: String, unprotected: bool) -> Error:
	settings.server_url = "" if address == config.server_url else address
	settings.allow_http = unprotected
	var outcome: Error = settings.save()
	open()
	return outcome


## Gives the engine a token for the server's private channels and looks there for updates; the
## launcher itself does not keep it. Returns what is wrong with it as a translation key, or nothing.
func use_read_token(token: String) -> String:
	return _try_token("set_read_token", token)


## The same with the token in a file.
func use_read_token_file(path: String) -> String:
	var wrong: String = _try_token("set_read_token_file", path)
	if wrong == "TOKEN_UNUSABLE" and FileAccess.open(path, FileAccess.READ) == null:
		return "TOKEN_UNREADABLE"
	return wrong


## Uses another folder for the install.
func use_folder(path: String) -> Error:
	settings.install_dir = path
	var outcome: Error = settings.save()
	open()
	return outcome


## Takes the installed game to another folder. The settings follow once it is there.
func move_to(path: String) -> void:
	_moving_to = path
	start("move_to", [path])


## Starts the operation `method` of the engine, as soon as it is its turn.
func start(method: String, arguments: Array = []) -> void:
	if not _is_open or not _has_turn(start.bind(method, arguments)):
		return
	if not method in QUIET_OPERATIONS:
		model.on_requested(method)
	if not bool(_updater.callv(method, arguments)) and model.operation == method:
		# What did not begin has no end that would be told.
		model.operation = ""
	_after_event()


## Asks for the installed versions and the room on the disk.
func look_at_disk() -> void:
	model.facts.free_bytes = InstallDisk.free_bytes(install_path())
	if not is_busy():
		start("list_versions")
	refresh()


## Hands a link on to the game: at once if it can be started, else when it is.
func open_link(link: String) -> void:
	# A game that runs is not started once more; the link waits for the next time.
	_link_tried = model.game_running
	model.on_link(link)
	_after_event()
	_go_to_link()


## Does what a button says, by the names in `HomeView.Action`.
func perform(action: String) -> void:
	match action:
		"pause", "resume", "cancel":
			if _is_open:
				_updater.call(action)
		"library":
			page_wanted.emit("library", "")
		"settings_updates", "settings_network", "settings_place", "settings_token":
			page_wanted.emit("settings", action.trim_prefix("settings_"))
		"website":
			browse.call(config.links.get("LINK_WEBSITE", ""))
		"skip":
			if model.plan != null:
				start("skip_version", [model.plan.version])
				start("check")
		"update_now":
			_update_now()
		"":
			pass
		_ when not _is_open:
			open()
		"play", "play_vr":
			_play(action == "play_vr")
		_:
			start(action)
	_after_event()


func switch_channel(channel: String) -> void:
	if channel != model.channel:
		start("switch_channel", [channel])


## Marks the window as out of date, for example after a change of language.
func refresh() -> void:
	_dirty = true


func _try_token(method: String, value: String) -> String:
	if _updater == null:
		return "TOKEN_NO_ENGINE"
	# A folder that is not open yet opens with it.
	if not _is_taken(method, [value]):
		return "TOKEN_UNUSABLE"
	_log(Message.of("ACTIVITY_TOKEN_GIVEN").text())
	perform("check")
	return ""


## Whether the engine takes something at once. What it says against it is for the caller to tell.
func _is_taken(method: String, arguments: Array) -> bool:
	model.hears_failures = false
	var taken: bool = _updater.callv(method, arguments)
	model.hears_failures = true
	return taken


func _play(in_vr: bool) -> void:
	if _has_turn(_play.bind(in_vr)):
		start("launch", [LaunchLink.arguments(model.link), in_vr])
	elif model.operation == "check":
		# Only a check gives way, and only to the game.
		_updater.call("cancel")


## Whether `wish` can be done now. If not it waits for the end of a check, or of a list that is
## there in a moment; nothing waits behind an operation that the player watches.
func _has_turn(wish: Callable) -> bool:
	var is_free: bool = not is_busy()
	if not is_free and model.operation in ["", "check"]:
		_queue.append(wish)
	return is_free


## The player's word counts more than a rule of the player's own, which is lifted first.
func _update_now() -> void:
	var reason: String = model.plan.hold.reason if model.plan != null and model.plan.hold else ""
	if model.state == "Paused":
		_updater.call("resume")
		return
	if reason == "pinned":
		start("unpin_version")
	elif reason == "skipped":
		start("unskip_version", [model.plan.version])
	start("update")


func _read_preferences() -> void:
	model.facts.on_preferences_changed(_updater.call("get_preferences"))
	model.manual = preference("updates") == "manual"
	_dirty = true


func _on_preferences_changed() -> void:
	_read_preferences()
	_look_if_held_back()


func _on_network_changed(kind: String) -> void:
	model.facts.on_network_changed(kind)
	_dirty = true
	_look_if_held_back()


## What held an update back may have changed.
func _look_if_held_back() -> void:
	if model.screen() == LauncherModel.Screen.HELD_BACK and not is_busy():
		perform("check")


## With updates by hand the launcher is silent, but a game that is not there yet is looked for.
func _checks_by_itself() -> bool:
	var status: Dictionary = _updater.call("get_status")
	return not (model.manual and bool(status.get("installed", false)))


## Starts the game for a link that waits, once what is there has been looked at.
func _go_to_link() -> void:
	if model.link.is_empty() or _link_tried or is_busy():
		return
	if model.is_ready_for_link():
		_link_tried = true
		perform("play")


func _check_again() -> void:
	_recheck.start(RECHECK_SECONDS)
	var resting: bool = (
		model.screen()
		in [
			LauncherModel.Screen.READY,
			LauncherModel.Screen.FAILED,
			LauncherModel.Screen.NOTHING_OFFERED,
			LauncherModel.Screen.HELD_BACK,
		]
	)
	if resting and not is_busy() and not (model.manual and model.installed):
		perform("check")


## Looks again when the quiet hours end that an update waits for.
func _plan_next_look() -> void:
	if model.screen() != LauncherModel.Screen.HELD_BACK:
		return
	var time: Dictionary = Time.get_time_dict_from_system()
	var now: int = int(time["hour"]) * 3600 + int(time["minute"]) * 60 + int(time["second"])
	var left: int = model.plan.hold.seconds_left(now)
	if left >= 0 and left + QUIET_MARGIN_SECONDS < _recheck.time_left:
		_recheck.start(left + QUIET_MARGIN_SECONDS)


func _after_event() -> void:
	_dirty = true
	for message: Message in model.take_activity():
		_log(message.text(), message.key in ActivityLog.PROBLEMS)


func _log(words: String, is_problem: bool = false) -> void:
	activity.add(int(Time.get_unix_time_from_system()), words, is_problem)
	_log_is_new = true
	activity_added.emit()


func _on_finished(operation: String, ok: bool) -> void:
	model.on_finished(operation, ok)
	if ok and (operation == "check" or operation in LauncherModel.UPDATES):
		model.facts.checked_at = int(Time.get_unix_time_from_system())
	if operation == "move_to" and ok:
		settings.install_dir = _moving_to
		settings.save()
		open.call_deferred()
	_after_event()
	# The engine takes the next request once this signal is through.
	_go_on.call_deferred(operation, ok)


func _go_on(operation: String, ok: bool) -> void:
	_plan_next_look()
	_work_off()
	if is_busy():
		return
	var wish: String = model.take_request()
	if operation == "switch_channel" and ok:
		wish = "check"
	if operation == "uninstall" and ok:
		_look_for_it_again()
	elif wish:
		perform(wish)
	elif operation in DISK_OPERATIONS:
		look_at_disk()
	else:
		_go_to_link()


## Goes on with what waits until something keeps the engine busy.
func _work_off() -> void:
	while not _queue.is_empty() and not is_busy():
		var next: Callable = _queue.pop_front()
		next.call()


## Something worth a line in the log, in the engine's own words. What is wrong with a record is told
## at every look, which says nothing new while the same install is open.
func _on_noticed(_code: String, words: String, is_problem: bool) -> void:
	var line: String = Printable.line(words, 400)
	if is_problem and _told_problems.has(line):
		return
	if is_problem:
		_told_problems[line] = true
	_log(line, is_problem)


## What was said about the player's own files stays on the screen.
func _look_for_it_again() -> void:
	var words: Message = model.notice
	start("check")
	model.notice = words
	model.notice_picture = "folder"


func _on_versions_listed(versions: Array) -> void:
	model.facts.on_versions_listed(versions)
	_after_event()


func _on_game_started(_pid: int) -> void:
	model.on_game_started()
	_after_event()
	game_started.emit()


func _on_game_exited(code: int, crashed: bool) -> void:
	model.on_game_exited(code, crashed)
	_after_event()
	# An update may have waited for the end of the game.
	_queue.append(_look_if_held_back)
	_queue.append(look_at_disk)
	_work_off()
	game_exited.emit()
