# SPDX-License-Identifier: MIT
## The log, and what the activity page shows of it.
extends "res://tests/window_case.gd"

const PATH: String = "user://test_activity.jsonl"


func test_the_log_survives_a_broken_line() -> void:
	var log: ActivityLog = _read(
		'{"time": 1, "text": "one"}\n{broken\n\n[1]\n{"time": 2, "text": "two"}\n'
	)
	equal(log.entries.size(), 2)
	log.add(3, "three")
	log.save()
	equal(ActivityLog.read(PATH).entries.size(), 3)
	DirAccess.remove_absolute(PATH)


func test_problems_are_known_as_such_after_the_log_was_read_again() -> void:
	var log: ActivityLog = ActivityLog.read(PATH)
	log.add(1, "one")
	log.add(2, "two", true)
	log.add(3, "three")
	log.save()
	var again: ActivityLog = ActivityLog.read(PATH)
	equal(_texts(again.newest(false)), PackedStringArray(["three", "two", "one"]))
	equal(_texts(again.newest(true)), PackedStringArray(["two"]))
	DirAccess.remove_absolute(PATH)


func test_the_log_of_an_older_launcher_is_read_as_one_without_problems() -> void:
	var log: ActivityLog = _read(
		'{"time": 1, "text": "one"}\n{"time": 2, "text": "two", "problem": 7}\n'
	)
	equal(log.newest(false).size(), 2)
	equal(log.newest(true).size(), 0)
	DirAccess.remove_absolute(PATH)


func test_problems_can_be_shown_alone_in_every_language() -> void:
	var none: Dictionary[String, String] = {
		"en": "No problems so far.",
		"es": "Ningún problema hasta ahora.",
		"ja": "これまでに問題はありません。",
	}
	for language: String in none:
		await _open_with_an_empty_log(Vector2i(960, 540), language, 150)
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
	var log: ActivityLog = await _open_with_an_empty_log(SIZE, "en", 100)
	await play("ready")
	await play("offline")
	var problems: Array[ActivityLog.Entry] = log.newest(true)
	equal(problems.size(), 1)
	check(problems[0].text.contains("cannot be reached"), problems[0].text)
	check(log.newest(false).size() > 1, "what was found is there too")
	await close()
	DirAccess.remove_absolute(LOG)


func test_files_of_the_player_that_stay_behind_are_a_problem() -> void:
	var log: ActivityLog = await _open_with_an_empty_log(SIZE, "en", 100)
	var words: String = "2 files that are not part of the game stay with the other version"
	updater.noticed.emit("left-behind", words, true)
	equal(_texts(log.newest(true)), PackedStringArray([words]))
	await close()
	DirAccess.remove_absolute(LOG)


func test_what_is_wrong_with_a_record_is_a_problem_that_is_told_once() -> void:
	var log: ActivityLog = await _open_with_an_empty_log(SIZE, "en", 100)
	var words: String = "All settings are as they are at first: the settings need a newer launcher"
	for _look: int in 3:
		updater.noticed.emit("unread-record", words, true)
		await play("ready")
	updater.noticed.emit("no-game-log", "The game starts without a log: the disk is full", true)
	updater.noticed.emit("carried", "2 files that are not part of the game were taken along", false)
	equal(
		_texts(log.newest(true)),
		PackedStringArray(["The game starts without a log: the disk is full", words])
	)
	check(log.newest(false)[0].text.contains("taken along"), "the rest is there too")
	shell.session().open()
	updater.noticed.emit("unread-record", words, true)
	equal(log.newest(true).size(), 3, "another install is another matter")
	await close()
	DirAccess.remove_absolute(LOG)


## Returns the log that lies in a file with `lines`.
func _read(lines: String) -> ActivityLog:
	var file: FileAccess = FileAccess.open(PATH, FileAccess.WRITE)
	file.store_string(lines)
	file.close()
	return ActivityLog.read(PATH)


## Opens the window and returns its log, in which nothing stands.
func _open_with_an_empty_log(size: Vector2i, language: String, text_scale: int) -> ActivityLog:
	await open(size, language, text_scale)
	var log: ActivityLog = shell.session().activity
	log.entries.clear()
	return log


func _shown() -> String:
	var text: RichTextLabel = shell.page("activity").get_node("%ActivityText")
	return text.get_parsed_text()


func _texts(entries: Array[ActivityLog.Entry]) -> PackedStringArray:
	var texts: PackedStringArray = []
	for entry: ActivityLog.Entry in entries:
		texts.append(entry.text)
	return texts
