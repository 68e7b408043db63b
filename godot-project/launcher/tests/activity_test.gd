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


func test_a_time_that_is_none_is_read_as_one_that_can_be_shown() -> void:
	var times: PackedStringArray = [
		"null",
		"[1]",
		"{}",
		"true",
		'"soon"',
		"1e300",
		"-1e300",
		"1e309",
		"-7",
		"9223372036854775807"
	]
	var lines: String = ""
	for place: int in times.size():
		lines += '{"time": %s, "text": "line %d"}\n' % [times[place], place]
	var log: ActivityLog = _read(lines)
	equal(log.entries.size(), times.size())
	for place: int in log.entries.size():
		var time: int = log.entries[place].time
		check(time >= 0 and time <= Values.LAST_SECOND, "%s is %d" % [times[place], time])
		equal(Formats.date_and_time(time).length(), 16, times[place])
	equal(log.report("").count("line"), times.size(), "all of them are in the report")
	DirAccess.remove_absolute(PATH)


func test_a_text_that_is_none_is_left_out_and_a_harmful_one_is_made_harmless() -> void:
	var log: ActivityLog = _read(
		'{"time": 1}\n{"time": 2, "text": ["a"]}\n{"time": 3, "text": "a\\n\\u202Eb"}\n'
	)
	equal(_texts(log.entries), PackedStringArray(["ab"]))
	DirAccess.remove_absolute(PATH)


func test_only_the_end_of_a_log_without_end_is_read() -> void:
	var old: String = '{"time": 1, "text": "old"}\n'
	var log: ActivityLog = _read(
		old + "x".repeat(2 * ActivityLog.MAX_BYTES) + '\n{"time": 2, "text": "new"}\n'
	)
	equal(_texts(log.entries), PackedStringArray(["new"]))
	DirAccess.remove_absolute(PATH)


func test_the_longest_lines_of_the_log_are_all_read_again() -> void:
	# What is escaped takes the most letters, and the other two the most bytes.
	for letter: String in ['"', "日", "😀"] as Array[String]:
		var log: ActivityLog = ActivityLog.read(PATH)
		for place: int in ActivityLog.MAX_ENTRIES:
			var text: String = ("%d " % place).rpad(2 * ActivityLog.MAX_TEXT, letter)
			log.add(Values.LAST_SECOND, text, true)
		log.save()
		check(_texts(ActivityLog.read(PATH).entries) == _texts(log.entries), letter)
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
