# SPDX-License-Identifier: MIT
## What the window asks the engine for, and when.
extends "res://tests/window_case.gd"


func test_what_comes_while_the_engine_lists_something_waits_for_its_turn() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	updater.calls.clear()
	updater.list_versions()
	shell.session().start("pin_version", ["0.1.0"])
	shell.session().start("remove_version", ["0.0.9-a"])
	shell.session().set_preference("updates", "ask")
	equal(updater.calls, PackedStringArray(["list_versions", "set_preference updates ask"]))
	updater.finish("list_versions")
	await frames(2)
	equal(updater.calls[-1], "pin_version 0.1.0")
	updater.finish("pin_version")
	await frames(2)
	equal(updater.calls[-1], "remove_version 0.0.9-a")
	await close()


func test_what_the_player_confirms_during_a_check_is_done_after_it() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	var wishes: Dictionary[String, Callable] = {
		"remove_version 0.0.9-a": shell.session().start.bind("remove_version", ["0.0.9-a"]),
		"rollback_to 0.0.9-a": shell.session().start.bind("rollback_to", ["0.0.9-a"]),
		"switch_channel nightly": shell.session().switch_channel.bind("nightly"),
		"verify": shell.session().perform.bind("verify"),
		"launch": shell.session().perform.bind("play"),
	}
	for call: String in wishes:
		shell.session().perform("check")
		updater.calls.clear()
		wishes[call].call()
		check(not updater.calls.has(call), call + " waits")
		updater.finish("check")
		await frames(2)
		equal(updater.calls[-1], call)
		updater.finish(call.get_slice(" ", 0), false)
		await frames(2)
		updater.finish("list_versions")
		await frames(2)
	await close()


func test_a_setting_that_is_refused_is_no_failure_of_what_runs_meanwhile() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	shell.session().perform("check")
	shell.session().set_preference("mirrors", "nonsense")
	check(shell.session().model.failure == null, "the look for updates goes on")
	equal(shell.session().model.notice.key, "NOTICE_SETTING_REFUSED")
	await close()


func test_what_the_engine_does_not_begin_keeps_nobody_waiting() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	shell.session().switch_channel("no channel")
	equal(shell.session().model.operation, "", "nothing runs")
	equal(shell.session().model.failure.code, "invalid-input")
	await close()


func test_what_ran_in_a_folder_ends_when_another_is_opened() -> void:
	await open(SIZE, "en", 100)
	await play("offer_update")
	updater.decided.emit({"action": "take"})
	shell.session().perform("update")
	updater.state_changed.emit("CheckForUpdates", "DownloadingUpdate")
	equal(shell.session().model.screen(), LauncherModel.Screen.WORKING)
	shell.session().model.files_to_check = 1
	# The engine closes the folder without a word, and nothing is looked for by itself.
	updater.busy = false
	updater.preferences["updates"] = "manual"
	equal(shell.session().use_server("https://other.example.org", false), OK)
	await frames(2)
	equal(shell.session().model.screen(), LauncherModel.Screen.READY)
	equal(shell.session().model.operation, "")
	equal(shell.session().model.take_request(), "", "what was to be taken was for the other folder")
	equal(shell.session().model.files_to_check, 0, "and so were these")
	DirAccess.remove_absolute(SETTINGS)
	await close()


func test_a_folder_that_cannot_be_opened_is_a_failure_to_try_again_after() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	updater.opens = false
	shell.session().open()
	await frames(2)
	equal(shell.session().model.screen(), LauncherModel.Screen.FAILED)
	check(shell.session().model.notice.is_empty(), "it is no setting that is refused")
	check(not shell.session().model.installed, "nothing of the folder before is offered")
	updater.opens = true
	updater.calls.clear()
	(shell.get_node("%HomePage/%PrimaryButton") as Button).pressed.emit()
	equal(updater.calls[0], "open")
	await close()


