# SPDX-License-Identifier: MIT
## The screens of the home page for when something went wrong: what happened in one sentence, the
## next step in another, and buttons that take it. Pure.
class_name TroublePresenter
extends RefCounted


static func show_failure(view: HomeView, model: LauncherModel) -> void:
	var failure: Failure = model.failure
	view.tone = HomeView.Tone.TROUBLE
	view.picture = "warning"
	view.headline = failure.sentence()
	view.detail = failure.next_step()
	view.error_details = failure.details()
	if failure.is_about_reaching_the_server() and model.installed:
		_show_unreachable(view, model)
		return
	_offer_ways_out(view, model)
	if failure.is_about_space():
		_show_space(view, model)


## The game ended badly. Nothing is known about the files, so playing again comes first.
static func show_crash(view: HomeView, model: LauncherModel) -> void:
	view.tone = HomeView.Tone.TROUBLE
	view.picture = "warning"
	view.headline = Message.of("HOME_CRASHED", [model.game_name])
	view.detail = Message.of("HOME_CRASHED_DETAIL")
	view.error_details = "game-exited\nexit code %d" % model.exit_code
	if model.exit_code < 0:
		view.error_details = "game-exited\nended by the system"
	view.primary = HomeView.Action.new("play", Message.of("ACTION_PLAY_AGAIN"), "play")
	view.secondary = [HomeView.Action.new("verify", Message.of("ACTION_VERIFY"), "repair")]
	if not model.previous_version.is_empty():
		view.secondary.append(_other_versions())


## The server is away: for now what is installed is all there is, which is no reason for alarm.
static func _show_unreachable(view: HomeView, model: LauncherModel) -> void:
	view.tone = HomeView.Tone.CALM
	view.picture = ""
	view.headline = Message.of("HOME_READY", [model.game_name, model.version])
	view.detail = Message.of("HOME_INSTALLED", [Formats.bytes(model.installed_bytes)])
	view.notice = Message.of("NOTICE_OFFLINE", [model.failure.sentence()])
	view.notice_picture = "offline"
	view.primary = HomeView.Action.new("play", Message.of("ACTION_PLAY"), "play")
	view.secondary = HomePresenter.play_in_vr(model)
	view.secondary.append(_again(model))


## The best step first, the others beside it.
static func _offer_ways_out(view: HomeView, model: LauncherModel) -> void:
	var failure: Failure = model.failure
	var steps: Array[HomeView.Action] = []
	if model.installed and failure.leaves_the_game_alone():
		steps.append(HomePresenter.play(model))
	if model.installed and failure.wants_repair():
		steps.append(HomeView.Action.new("repair", Message.of("ACTION_REPAIR"), "repair"))
	if failure.wants_token():
		steps.append(HomeView.Action.new("settings_token", Message.of("ACTION_ENTER_TOKEN"), "key"))
	if failure.wants_newer_launcher():
		steps.append(HomeView.Action.new("website", Message.of("ACTION_GET_LAUNCHER"), "download"))
	if failure.is_about_another_version():
		# The same again ends the same; any other version may help, in the folder or on the server.
		steps.append(_other_versions())
		steps.append(HomePresenter.look())
	elif not failure.wants_repair() or not model.installed:
		steps.append(_again(model))
	if model.installed and not failure.leaves_the_game_alone():
		steps.append(HomePresenter.play(model))
	var settings: String = failure.settings_action()
	if settings.is_empty() and not model.installed:
		settings = "settings_network"
	if settings:
		steps.append(HomeView.Action.new(settings, Message.of("ACTION_SETTINGS")))
	view.primary = steps[0]
	view.secondary = steps.slice(1, 4)


static func _show_space(view: HomeView, model: LauncherModel) -> void:
	if model.plan == null or model.facts.free_bytes < 0:
		return
	view.figures = [
		HomeView.Figure.new(Message.of("FIGURE_SPACE"), Formats.bytes(model.plan.disk_bytes)),
		HomeView.Figure.new(Message.of("FIGURE_FREE"), Formats.bytes(model.facts.free_bytes)),
	]


static func _other_versions() -> HomeView.Action:
	return HomeView.Action.new("library", Message.of("ACTION_OTHER_VERSIONS"), "back")


static func _again(model: LauncherModel) -> HomeView.Action:
	return HomeView.Action.new(model.last_attempt, Message.of("ACTION_RETRY"), "refresh")
