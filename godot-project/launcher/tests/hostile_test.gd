# SPDX-License-Identifier: MIT
## What a hostile server, a broken disk or a stranger's link does to the window: nothing but words.
extends "res://tests/window_case.gd"

const EVIL: String = "\u202Egnp\u0001.exe\n[b]\u0007"


func test_a_name_is_one_short_line_of_harmless_letters() -> void:
	equal(Printable.line(" a\nb\u202Ec "), "abc")
	equal(Printable.line("x".repeat(1000000)).length(), Printable.MAX_NAME)
	check(Printable.line("x".repeat(500)).ends_with("…"), "it says that it was cut")
	equal(Printable.line("日本語 ñ"), "日本語 ñ")


func test_huge_and_malformed_news_leave_the_window_whole() -> void:
	await open(Vector2i(960, 540), "en", 150)
	for notes: String in ["x".repeat(2000000), "[".repeat(9000), "# \n".repeat(5000), EVIL]:
		var plan: Dictionary = Scenes.plan(false)
		plan["notes"] = notes
		plan["version"] = EVIL + "9".repeat(5000)
		updater.status_changed.emit(Scenes.status(true))
		updater.state_changed.emit("CheckForUpdates", "UpdateAvailable")
		updater.plan_ready.emit(plan)
		await frames(3)
		check_layout("notes of %d letters" % notes.length())
		var words: String = (shell.get_node("%HomePage/%Headline") as Label).text
		check(not words.contains("\u202E") and not words.contains("\n"), words.left(40))
	await close()


func test_values_of_the_wrong_kind_do_no_harm() -> void:
	await open(SIZE, "en", 100)
	updater.status_changed.emit({"installed": "yes", "version": 7, "installed_bytes": -9})
	updater.plan_ready.emit({"version": 1.5, "download_bytes": "much", "files_added": -1})
	updater.progress_changed.emit({"step": 3, "done_bytes": 9e18, "total_bytes": -1})
	updater.progress_changed.emit({"step": null, "done_bytes": NAN, "seconds_left": [1]})
	updater.failed.emit({"code": EVIL, "message": EVIL, "detail": "x".repeat(200000)})
	updater.versions_listed.emit([{"version": EVIL, "name": "../../etc"}, {"role": 3}])
	await frames(3)
	shell.show_page("library")
	await frames(3)
	check_layout("library")
	await close()


func test_a_wall_of_letters_in_an_error_is_cut() -> void:
	var detail: String = "x".repeat(200000) + "\n".repeat(9000)
	var failure: Failure = Failure.from({"code": "x", "message": detail, "detail": detail})
	check(failure.details().length() <= 2 * Failure.MAX_DETAIL, "length")
	for line: String in failure.details().split("\n"):
		check(line.length() <= Failure.MAX_SENTENCE, "a line of %d" % line.length())


func test_a_channel_with_an_evil_name_is_one_line() -> void:
	await open(SIZE, "en", 100)
	var status: Dictionary = Scenes.status(true)
	status["channel"] = EVIL.repeat(200)
	updater.status_changed.emit(status)
	await frames(2)
	var label: Label = shell.get_node("%ChannelLabel")
	check(not label.text.contains("\n") and label.text.length() <= Printable.MAX_NAME, label.text)
	await close()


func test_a_flood_of_signals_is_shown_once_a_frame() -> void:
	await open(SIZE, "en", 100)
	var shown: Array[int] = [0]
	shell.session().changed.connect(func() -> void: shown[0] += 1)
	for step: int in 5000:
		updater.progress_changed.emit({"step": "download", "done_bytes": step, "total_bytes": 9999})
	await frames(2)
	check(shown[0] <= 2, "%d times" % shown[0])
	await close()


func test_settings_that_cannot_be_written_are_said_so_and_count_meanwhile() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	# A folder in the place of the file is what no permission of the test's own account gets around.
	DirAccess.make_dir_absolute(SETTINGS + ".new")
	var page: SettingsPage = shell.page("settings")
	page.choice("theme").chosen.emit("theme", "dark")
	await frames(2)
	var note: Label = page.get_node("%Note")
	check(note.visible and note.text.contains("could not be saved"), note.text)
	equal(shell.theme.get_color("font_color", "Label"), Palette.dark().text)
	DirAccess.remove_absolute(SETTINGS + ".new")
	await close()


func test_a_log_that_cannot_be_written_is_still_shown() -> void:
	var path: String = "user://test_log.jsonl"
	DirAccess.make_dir_absolute(path + ".new")
	var log: ActivityLog = ActivityLog.read(path)
	log.add(1, "one")
	log.save()
	equal(log.entries.size(), 1)
	DirAccess.remove_absolute(path + ".new")


func test_a_log_of_endless_lines_is_read_in_bounds() -> void:
	var path: String = "user://test_log.jsonl"
	var file: FileAccess = FileAccess.open(path, FileAccess.WRITE)
	file.store_string('{"time": 1, "text": "%s"}\n' % "x".repeat(100000))
	for line: int in 3000:
		file.store_string('{"time": %d, "text": "line %d"}\n' % [line, line])
	file.close()
	check(ActivityLog.read(path).entries.size() <= ActivityLog.MAX_ENTRIES, "entries")
	DirAccess.remove_absolute(path)


func test_a_missing_font_does_not_take_the_words_away() -> void:
	var bare: FontVariation = FontVariation.new()
	var theme: Theme = ThemeFactory.build(Palette.light(), 100, false)
	theme.default_font = bare
	check(theme.default_font.get_string_size("Play").x > 0.0, "Godot's own font steps in")


func test_a_call_waits_until_the_window_is_there_to_hear_it() -> void:
	var instance: SingleInstance = SingleInstance.new()
	tree.root.add_child(instance)
	check(instance.is_first("nobody else has this install"), "first")
	var call: String = instance.leave_call("", Time.get_unix_time_from_system())
	equal(instance.get_child_count(), 0, "nothing looks for calls")
	instance.listen()
	await instance.called
	check(not FileAccess.file_exists(call), "heard")
	DirAccess.remove_absolute(instance.folder)
	instance.queue_free()


func test_calls_of_other_starts_are_taken_once_and_only_when_fresh() -> void:
	var folder: String = "user://test_calls"
	var instance: SingleInstance = SingleInstance.new()
	instance.folder = folder
	var links: PackedStringArray = []
	instance.called.connect(func(link: String) -> void: links.append(link))
	var now: float = Time.get_unix_time_from_system()
	var fresh: String = instance.leave_call("vsekai://x/y", now)
	instance.leave_call("vsekai://old", now - 3600.0)
	instance.leave_call("https://example.org", now)
	for text: String in ["{broken", "[]", '{"time": "now", "link": 7}', "x".repeat(100000)]:
		var file: FileAccess = FileAccess.open(
			folder.path_join("%d.json" % text.length()), FileAccess.WRITE
		)
		file.store_string(text)
		file.close()
	instance.look()
	instance.look()
	links.sort()
	equal(links, PackedStringArray(["", "vsekai://x/y"]), "a call with no good link only raises")
	check(not FileAccess.file_exists(fresh), "a call that was heard is gone")
	equal(DirAccess.get_files_at(folder).size(), 0)
	DirAccess.remove_absolute(folder)
	instance.free()
