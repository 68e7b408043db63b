# SPDX-License-Identifier: MIT
## Turns the model into what the home page shows. Pure.
class_name HomePresenter
extends RefCounted


static func present(model: LauncherModel) -> HomeView:
	var view: HomeView = HomeView.new()
	view.notice = model.notice
	view.build_label = _build_label(model)
	_show_notes(view, model)
	match model.screen():
		LauncherModel.Screen.STARTING, LauncherModel.Screen.CHECKING:
			_show_checking(view, model)
		LauncherModel.Screen.NOTHING_OFFERED:
			_show_nothing_offered(view, model)
		LauncherModel.Screen.OFFER_INSTALL, LauncherModel.Screen.OFFER_UPDATE:
			_show_offer(view, model)
		LauncherModel.Screen.READY:
			_show_ready(view, model)
		LauncherModel.Screen.WORKING, LauncherModel.Screen.PAUSED:
			_show_work(view, model)
		LauncherModel.Screen.FAILED:
			_show_failure(view, model)
		LauncherModel.Screen.PLAYING:
			_show_playing(view, model)
	return view


static func _show_checking(view: HomeView, model: LauncherModel) -> void:
	view.tone = HomeView.Tone.BUSY
	view.headline = Message.of("HOME_CHECKING")
	if model.installed:
		view.detail = Message.of("HOME_CHECKING_DETAIL", [model.game_name, model.version])
		view.primary = _play()
		view.secondary = _vr(model)
	else:
		view.detail = Message.of("HOME_STARTING_DETAIL", [model.game_name])
		view.primary = HomeView.Action.new("", Message.of("ACTION_CHECKING"), "refresh", false)


static func _show_nothing_offered(view: HomeView, model: LauncherModel) -> void:
	view.headline = Message.of("HOME_NOTHING_OFFERED")
	view.detail = Message.of("HOME_NOTHING_OFFERED_DETAIL", [model.game_name, model.channel])
	view.primary = HomeView.Action.new("check", Message.of("ACTION_CHECK"), "refresh")


static func _show_offer(view: HomeView, model: LauncherModel) -> void:
	var plan: UpdatePlan = model.plan
	var size: String = Formats.bytes(plan.download_bytes)
	if model.installed:
		view.headline = Message.of("HOME_UPDATE", [plan.version])
		view.detail = Message.of(
			"HOME_UPDATE_DETAIL",
			[model.version, plan.files_changed, plan.files_added, plan.files_removed]
		)
		view.primary = HomeView.Action.new(
			"update", Message.of("ACTION_UPDATE", [size]), "download"
		)
		view.secondary = [
			HomeView.Action.new("play", Message.of("ACTION_PLAY_VERSION", [model.version]), "play")
		]
	else:
		view.headline = Message.of("HOME_INSTALL", [model.game_name, plan.version])
		view.detail = Message.of(
			"HOME_INSTALL_DETAIL", [Formats.bytes(plan.installed_bytes), model.install_path]
		)
		view.primary = HomeView.Action.new(
			"update", Message.of("ACTION_INSTALL", [size]), "download"
		)
		view.secondary = [HomeView.Action.new("settings", Message.of("ACTION_CHANGE_FOLDER"))]
	view.figures = [
		HomeView.Figure.new(Message.of("FIGURE_DOWNLOAD"), size),
		HomeView.Figure.new(Message.of("FIGURE_WRITTEN"), Formats.bytes(plan.write_bytes)),
		HomeView.Figure.new(Message.of("FIGURE_SPACE"), Formats.bytes(plan.disk_bytes)),
	]


static func _show_ready(view: HomeView, model: LauncherModel) -> void:
	view.headline = Message.of("HOME_READY", [model.game_name, model.version])
	var newest: bool = model.checked and model.state != "RolledBack"
	view.detail = Message.of(
		"HOME_NEWEST" if newest else "HOME_INSTALLED", [Formats.bytes(model.installed_bytes)]
	)
	view.primary = _play()
	view.secondary = _vr(model)
	view.secondary.append(HomeView.Action.new("check", Message.of("ACTION_CHECK"), "refresh"))


