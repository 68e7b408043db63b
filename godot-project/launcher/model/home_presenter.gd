# SPDX-License-Identifier: MIT
## Turns the model into what the home page shows. Pure.
class_name HomePresenter
extends RefCounted

## Phases in which the files of the game change hands and a cancel comes too late.
const LATE_PHASES: Array[String] = ["FinalizingUpdate", "UpdateSuccessful"]
const WHOLE_GAME_HEADLINES: Dictionary[String, String] = {
	"verify": "HOME_VERIFYING",
	"verify_quick": "HOME_VERIFYING",
	"repair": "HOME_REPAIRING",
	"move_to": "HOME_MOVING",
	"uninstall": "HOME_UNINSTALLING",
}
const WHOLE_GAME_DETAILS: Dictionary[String, String] = {
	"verify": "HOME_VERIFYING_DETAIL",
	"verify_quick": "HOME_VERIFYING_QUICK_DETAIL",
	"repair": "HOME_VERIFYING_DETAIL",
	"move_to": "HOME_MOVING_DETAIL",
	"uninstall": "HOME_UNINSTALLING_DETAIL",
}


static func present(model: LauncherModel) -> HomeView:
	var view: HomeView = HomeView.new()
	view.notice = model.notice
	view.notice_picture = model.notice_picture
	view.build_label = _build_label(model)
	_show_notes(view, model)
	match model.screen():
		LauncherModel.Screen.STARTING, LauncherModel.Screen.CHECKING:
			_show_checking(view, model)
		LauncherModel.Screen.NOTHING_OFFERED:
			_show_nothing_offered(view, model)
		LauncherModel.Screen.OFFER_INSTALL, LauncherModel.Screen.OFFER_UPDATE:
			_show_offer(view, model)
		LauncherModel.Screen.HELD_BACK:
			_show_held_back(view, model)
		LauncherModel.Screen.READY:
			_show_ready(view, model)
		LauncherModel.Screen.WORKING, LauncherModel.Screen.PAUSED:
			_show_work(view, model)
		LauncherModel.Screen.FAILED:
			TroublePresenter.show_failure(view, model)
		LauncherModel.Screen.PLAYING:
			_show_playing(view, model)
		LauncherModel.Screen.CRASHED:
			TroublePresenter.show_crash(view, model)
	_show_link(view, model)
	return view


## The button that starts the installed version.
static func play(model: LauncherModel) -> HomeView.Action:
	return HomeView.Action.new("play", Message.of("ACTION_PLAY_VERSION", [model.version]), "play")


## The button that looks for updates.
static func look() -> HomeView.Action:
	return HomeView.Action.new("check", Message.of("ACTION_CHECK"), "refresh")


## The button for VR where the game has it.
static func play_in_vr(model: LauncherModel) -> Array[HomeView.Action]:
	if not model.vr_offered:
		return []
	return [HomeView.Action.new("play_vr", Message.of("ACTION_PLAY_VR"), "vr")]


static func _show_checking(view: HomeView, model: LauncherModel) -> void:
	view.tone = HomeView.Tone.BUSY
	if model.installed:
		view.headline = Message.of("HOME_CHECKING")
		view.detail = Message.of("HOME_CHECKING_DETAIL", [model.game_name, model.version])
		view.primary = _play()
		view.secondary = play_in_vr(model)
	else:
		view.headline = Message.of("HOME_WELCOME", [model.game_name])
		view.detail = Message.of("HOME_WELCOME_DETAIL")
		view.primary = HomeView.Action.new("", Message.of("ACTION_CHECKING"), "refresh", false)


static func _show_nothing_offered(view: HomeView, model: LauncherModel) -> void:
	view.headline = Message.of("HOME_NOTHING_OFFERED")
	view.detail = Message.of("HOME_NOTHING_OFFERED_DETAIL", [model.game_name, model.channel])
	view.primary = look()


static func _show_offer(view: HomeView, model: LauncherModel) -> void:
	var plan: UpdatePlan = model.plan
	var size: String = Formats.bytes(plan.download_bytes)
	_show_figures(view, model)
	if model.installed:
		view.headline = Message.of("HOME_UPDATE", [plan.version])
		view.detail = Message.of(
			"HOME_UPDATE_DETAIL",
			[model.version, plan.files_changed, plan.files_added, plan.files_removed]
		)
		view.primary = HomeView.Action.new(
			"update", Message.of("ACTION_UPDATE", [size]), "download"
		)
		view.secondary = [play(model), HomeView.Action.new("skip", Message.of("ACTION_SKIP"))]
	else:
		view.headline = Message.of("HOME_INSTALL", [model.game_name, plan.version])
		view.detail = Message.of(
			"HOME_INSTALL_DETAIL", [Formats.bytes(plan.installed_bytes), model.install_path]
		)
		view.primary = HomeView.Action.new(
			"update", Message.of("ACTION_INSTALL", [size]), "download"
		)
		view.secondary = [
			HomeView.Action.new("settings_place", Message.of("ACTION_CHANGE_FOLDER")),
			HomeView.Action.new("adopt", Message.of("ACTION_ADOPT"), "folder"),
		]


