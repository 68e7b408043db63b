# SPDX-License-Identifier: MIT
## Every state that a player can meet has a screen of its own: what happened, what to do next, and a
## button that does it.
extends "res://tests/test_case.gd"

const FakeUpdater: GDScript = preload("res://tests/fake_updater.gd")
const Scenes: GDScript = preload("res://tests/scenes.gd")
## Scene, then the action of the primary button and those of the others.
const EXPECTED: Dictionary[String, Array] = {
	"starting": [""],
	"checking": ["play", "play_vr"],
	"nothing_offered": ["check"],
	"offer_install": ["update", "settings_place", "adopt"],
	"offer_update": ["update", "play", "skip"],
	"little_space": ["update", "play", "skip"],
	"held_quiet": ["play", "why"],
	"held_metered": ["play", "why"],
	"held_pinned": ["play", "why"],
	"held_skipped": ["play", "why"],
	"held_failed_starts": ["play", "why"],
	"held_left_before": ["play", "why", "skip"],
	"held_playing": ["play", "why"],
	"held_download": ["resume", "cancel", "why"],
	"ready": ["play", "play_vr", "check"],
	"preparing": ["pause", "cancel"],
	"downloading": ["pause", "cancel"],
	"paused": ["resume", "cancel"],
	"applying": ["pause", "cancel"],
	"finalizing": ["pause", "cancel"],
	"updated": ["play", "play_vr", "check"],
	"cancelled": ["update", "play", "skip"],
	"verifying": ["cancel"],
	"sound": ["play", "play_vr", "check"],
	"quick": ["play", "play_vr", "check"],
	"written": ["play", "play_vr", "verify"],
	"damaged": ["repair", "play"],
	"offline": ["play", "play_vr", "check"],
	"offline_first": ["check", "settings_network"],
	"server_down": ["play", "play_vr", "check"],
	"not_found": ["play", "check", "settings_network"],
	"refused": ["play", "check"],
	"private": ["play", "settings_token", "check", "settings_updates"],
	"private_first": ["settings_token", "check", "settings_updates"],
	"token_refused": ["play", "settings_token", "check", "settings_updates"],
	"untrusted": ["play", "check"],
	"expired": ["play", "check"],
	"clock": ["play", "check"],
	"trust_state": ["play", "check"],
	"launcher_too_old": ["play", "website", "check"],
	"wrong_platform": ["play", "check"],
	"permission": ["check", "play", "settings_place"],
	"locked": ["check", "play"],
	"game_running": ["check", "play"],
	"disk_full": ["check", "play", "settings_place"],
	"internal": ["check", "play"],
	"playing": [""],
	"crashed": ["play", "verify", "library"],
	"rolled_back": ["play", "play_vr", "check"],
	"switched": ["play", "play_vr", "check"],
	"went_back": ["play", "play_vr", "check"],
	"link": ["update", "play", "skip"],
	"moving": ["cancel"],
}


func test_every_state_offers_the_next_step_first() -> void:
	for scene: String in Scenes.NAMES:
		var view: HomeView = _view(scene)
		var names: Array = [view.primary.name]
		for action: HomeView.Action in view.secondary:
			names.append(action.name)
		equal(names, EXPECTED.get(scene, []), scene)


func test_every_state_says_in_whole_words_what_is_going_on() -> void:
	for language: String in ["en", "es", "ja"] as Array[String]:
		TranslationServer.set_locale(language)
		for scene: String in Scenes.NAMES:
			var view: HomeView = _view(scene)
			for message: Message in [view.headline, view.detail, view.primary.label]:
				var text: String = message.text()
				check(not text.is_empty(), "%s %s" % [language, scene])
				check(not text.contains("_") and not text.contains("{"), "%s: %s" % [scene, text])
	TranslationServer.set_locale("en")


func test_trouble_is_told_by_words_and_a_picture_and_never_by_colour_alone() -> void:
	for scene: String in Scenes.NAMES:
		var view: HomeView = _view(scene)
		if view.tone == HomeView.Tone.TROUBLE:
			equal(view.picture, "warning", scene)
			check(not view.error_details.is_empty(), scene + " has details")
		check(Pictures.PATHS.has(view.picture) or view.picture.is_empty(), view.picture)
		check(Pictures.PATHS.has(view.notice_picture), view.notice_picture)


