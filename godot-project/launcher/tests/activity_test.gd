# SPDX-License-Identifier: MIT
## What the activity page shows of the log.
extends "res://tests/window_case.gd"


func test_problems_are_known_as_such_after_the_log_was_read_again() -> void:
	var path: String = "user://test_problems.jsonl"
	var log: ActivityLog = ActivityLog.read(path)
	log.add(1, "one")
	log.add(2, "two", true)
	log.add(3, "three")
	log.save()
	var again: ActivityLog = ActivityLog.read(path)
	equal(_texts(again.newest(false)), PackedStringArray(["three", "two", "one"]))
	equal(_texts(again.newest(true)), PackedStringArray(["two"]))
	DirAccess.remove_absolute(path)


func test_the_log_of_an_older_launcher_is_read_as_one_without_problems() -> void:
	var path: String = "user://test_problems.jsonl"
	var file: FileAccess = FileAccess.open(path, FileAccess.WRITE)
	file.store_string('{"time": 1, "text": "one"}\n{"time": 2, "text": "two", "problem": 7}\n')
	file.close()
	var log: ActivityLog = ActivityLog.read(path)
	equal(log.newest(false).size(), 2)
	equal(log.newest(true).size(), 0)
	DirAccess.remove_absolute(path)


func test_problems_can_be_shown_alone_in_every_language() -> void:
	var none: Dictionary[String, String] = {
		"en": "No problems so far.",
		"es": "Ningún problema hasta ahora.",
		"ja": "これまでに問題はありません。",
	}
	for language: String in none:
		await open(Vector2i(960, 540), language, 150)
		shell.session().activity.entries.clear()
		await play("ready")
		await show_stop("activity")
		var problems: Button = shell.page("activity").get_node("%ProblemsTab")
		problems.button_pressed = true
		await frames(1)
		equal(_shown(), none[language])
		await play("crashed")
		check_layout("%s problems" % language)
		equal(_shown().count("\n"), 1, "%s: the crash alone: %s" % [language, _shown()])
		check(_shown().contains("139"), language)
		(shell.page("activity").get_node("%AllTab") as Button).button_pressed = true
		await frames(1)
		check(_shown().count("\n") > 1, "%s: all again: %s" % [language, _shown()])
		await close()
	DirAccess.remove_absolute(LOG)


func test_a_failure_is_a_problem_and_a_look_that_finds_nothing_is_none() -> void:
	await open(SIZE, "en", 100)
	shell.session().activity.entries.clear()
	await play("ready")
	await play("offline")
	var problems: Array[ActivityLog.Entry] = shell.session().activity.newest(true)
	equal(problems.size(), 1)
	check(problems[0].text.contains("cannot be reached"), problems[0].text)
	check(shell.session().activity.newest(false).size() > 1, "what was found is there too")
	await close()
	DirAccess.remove_absolute(LOG)


func test_files_of_the_player_that_stay_behind_are_a_problem() -> void:
	await open(SIZE, "en", 100)
	var log: ActivityLog = shell.session().activity
	log.entries.clear()
	var words: String = "2 files that are not part of the game stay with the other version"
	updater.noticed.emit("left-behind", words)
	equal(_texts(log.newest(true)), PackedStringArray([words]))
	await close()
	DirAccess.remove_absolute(LOG)


func test_what_is_wrong_with_a_record_is_a_problem_that_is_told_once() -> void:
	await open(SIZE, "en", 100)
	var log: ActivityLog = shell.session().activity
	log.entries.clear()
	var words: String = "All settings are as they are at first: the settings need a newer launcher"
	for _look: int in 3:
		updater.noticed.emit("unread-record", words)
		await play("ready")
	updater.noticed.emit("no-game-log", "The game starts without a log: the disk is full")
	updater.noticed.emit("carried", "2 files that are not part of the game were taken along")
	equal(
		_texts(log.newest(true)),
		PackedStringArray(["The game starts without a log: the disk is full", words])
	)
	check(log.newest(false)[0].text.contains("taken along"), "the rest is there too")
	shell.session().open()
	updater.noticed.emit("unread-record", words)
	equal(log.newest(true).size(), 3, "another install is another matter")
	await close()
	DirAccess.remove_absolute(LOG)


func _shown() -> String:
	var text: RichTextLabel = shell.page("activity").get_node("%ActivityText")
	return text.get_parsed_text()


func _texts(entries: Array[ActivityLog.Entry]) -> PackedStringArray:
	var texts: PackedStringArray = []
	for entry: ActivityLog.Entry in entries:
		texts.append(entry.text)
	return texts