static func _show_work(view: HomeView, model: LauncherModel) -> void:
	view.tone = HomeView.Tone.BUSY
	view.progress_shown = true
	view.headline = _work_headline(model)
	view.progress_step = _step(model)
	_show_progress(view, model)
	var pausing: bool = model.can_pause()
	if model.state == "Paused":
		view.detail = Message.of("HOME_PAUSED_DETAIL")
		view.primary = HomeView.Action.new("resume", Message.of("ACTION_RESUME"), "play")
	elif model.operation in ["verify", "repair"] and not pausing:
		view.detail = Message.of("HOME_VERIFYING_DETAIL")
		view.primary = HomeView.Action.new("cancel", Message.of("ACTION_CANCEL"), "stop")
		return
	else:
		view.detail = Message.of("HOME_WORKING_DETAIL")
		view.primary = HomeView.Action.new("pause", Message.of("ACTION_PAUSE"), "pause", pausing)
	view.secondary = [
		HomeView.Action.new("cancel", Message.of("ACTION_CANCEL"), "stop", model.can_cancel())
	]


static func _show_failure(view: HomeView, model: LauncherModel) -> void:
	var failure: Failure = model.failure
	view.tone = HomeView.Tone.TROUBLE
	view.headline = failure.sentence()
	view.detail = failure.next_step()
	view.error_details = failure.details()
	var again: HomeView.Action = HomeView.Action.new(
		model.retry_operation(), Message.of("ACTION_RETRY"), "refresh"
	)
	if failure.wants_repair() and model.installed:
		view.primary = HomeView.Action.new("repair", Message.of("ACTION_REPAIR"), "repair")
		view.secondary = [_play()]
	elif failure.is_about_reaching_the_server() and model.installed:
		view.tone = HomeView.Tone.CALM
		view.headline = Message.of("HOME_READY", [model.game_name, model.version])
		view.detail = Message.of("HOME_INSTALLED", [Formats.bytes(model.installed_bytes)])
		view.notice = Message.of("NOTICE_OFFLINE", [failure.sentence()])
		view.primary = _play()
		view.secondary = _vr(model)
		view.secondary.append(again)
	else:
		view.primary = again
		if model.installed:
			view.secondary = [_play()]
	if failure.wants_settings() and view.primary == again or not model.installed:
		view.secondary.append(HomeView.Action.new("settings", Message.of("ACTION_SETTINGS")))


static func _show_playing(view: HomeView, model: LauncherModel) -> void:
	view.headline = Message.of("HOME_PLAYING", [model.game_name])
	view.detail = Message.of("HOME_PLAYING_DETAIL")
	view.primary = HomeView.Action.new("", Message.of("ACTION_PLAYING"), "play", false)


static func _show_notes(view: HomeView, model: LauncherModel) -> void:
	var offered: bool = model.plan != null and model.plan.version != model.version
	var words: String = model.plan.notes if offered else model.notes
	if words.strip_edges().is_empty():
		return
	var about: String = model.plan.version if offered else model.version
	view.notes_title = Message.of("NOTES_TITLE", [about])
	view.notes = words


static func _show_progress(view: HomeView, model: LauncherModel) -> void:
	if model.is_late():
		view.progress_fraction = 1.0
		return
	var progress: UpdateProgress = model.progress
	if progress.total_bytes <= 0 or not model.progress_is_current():
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


static func _work_headline(model: LauncherModel) -> Message:
	if model.state == "Paused":
		return Message.of("HOME_PAUSED")
	if model.operation == "verify":
		return Message.of("HOME_VERIFYING")
	if model.operation == "repair":
		return Message.of("HOME_REPAIRING")
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


static func _play() -> HomeView.Action:
	return HomeView.Action.new("play", Message.of("ACTION_PLAY"), "play")


static func _vr(model: LauncherModel) -> Array[HomeView.Action]:
	if not model.vr_offered:
		return []
	return [HomeView.Action.new("play_vr", Message.of("ACTION_PLAY_VR"), "vr")]