## An update that is there and waits, by the player's own rules; the game comes first.
static func _show_held_back(view: HomeView, model: LauncherModel) -> void:
	var plan: UpdatePlan = model.plan
	var size: String = Formats.bytes(plan.download_bytes)
	view.picture = "clock" if plan.hold.passes() else "pause"
	view.headline = Message.of("HOME_HELD", [plan.version])
	view.detail = plan.hold.sentence(plan.version, size)
	view.primary = play(model)
	view.secondary = [_why()]
	if plan.hold.reason == "left-before":
		view.secondary.append(HomeView.Action.new("skip", Message.of("ACTION_SKIP")))
	_show_figures(view, model)


## What saying yes would cost, and whether there is room for it.
static func _show_figures(view: HomeView, model: LauncherModel) -> void:
	var plan: UpdatePlan = model.plan
	view.figures = [
		HomeView.Figure.new(Message.of("FIGURE_DOWNLOAD"), Formats.bytes(plan.download_bytes)),
		HomeView.Figure.new(Message.of("FIGURE_WRITTEN"), Formats.bytes(plan.write_bytes)),
		HomeView.Figure.new(Message.of("FIGURE_SPACE"), Formats.bytes(plan.disk_bytes)),
	]
	var lacking: int = plan.disk_bytes - model.facts.free_bytes
	if model.facts.free_bytes >= 0 and lacking > 0:
		view.notice = Message.of(
			"NOTICE_LITTLE_SPACE", [Formats.bytes(model.facts.free_bytes), Formats.bytes(lacking)]
		)
		view.notice_picture = "warning"


static func _show_ready(view: HomeView, model: LauncherModel) -> void:
	view.headline = Message.of("HOME_READY", [model.game_name, model.version])
	var newest: bool = model.checked and model.state != "RolledBack"
	view.detail = Message.of(
		"HOME_NEWEST" if newest else "HOME_INSTALLED", [Formats.bytes(model.installed_bytes)]
	)
	view.primary = _play()
	view.secondary = play_in_vr(model)
	if model.damage.is_empty():
		view.figures = _facts(model)
	else:
		_show_damage(view, model)
	if model.files_to_check > 0:
		view.secondary.append(HomeView.Action.new("verify", Message.of("ACTION_VERIFY"), "repair"))
	else:
		view.secondary.append(look())


## What is good to know of an install that nothing is the matter with, as far as it is known.
static func _facts(model: LauncherModel) -> Array[HomeView.Figure]:
	var figures: Array[HomeView.Figure] = []
	if model.facts.checked_at > 0:
		var looked: String = Formats.moment(model.facts.checked_at)
		figures.append(HomeView.Figure.new(Message.of("FIGURE_CHECKED"), looked))
	if model.installed_at > 0:
		var day: String = Formats.date(model.installed_at)
		figures.append(HomeView.Figure.new(Message.of("FIGURE_INSTALLED"), day))
	if model.facts.free_bytes >= 0:
		var free: String = Formats.bytes(model.facts.free_bytes)
		figures.append(HomeView.Figure.new(Message.of("FIGURE_FREE"), free))
	return figures


## What the launcher remembers of the game cannot be used, which says nothing of the game itself. A
## repair is offered where it mends some of that.
static func _show_damage(view: HomeView, model: LauncherModel) -> void:
	if model.repair_helps:
		view.secondary.append(HomeView.Action.new("repair", Message.of("ACTION_REPAIR"), "repair"))
	if view.notice.is_empty():
		view.notice = Message.of("NOTICE_RECORDS_DAMAGED")
		view.notice_picture = "warning"
		var details: String = "\n".join(model.damage)
		view.error_details = Failure.from({"code": "records", "detail": details}).details()