func test_update_now_lifts_the_players_own_rule_first() -> void:
	var expected: Dictionary[String, String] = {
		"held_pinned": "unpin_version",
		"held_skipped": "unskip_version 0.2.0",
		"held_metered": "",
	}
	for scene: String in expected:
		await open(SIZE, "en", 100)
		await play(scene)
		updater.calls.clear()
		shell.session().perform("update_now")
		if expected[scene]:
			equal(updater.calls, PackedStringArray([expected[scene]]), scene)
			updater.finish(expected[scene].get_slice(" ", 0))
			await frames(2)
		equal(updater.calls[-1], "update", scene)
		await close()


func test_why_says_the_reason_and_offers_to_update_anyway() -> void:
	await open(SIZE, "en", 100)
	await play("held_quiet")
	updater.calls.clear()
	var question: Question = shell.get_node("%Question")
	for anyway: bool in [false, true] as Array[bool]:
		(shell.get_node("%HomePage/%SecondaryButton1") as Button).pressed.emit()
		await frames(1)
		check(question.visible, "asked")
		var words: String = (question.get_node("%QuestionWords") as Label).text
		check(words.contains("after 07:00") and words.contains("Settings, Updates"), words)
		var answer: Button = question.get_node("%QuestionYes" if anyway else "%QuestionNo")
		answer.pressed.emit()
		await frames(1)
		equal(updater.calls, PackedStringArray(["update"] if anyway else []))
	await close()


func test_why_lets_a_download_go_on_that_the_settings_paused() -> void:
	await open(SIZE, "en", 100)
	await play("held_download")
	updater.calls.clear()
	(shell.get_node("%HomePage/%SecondaryButton2") as Button).pressed.emit()
	await frames(1)
	(shell.get_node("%Question/%QuestionYes") as Button).pressed.emit()
	await frames(1)
	equal(updater.calls, PackedStringArray(["resume"]))
	await close()


func test_a_skipped_version_is_looked_at_again() -> void:
	await open(SIZE, "en", 100)
	await play("offer_update")
	updater.calls.clear()
	shell.session().perform("skip")
	equal(updater.calls, PackedStringArray(["skip_version 0.2.0"]))
	updater.finish("skip_version")
	await frames(2)
	equal(updater.calls[-1], "check")
	await close()


func test_an_update_that_is_held_back_is_looked_at_when_its_reason_may_be_gone() -> void:
	var events: Dictionary[String, Callable] = {
		"held_metered": func() -> void: updater.network_changed.emit("unmetered"),
		"held_quiet": func() -> void: shell.session().set_preference("quiet-hours", "none"),
		"held_playing": func() -> void: updater.game_exited.emit(0, false),
	}
	for scene: String in events:
		await open(SIZE, "en", 100)
		await play(scene)
		updater.calls.clear()
		events[scene].call()
		await frames(2)
		check(updater.calls.has("check"), "%s: %s" % [scene, updater.calls])
		updater.decided.emit({"action": "take", "reason": ""})
		updater.finish("check")
		await frames(2)
		updater.finish("list_versions")
		await frames(2)
		check(updater.calls.has("update_by_settings"), "%s: %s" % [scene, updater.calls])
		check(not updater.calls.has("update"), scene)
		await close()


func test_a_copy_of_the_game_is_used_once_the_player_agrees() -> void:
	await open(SIZE, "en", 100)
	await play("offer_install")
	updater.calls.clear()
	var question: Question = shell.get_node("%Question")
	for agreed: bool in [false, true] as Array[bool]:
		(shell.get_node("%HomePage/%SecondaryButton2") as Button).pressed.emit()
		var dialogs: Array[Node] = shell.find_children("*", "FileDialog", true, false)
		equal(dialogs.size(), 1, "one dialog")
		(dialogs[0] as FileDialog).dir_selected.emit("/games/copy")
		await frames(1)
		check(not is_instance_valid(dialogs[0]), "gone once it has its answer")
		check((question.get_node("%QuestionWords") as Label).text.contains("/games/copy"), "named")
		(question.get_node("%QuestionYes" if agreed else "%QuestionNo") as Button).pressed.emit()
		await frames(1)
		equal(updater.calls, PackedStringArray(["adopt /games/copy"] if agreed else []))
	updater.state_changed.emit("CheckForUpdates", "DownloadingUpdate")
	equal(shell.session().model.screen(), LauncherModel.Screen.WORKING)
	updater.status_changed.emit(Scenes.status(true))
	updater.state_changed.emit("Idle", "")
	shell.session().model.plan = null
	updater.finish("adopt")
	await frames(2)
	equal(shell.session().model.notice.key, "NOTICE_UPDATED")
	await close()