func test_an_error_is_one_sentence_and_its_next_step_another() -> void:
	TranslationServer.set_locale("en")
	for code: String in Failure.KNOWN_CODES:
		var failure: Failure = Failure.from({"code": code, "repair": code == "damaged"})
		check(not failure.sentence().text().contains("."), failure.sentence().text())
		check(failure.next_step().text().ends_with("."), failure.next_step().text())


func test_what_is_installed_can_be_played_whatever_the_server_says() -> void:
	for code: String in Failure.HARMLESS_CODES:
		var model: LauncherModel = LauncherModel.new()
		model.on_status_changed(Scenes.status(true))
		model.on_failed({"code": code})
		equal(HomePresenter.present(model).primary.name, "play", code)


func test_a_held_back_update_says_why_and_until_when() -> void:
	TranslationServer.set_locale("en")
	var reasons: Dictionary[String, String] = {
		"held_quiet": "after 07:00",
		"held_metered": "4.2 MiB",
		"held_pinned": "stay at 0.1.0",
		"held_skipped": "skip 0.2.0",
		"held_failed_starts": "3 times",
		"held_left_before": "went back from 0.2.0",
	}
	for scene: String in reasons:
		var words: String = _view(scene).detail.text()
		check(words.contains(reasons[scene]), words)


func test_an_update_that_the_settings_allow_is_taken_by_itself() -> void:
	for action: String in ["take", "ask", "hold-back"] as Array[String]:
		var model: LauncherModel = _offered()
		equal(model.take_request(), "", "not before the decision")
		model.on_decided({"action": action, "reason": "metered", "message": ""})
		equal(model.take_request(), "update_by_settings" if action == "take" else "", action)


func test_an_automatic_update_that_does_not_work_waits_longer_each_time() -> void:
	var model: LauncherModel = _offered()
	var tried: PackedInt32Array = []
	for look: int in 16:
		model.on_decided({"action": "take", "reason": ""})
		if model.take_request():
			tried.append(look)
			model.on_requested("update_by_settings")
			model.on_failed({"code": "offline"})
			model.on_finished("update_by_settings", false)
	equal(tried, PackedInt32Array([0, 2, 5, 10]))


func test_an_automatic_update_that_the_player_stopped_is_not_taken_again() -> void:
	var model: LauncherModel = _offered()
	model.on_decided({"action": "take", "reason": ""})
	equal(model.take_request(), "update_by_settings")
	model.on_requested("update_by_settings")
	model.on_state_changed("CheckForUpdates", "DownloadingUpdate")
	model.on_state_changed("Cancelled", "")
	model.on_finished("update_by_settings", false)
	for _look: int in 100:
		model.on_decided({"action": "take", "reason": ""})
	equal(model.take_request(), "")


func test_an_update_that_the_player_asked_for_is_not_started_twice() -> void:
	var model: LauncherModel = _offered()
	model.on_requested("update")
	model.on_decided({"action": "take", "reason": ""})
	equal(model.take_request(), "")


func test_a_first_install_asks_whatever_the_settings_are() -> void:
	var model: LauncherModel = LauncherModel.new()
	model.on_status_changed(Scenes.status(false))
	model.on_plan_ready(Scenes.plan(true))
	model.on_decided({"action": "take", "reason": "", "message": ""})
	equal(model.take_request(), "")
	equal(model.screen(), LauncherModel.Screen.OFFER_INSTALL)


func test_a_reason_that_only_asks_is_an_ordinary_offer() -> void:
	var plan: UpdatePlan = UpdatePlan.from(Scenes.plan(false))
	check(UpdateHold.from("ask", "ask-first", "", plan) == null, "ask")
	check(UpdateHold.from("hold-back", "manual", "", plan) == null, "the player looked for it")
	check(UpdateHold.from("hold-back", "moon", "", plan) == null, "moon")
	check(UpdateHold.from("take", "", "", plan) == null, "nothing")