static func _show_work(view: HomeView, model: LauncherModel) -> void:
	view.tone = HomeView.Tone.BUSY
	view.progress_shown = true
	view.headline = _work_headline(model)
	view.progress_step = _step(model)
	_show_progress(view, model)
	var pausing: bool = model.phase == "DownloadingUpdate"
	var hold: UpdateHold = model.plan.hold if model.plan != null else null
	if model.state == "Paused":
		view.detail = Message.of("HOME_PAUSED_DETAIL")
		if hold != null:
			var size: String = Formats.bytes(model.plan.download_bytes)
			view.detail = hold.sentence(model.plan.version, size)
		view.primary = HomeView.Action.new("resume", Message.of("ACTION_RESUME"), "play")
	elif WHOLE_GAME_DETAILS.has(model.operation) and not pausing:
		view.detail = Message.of(WHOLE_GAME_DETAILS[model.operation])
		view.primary = HomeView.Action.new("cancel", Message.of("ACTION_CANCEL"), "stop")
		return
	else:
		view.detail = Message.of("HOME_WORKING_DETAIL")
		view.primary = HomeView.Action.new("pause", Message.of("ACTION_PAUSE"), "pause", pausing)
	view.secondary = [
		HomeView.Action.new("cancel", Message.of("ACTION_CANCEL"), "stop", not _is_late(model))
	]
	if model.state == "Paused" and hold != null:
		view.secondary.append(_why())


static func _show_playing(view: HomeView, model: LauncherModel) -> void:
	view.headline = Message.of("HOME_PLAYING", [model.game_name])
	view.detail = Message.of("HOME_PLAYING_DETAIL")
	view.primary = HomeView.Action.new("", Message.of("ACTION_PLAYING"), "play", false)


## A link that came in waits for the player to start the game, or for the update before that.
static func _show_link(view: HomeView, model: LauncherModel) -> void:
	if model.link.is_empty() or not view.notice.is_empty():
		return
	var words: String = "NOTICE_LINK_PLAYING" if model.game_running else "NOTICE_LINK"
	view.notice = Message.of(words, [LaunchLink.shown(model.link)])
	view.notice_picture = "link"


static func _show_notes(view: HomeView, model: LauncherModel) -> void:
	var offered: bool = model.plan != null and model.plan.version != model.version
	var words: String = model.plan.notes if offered else model.notes
	if words.strip_edges().is_empty():
		return
	var about: String = model.plan.version if offered else model.version
	view.notes_title = Message.of("NOTES_TITLE", [about])
	view.notes = words


static func _show_progress(view: HomeView, model: LauncherModel) -> void:
	if _is_late(model):
		view.progress_fraction = 1.0
		return
	var progress: UpdateProgress = model.progress
	if progress.total_bytes <= 0 or not progress.belongs_to(model.phase):
		return
	var percent: int = Formats.percent(progress.done_bytes, progress.total_bytes)
	view.progress_fraction = clampf(
		float(progress.done_bytes) / float(progress.total_bytes), 0.0, 1.0
	)
	view.progress_amount = Message.of(
		"PROGRESS_AMOUNT",
		[Formats.bytes(progress.done_bytes), Formats.bytes(progress.total_bytes), percent]
	)
	if model.state == "Paused" or progress.bytes_per_second <= 0:
		return
	view.progress_rate = Message.of(
		"PROGRESS_RATE",
		[Formats.speed(progress.bytes_per_second), Formats.time_left(progress.seconds_left)]
	)


## The new version is taking its place.
static func _is_late(model: LauncherModel) -> bool:
	return model.phase in LATE_PHASES or model.state == "Updating"


static func _work_headline(model: LauncherModel) -> Message:
	if model.state == "Paused":
		return Message.of("HOME_PAUSED")
	if WHOLE_GAME_HEADLINES.has(model.operation):
		return Message.of(WHOLE_GAME_HEADLINES[model.operation])
	var target: String = model.plan.version if model.plan != null else model.version
	return Message.of("HOME_UPDATING" if model.installed else "HOME_INSTALLING", [target])


static func _step(model: LauncherModel) -> Message:
	if model.state == "Paused":
		return Message.of("STEP_PAUSED")
	match model.phase:
		"PreparingUpdate":
			return Message.of("STEP_PREPARING")
		"DownloadingUpdate":
			return Message.of("STEP_DOWNLOADING")
		"ApplyingUpdate":
			return Message.of("STEP_APPLYING")
		"FinalizingUpdate", "UpdateSuccessful":
			return Message.of("STEP_FINALIZING")
	match model.progress.step:
		"download":
			return Message.of("STEP_DOWNLOADING")
		"apply":
			return Message.of("STEP_APPLYING")
		"verify":
			return Message.of("STEP_VERIFYING")
	return Message.of("STEP_FINALIZING" if model.state == "Updating" else "STEP_PREPARING")


static func _build_label(model: LauncherModel) -> Message:
	if not model.installed:
		return Message.of("BUILD_NONE", [model.channel])
	return Message.of("BUILD_LABEL", [model.version, model.platform, model.channel])


## Says what holds the update back, and offers to update all the same.
static func _why() -> HomeView.Action:
	return HomeView.Action.new("why", Message.of("ACTION_WHY"), "info")


static func _play() -> HomeView.Action:
	return HomeView.Action.new("play", Message.of("ACTION_PLAY"), "play")