func test_only_what_the_server_answered_counts_as_a_look_for_updates() -> void:
	await open(SIZE, "en", 100)
	updater.finish("check", false)
	await frames(2)
	equal(shell.session().model.facts.checked_at, 0, "it was not reached")
	shell.session().perform("check")
	updater.finish("check")
	check(shell.session().model.facts.checked_at > 0, "it answered")
	await close()


func test_a_quick_check_that_finds_changed_files_offers_the_whole_one() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	updater.calls.clear()
	(shell.page("library").get_node("%QuickButton") as Button).pressed.emit()
	await frames(1)
	equal(updater.calls, PackedStringArray(["verify_quick"]))
	updater.verified.emit({"files": 9, "modified": PackedStringArray(["a.pck"])})
	updater.finish("verify_quick")
	await frames(2)
	shell.session().perform("verify")
	await frames(1)
	equal(updater.calls[-1], "verify")
	await close()


func test_the_log_is_written_after_the_window_has_shown_what_it_says() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	await frames(3)
	var before: int = ActivityLog.read(LOG).entries.size()
	updater.state_changed.emit("CheckForUpdates", "UpdateAvailable")
	updater.plan_ready.emit(Scenes.plan(false))
	var shown: Array[String] = []
	shell.session().changed.connect(
		func() -> void: shown.append(str(ActivityLog.read(LOG).entries.size() - before))
	)
	await frames(4)
	equal(shown[0], "0", "not before")
	check(ActivityLog.read(LOG).entries[-1].text.begins_with("Found 0.2.0"), "but then")
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


func test_the_library_opens_at_its_top_with_the_focus_in_sight() -> void:
	for language: String in ["en", "es", "ja"] as Array[String]:
		await open(Vector2i(960, 540), language, 150)
		await play("ready")
		updater.versions_listed.emit(Scenes.versions())
		for time: String in ["first", "second"] as Array[String]:
			shell.show_page("library")
			await frames(3)
			var scroll: ScrollContainer = shell.page("library").get_node("%Scroll")
			equal(scroll.scroll_vertical, 0, "%s %s" % [language, time])
			var focus: Control = viewport.gui_get_focus_owner()
			check(scroll.is_ancestor_of(focus), "%s: %s has the focus" % [language, focus.name])
			var sight: Rect2 = scroll.get_global_rect().grow(0.5)
			check(sight.encloses(focus.get_global_rect()), "%s: it is in sight" % language)
			scroll.scroll_vertical = 1000
			shell.show_page("home")
			await frames(1)
		await close()


func test_a_library_button_asks_before_it_removes() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	updater.versions_listed.emit(Scenes.versions())
	shell.show_page("library")
	await frames(2)
	updater.finish("list_versions")
	updater.calls.clear()
	var row: VersionRow = shell.page("library").get_node("%Rows").get_child(1)
	(row.get_node("%Button3") as Button).pressed.emit()
	await frames(1)
	var question: Question = shell.get_node("%Question")
	check(question.visible and updater.calls.is_empty(), "asked first")
	(question.get_node("%QuestionYes") as Button).pressed.emit()
	await frames(1)
	equal(updater.calls[0] if updater.calls else "", "remove_version 0.0.9-a")
	await close()