func test_quiet_hours_end_at_a_time_of_the_day() -> void:
	var plan: UpdatePlan = UpdatePlan.from(Scenes.plan(false))
	var hold: UpdateHold = UpdateHold.from("hold-back", "quiet-hours", "07:00", plan)
	equal(hold.seconds_left(6 * 3600), 3600)
	equal(hold.seconds_left(23 * 3600), 8 * 3600, "over midnight")
	var endless: UpdateHold = UpdateHold.from("hold-back", "quiet-hours", "", plan)
	equal(endless.seconds_left(0), -1)
	check(not endless.passes(), "a whole day never ends")


func test_a_download_that_the_settings_pause_says_why_until_it_goes_on() -> void:
	TranslationServer.set_locale("en")
	var model: LauncherModel = _offered()
	model.on_requested("update_by_settings")
	model.on_state_changed("CheckForUpdates", "DownloadingUpdate")
	model.on_decided({"action": "hold-back", "reason": "playing"})
	model.on_state_changed("Paused", "DownloadingUpdate")
	var words: String = HomePresenter.present(model).detail.text()
	check(words.contains("left the game"), words)
	model.on_state_changed("CheckForUpdates", "DownloadingUpdate")
	model.on_state_changed("Paused", "DownloadingUpdate")
	words = HomePresenter.present(model).detail.text()
	check(words.contains("is kept"), "the next pause is the player's own: " + words)


func test_a_setting_that_the_engine_refuses_is_no_failure_of_the_game() -> void:
	var model: LauncherModel = LauncherModel.new()
	model.on_status_changed(Scenes.status(true))
	model.on_failed({"code": "invalid-input", "message": "the setting mirrors cannot be x"})
	check(model.failure == null, "no failure")
	equal(model.notice.key, "NOTICE_SETTING_REFUSED")


func test_too_little_space_is_told_before_the_download() -> void:
	TranslationServer.set_locale("en")
	var view: HomeView = _view("little_space")
	check(view.notice.text().contains("19.0 MiB more"), view.notice.text())
	equal(view.notice_picture, "warning")


func test_a_full_disk_shows_what_is_needed_and_what_is_free() -> void:
	var view: HomeView = _view("disk_full")
	equal(view.figures.size(), 2)
	equal(view.figures[1].value, Formats.bytes(12 * Scenes.MIB))


func test_going_back_by_itself_names_the_version_that_did_not_start() -> void:
	TranslationServer.set_locale("en")
	var by_itself: String = _view("went_back").notice.text()
	check(by_itself.contains("0.1.0 did not start"), by_itself)


func test_going_back_by_hand_says_what_became_of_both_versions() -> void:
	TranslationServer.set_locale("en")
	var by_hand: String = _view("rolled_back").notice.text()
	check(by_hand.begins_with("You are back at 0.1.0. 0.2.0 stays"), by_hand)


func test_a_crash_stays_on_the_screen_until_the_player_does_something() -> void:
	var model: LauncherModel = LauncherModel.new()
	model.on_status_changed(Scenes.status(true))
	model.on_game_started()
	model.on_game_exited(-1, true)
	equal(model.screen(), LauncherModel.Screen.CRASHED)
	check(HomePresenter.present(model).error_details.contains("by the system"), "killed")
	model.on_requested("verify")
	check(not model.crashed, "forgotten")


## An install that an update is offered to.
func _offered() -> LauncherModel:
	var model: LauncherModel = LauncherModel.new()
	model.on_status_changed(Scenes.status(true))
	model.on_plan_ready(Scenes.plan(false))
	return model


func _view(scene: String) -> HomeView:
	var updater: Node = FakeUpdater.new()
	var model: LauncherModel = LauncherModel.new()
	model.game_name = "V-Sekai"
	Scenes.prepare(scene, model)
	for event: String in LauncherSession.MODEL_EVENTS:
		updater.connect(event, Callable(model, "on_" + event))
	updater.connect("finished", model.on_finished)
	updater.connect("game_started", model.on_game_started.unbind(1))
	updater.connect("game_exited", model.on_game_exited)
	Scenes.play(scene, updater)
	var view: HomeView = HomePresenter.present(model)
	updater.free()
	return view
