# SPDX-License-Identifier: MIT
## What the window asks the engine for, and when.
extends "res://tests/window_case.gd"


func test_a_decision_needs_no_turn_and_an_operation_waits_for_its() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	updater.calls.clear()
	updater.list_versions()
	shell.session().choose("pin_version", ["0.1.0"])
	shell.session().start("remove_version", ["0.0.9-a"])
	equal(updater.calls, PackedStringArray(["list_versions", "pin_version 0.1.0"]))
	updater.finish("list_versions")
	await frames(2)
	equal(updater.calls[-1], "remove_version 0.0.9-a")
	await close()


func test_update_now_lifts_the_players_own_rule_first() -> void:
	var expected: Dictionary[String, PackedStringArray] = {
		"held_pinned": ["unpin_version", "update"],
		"held_skipped": ["skip_version 0.2.0 false", "update"],
		"held_metered": ["update"],
	}
	for scene: String in expected:
		await open(SIZE, "en", 100)
		await play(scene)
		updater.calls.clear()
		shell.session().perform("update_now")
		equal(updater.calls, expected[scene], scene)
		await close()


func test_a_skipped_version_is_looked_at_again() -> void:
	await open(SIZE, "en", 100)
	await play("offer_update")
	updater.calls.clear()
	shell.session().perform("skip")
	equal(updater.calls, PackedStringArray(["skip_version 0.2.0 true", "check"]))
	await close()


func test_after_uninstalling_the_players_files_are_named_and_the_game_is_offered() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	shell.session().start("uninstall", [false])
	updater.uninstalled.emit({"kept_in": "/home/player/kept"})
	updater.status_changed.emit(Scenes.status(false))
	updater.finish("uninstall")
	await frames(2)
	equal(updater.calls[-1], "check")
	updater.state_changed.emit("CheckForUpdates", "UpdateAvailable")
	updater.plan_ready.emit(Scenes.plan(true))
	updater.finish("check")
	await frames(2)
	equal(shell.session().model.screen(), LauncherModel.Screen.OFFER_INSTALL)
	var notice: Label = shell.get_node("%HomePage/%NoticeLabel")
	check(notice.text.contains("/home/player/kept"), notice.text)
	await close()


func test_the_settings_follow_a_moved_install() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	shell.session().move_to("/games/elsewhere")
	updater.finish("move_to")
	await frames(2)
	equal(updater.install_path, "/games/elsewhere")
	equal(LauncherSettings.read(SETTINGS).install_dir, "/games/elsewhere")
	DirAccess.remove_absolute(SETTINGS)
	await close()


func test_updates_by_hand_are_not_looked_for() -> void:
	await open(SIZE, "en", 100)
	updater.finish("check")
	updater.preferences["updates"] = "manual"
	updater.status = Scenes.status(true)
	updater.calls.clear()
	shell.session().open()
	await frames(2)
	check(not updater.calls.has("check"), "silent")
	updater.status = Scenes.status(false)
	shell.session().open()
	check(updater.calls.has("check"), "but a game that is not there yet is looked for")
	await close()


func test_a_library_button_asks_before_it_removes() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	updater.versions_listed.emit(Scenes.versions())
	shell.show_page("library")
	await frames(2)
	updater.finish("list_versions")
	updater.calls.clear()
	var row: VersionRow = shell.get_node("%LibraryPage/%Rows").get_child(1)
	(row.get_node("%Button3") as Button).pressed.emit()
	await frames(1)
	var question: Question = shell.get_node("%Question")
	check(question.visible and updater.calls.is_empty(), "asked first")
	(question.get_node("%QuestionYes") as Button).pressed.emit()
	await frames(1)
	equal(updater.calls[0] if updater.calls else "", "remove_version 0.0.9-a")
	await close()
