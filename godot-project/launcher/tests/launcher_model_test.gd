# SPDX-License-Identifier: MIT
## What the launcher knows and wants after each of the engine's signals.
extends "res://tests/test_case.gd"

const FakeUpdater: GDScript = preload("res://tests/fake_updater.gd")
const Scenes: GDScript = preload("res://tests/scenes.gd")


func test_every_scene_leads_to_its_screen() -> void:
	var expected: Dictionary[String, LauncherModel.Screen] = {
		"starting": LauncherModel.Screen.CHECKING,
		"checking": LauncherModel.Screen.CHECKING,
		"nothing_offered": LauncherModel.Screen.NOTHING_OFFERED,
		"offer_install": LauncherModel.Screen.OFFER_INSTALL,
		"offer_update": LauncherModel.Screen.OFFER_UPDATE,
		"ready": LauncherModel.Screen.READY,
		"preparing": LauncherModel.Screen.WORKING,
		"downloading": LauncherModel.Screen.WORKING,
		"paused": LauncherModel.Screen.PAUSED,
		"applying": LauncherModel.Screen.WORKING,
		"finalizing": LauncherModel.Screen.WORKING,
		"updated": LauncherModel.Screen.READY,
		"cancelled": LauncherModel.Screen.OFFER_UPDATE,
		"sound": LauncherModel.Screen.READY,
		"damaged": LauncherModel.Screen.FAILED,
		"held_quiet": LauncherModel.Screen.HELD_BACK,
		"held_metered": LauncherModel.Screen.HELD_BACK,
		"held_pinned": LauncherModel.Screen.HELD_BACK,
		"held_download": LauncherModel.Screen.PAUSED,
		"quick": LauncherModel.Screen.READY,
		"written": LauncherModel.Screen.READY,
		"server_down": LauncherModel.Screen.FAILED,
		"untrusted": LauncherModel.Screen.FAILED,
		"clock": LauncherModel.Screen.FAILED,
		"launcher_too_old": LauncherModel.Screen.FAILED,
		"offline": LauncherModel.Screen.FAILED,
		"offline_first": LauncherModel.Screen.FAILED,
		"disk_full": LauncherModel.Screen.FAILED,
		"playing": LauncherModel.Screen.PLAYING,
		"crashed": LauncherModel.Screen.CRASHED,
		"rolled_back": LauncherModel.Screen.READY,
		"went_back": LauncherModel.Screen.READY,
	}
	for scene: String in expected:
		equal(_after(scene).screen(), expected[scene], scene)


func test_without_automatic_updates_nothing_starts_by_itself() -> void:
	var model: LauncherModel = _after("offer_update")
	equal(model.take_request(), "")


func test_damage_that_arrives_is_not_damage_of_the_install() -> void:
	var model: LauncherModel = _after("offer_update")
	model.on_requested("update")
	model.on_failed({"code": "damaged"})
	equal(model.failure.code, "damaged-download")
	check(not model.failure.wants_repair(), "nothing to repair")


func test_a_cancelled_operation_is_no_failure() -> void:
	var model: LauncherModel = _after("offer_update")
	model.on_requested("update")
	model.on_failed({"code": "cancelled"})
	check(model.failure == null, "no failure is shown")


func test_a_new_attempt_takes_the_old_failure_away() -> void:
	var model: LauncherModel = _after("offline")
	model.on_requested("check")
	check(model.failure == null, "the failure is gone")


func test_try_again_repeats_what_failed() -> void:
	var model: LauncherModel = _after("offer_update")
	model.on_requested("update")
	model.on_failed({"code": "offline"})
	equal(model.last_attempt, "update")


func test_a_crash_that_the_engine_went_back_for_is_told_as_that() -> void:
	for early: bool in [true, false] as Array[bool]:
		var model: LauncherModel = _after("ready")
		model.on_game_started()
		if early:
			model.on_state_changed("RolledBack", "")
		model.on_game_exited(1, true)
		if not early:
			model.on_state_changed("RolledBack", "")
		equal(model.screen(), LauncherModel.Screen.READY, "early" if early else "late")
		equal(model.notice.key, "NOTICE_WENT_BACK")
		model.on_game_started()
		model.on_game_exited(1, true)
		equal(model.screen(), LauncherModel.Screen.CRASHED, "the next one is a crash again")


func test_closing_asks_only_while_something_runs() -> void:
	for scene: String in ["downloading", "paused", "applying"]:
		check(_after(scene).would_lose_by_closing(), scene)
	for scene: String in ["ready", "offer_update", "offline", "playing"]:
		check(not _after(scene).would_lose_by_closing(), scene)


func test_a_late_phase_cannot_be_cancelled() -> void:
	var cancel: HomeView.Action = HomePresenter.present(_after("downloading")).secondary[0]
	check(cancel.name == "cancel" and cancel.enabled, "downloading")
	cancel = HomePresenter.present(_after("finalizing")).secondary[0]
	check(cancel.name == "cancel" and not cancel.enabled, "finalizing")


func test_going_to_a_newer_version_by_hand_is_not_called_going_back() -> void:
	var words: Dictionary[String, String] = {
		"en": "You have 0.1.0 now. 0.0.9 stays in the Library.",
		"es": "Ahora tienes 0.1.0. 0.0.9 queda en la Biblioteca.",
		"ja": "0.1.0 に切り替えました。0.0.9 はライブラリに残ります。",
	}
	var model: LauncherModel = LauncherModel.new()
	model.on_requested("rollback_to")
	model.on_state_changed("RolledBack", "")
	model.on_switched(Scenes.switched(true))
	model.on_status_changed(Scenes.status(true))
	model.on_finished("rollback_to", true)
	equal(model.take_activity()[-1].key, "ACTIVITY_SWITCHED")
	for language: String in words:
		TranslationServer.set_locale(language)
		equal(model.notice.text(), words[language])
	TranslationServer.set_locale("en")


func test_empty_and_foreign_values_do_no_harm() -> void:
	var model: LauncherModel = LauncherModel.new()
	model.on_state_changed("Nonsense", "")
	model.on_plan_ready({})
	model.on_progress_changed({"done_bytes": -5, "total_bytes": -1})
	model.on_status_changed({})
	model.on_failed({})
	model.on_verified({})
	model.on_switched({})
	model.on_finished("nothing", false)
	equal(model.progress.done_bytes, 0)
	HomePresenter.present(model)


func test_what_happened_is_told_in_order() -> void:
	var keys: PackedStringArray = []
	for message: Message in _after("updated").take_activity():
		keys.append(message.key)
	equal(
		", ".join(keys),
		"ACTIVITY_FOUND, ACTIVITY_DOWNLOADING, ACTIVITY_UPDATED",
	)


func _after(scene: String) -> LauncherModel:
	var model: LauncherModel = LauncherModel.new()
	var updater: Node = FakeUpdater.new()
	for event: String in LauncherSession.MODEL_EVENTS:
		updater.connect(event, Callable(model, "on_" + event))
	updater.connect("finished", model.on_finished)
	updater.connect("game_started", model.on_game_started.unbind(1))
	updater.connect("game_exited", model.on_game_exited)
	Scenes.play(scene, updater)
	updater.free()
	return model
