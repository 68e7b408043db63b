# SPDX-License-Identifier: MIT
## Arguments, settings, figures, notes and the log.
extends "res://tests/test_case.gd"

const SETTINGS: String = "user://test_settings.cfg"


func test_options_open_the_window_and_verbs_the_command_line() -> void:
	var window: LaunchOptions = LaunchOptions.parse(
		["--server", "http://h", "--title=t", "--channel", "c", "--install-dir", "/d e"]
	)
	check(not window.wants_command_line, "options alone")
	equal(window.server_url, "http://h")
	equal(window.title, "t")
	equal(window.channel, "c")
	equal(window.install_dir, "/d e")
	for arguments: PackedStringArray in [
		["update"], ["--help"], ["--server", "x", "status"], ["--title", "t", "--server"]
	]:
		check(LaunchOptions.parse(arguments).wants_command_line, str(arguments))


func test_the_title_of_the_build_is_used_unless_another_is_given() -> void:
	equal(CommandLine.with_title(["update"], "t"), PackedStringArray(["--title=t", "update"]))
	equal(
		CommandLine.with_title(["update", "--title", "x"], "t"),
		PackedStringArray(["update", "--title", "x"])
	)
	equal(
		CommandLine.with_title(["launch", "--", "--title"], "t"),
		PackedStringArray(["--title=t", "launch", "--", "--title"]),
		"what follows -- is the game's"
	)


func test_the_title_asked_for_is_found_in_both_forms() -> void:
	equal(CommandLine.named_title(["update"]), "")
	equal(CommandLine.named_title(["update", "--title", "x"]), "x")
	equal(CommandLine.named_title(["--title=x", "update"]), "x")
	equal(CommandLine.named_title(["launch", "--", "--title", "x"]), "", "that is the game's")


func test_settings_are_read_as_they_were_saved() -> void:
	var settings: LauncherSettings = LauncherSettings.read(SETTINGS)
	settings.server_url = "https://updates.example.org"
	settings.language = "ja"
	settings.text_scale = 130
	equal(settings.save(), OK)
	var again: LauncherSettings = LauncherSettings.read(SETTINGS)
	equal(again.server_url, "https://updates.example.org")
	equal(again.language, "ja")
	equal(again.text_scale, 130)
	DirAccess.remove_absolute(SETTINGS)


func test_a_file_that_cannot_be_written_leaves_the_one_before() -> void:
	equal(WholeFile.write(SETTINGS, "before"), OK)
	# A folder in its place is what no permission of the test's own account gets around.
	DirAccess.make_dir_absolute(SETTINGS + ".new")
	check(WholeFile.write(SETTINGS, "after") != OK, "told")
	equal(FileAccess.get_file_as_string(SETTINGS), "before")
	DirAccess.remove_absolute(SETTINGS + ".new")
	equal(WholeFile.write(SETTINGS, "after ñ 日\r\n"), OK)
	equal(FileAccess.get_file_as_string(SETTINGS), "after ñ 日\r\n")
	check(not FileAccess.file_exists(SETTINGS + ".new"), "nothing is left beside it")
	DirAccess.remove_absolute(SETTINGS)


func test_a_file_that_was_left_beside_its_place_takes_it_when_it_is_read() -> void:
	var settings: LauncherSettings = LauncherSettings.read(SETTINGS)
	settings.language = "ja"
	equal(settings.save(), OK)
	# As on Windows, where a launcher was killed before the new file took the place.
	DirAccess.rename_absolute(SETTINGS, SETTINGS + ".new")
	equal(LauncherSettings.read(SETTINGS).language, "ja")
	check(FileAccess.file_exists(SETTINGS), "it is in its place")
	check(not FileAccess.file_exists(SETTINGS + ".new"), "and no longer beside it")
	DirAccess.remove_absolute(SETTINGS)


func test_settings_that_make_no_sense_keep_their_defaults() -> void:
	var file: ConfigFile = ConfigFile.new()
	file.set_value("update", "server_url", 7)
	file.set_value("window", "text_scale", 9000)
	file.set_value("window", "theme", 7)
	file.save(SETTINGS)
	var settings: LauncherSettings = LauncherSettings.read(SETTINGS)
	equal(settings.server_url, "")
	equal(settings.text_scale, 100)
	equal(settings.theme, "system")
	DirAccess.remove_absolute(SETTINGS)


func test_sizes_are_readable_in_each_language() -> void:
	TranslationServer.set_locale("en")
	equal(Formats.bytes(0), "0 B")
	equal(Formats.bytes(1023), "1023 B")
	equal(Formats.bytes(1024), "1.0 KiB")
	equal(Formats.bytes(1048575), "1.0 MiB", "no 1024.0 KiB")
	equal(Formats.bytes(64487424), "61.5 MiB")
	equal(Formats.bytes(-1), "0 B")
	TranslationServer.set_locale("es")
	equal(Formats.bytes(64487424), "61,5 MiB")
	TranslationServer.set_locale("en")


func test_time_left_is_coarse() -> void:
	TranslationServer.set_locale("en")
	equal(Formats.time_left(-1).text(), "time unknown")
	equal(Formats.time_left(4).text(), "a few seconds left")
	equal(Formats.time_left(42).text(), "50 seconds left")
	equal(Formats.time_left(60).text(), "1 minute left")
	equal(Formats.time_left(61).text(), "2 minutes left")
	equal(Formats.time_left(3700).text(), "1 h 2 min left")


func test_a_moment_of_today_is_a_time_and_any_other_a_day() -> void:
	var now: int = int(Time.get_unix_time_from_system())
	var time: String = Formats.moment(now)
	check(time.length() == 5 and time[2] == ":", time)
	equal(Formats.moment(now - 2 * 86400), Formats.date(now - 2 * 86400))
	equal(Formats.date_and_time(now), "%s %s" % [Formats.date(now), time])


func test_notes_show_lists_and_emphasis() -> void:
	equal(
		NotesMarkup.to_bbcode("# New\n\n- **bold** and `code`\n- [a link](https://x)"),
		"[b]New[/b]\n[ul][b]bold[/b] and [code]code[/code][/ul]\n[ul]a link[/ul]"
	)


func test_notes_cannot_smuggle_markup_or_turn_text_around() -> void:
	var hostile: String = "[url=file:///etc]x[/url] \u202Egnp.exe\u0007 [img]res://a[/img]"
	var shown: String = NotesMarkup.to_bbcode(hostile)
	check(not shown.contains("[url"), shown)
	check(not shown.contains("[img"), shown)
	check(not shown.contains("\u202E") and not shown.contains("\u0007"), "control characters")


func test_huge_notes_are_cut() -> void:
	check(NotesMarkup.to_bbcode("x".repeat(1000000)).length() <= 8000, "length")


func test_the_report_hides_the_players_folder() -> void:
	var home: String = OS.get_environment("HOME")
	if home.length() < 2:
		return
	var shown: String = ActivityLog.without_private_paths("in %s/games" % home)
	equal(shown, "in ~/games")


func test_the_report_hides_the_players_name() -> void:
	equal(ActivityLog.without_name("/mnt/Ann.B/x of ann.b", "ann.b"), "/mnt/(user)/x of (user)")
	equal(ActivityLog.without_name("annbc and banana", "ann"), "annbc and banana", "no word")
	equal(ActivityLog.without_name("cannot read a", "a"), "cannot read a", "too short")
	equal(ActivityLog.without_name("the root of trust", "root"), "the root of trust")


func test_what_happens_again_and_again_is_told_once_with_its_last_time() -> void:
	var log: ActivityLog = ActivityLog.new()
	log.add(1, "nothing new")
	log.add(2, "started")
	for time: int in [3, 4, 5] as Array[int]:
		log.add(time, "nothing new")
	equal(log.entries.size(), 3)
	equal(log.entries[-1].time, 5)


func test_a_chosen_folder_with_other_things_in_it_is_not_filled() -> void:
	var folder: String = OS.get_user_data_dir().path_join("test_folder")
	DirAccess.make_dir_recursive_absolute(folder)
	equal(InstallFolder.inside(folder, "t"), folder, "an empty folder is used itself")
	var file: FileAccess = FileAccess.open(folder.path_join("thesis.txt"), FileAccess.WRITE)
	file.store_string("x")
	file.close()
	equal(InstallFolder.inside(folder, "t"), folder.path_join("t"))
	DirAccess.remove_absolute(folder.path_join("thesis.txt"))
	DirAccess.remove_absolute(folder)


func test_only_other_machines_need_encryption() -> void:
	for address: String in ["http://127.0.0.1:7780", "http://localhost/", "http://[::1]:80/x"]:
		check(not ServerAddress.is_unprotected(address), address)
	for address: String in ["http://example.org", "http://127.0.0.1.example.org", "http://[::2]"]:
		check(ServerAddress.is_unprotected(address), address)
	check(not ServerAddress.is_unprotected("https://example.org"), "https")
	check(not ServerAddress.is_address("example.org"), "no scheme")


func test_the_interface_grows_with_dense_screens() -> void:
	equal(WindowFit.scale_for(Vector2i(1280, 800), 96, 1.0), 1.0, "Steam Deck")
	equal(WindowFit.scale_for(Vector2i(1920, 1080), 96, 1.0), 1.0)
	equal(WindowFit.scale_for(Vector2i(3840, 2160), 96, 1.0), 2.0, "4K without a density")
	equal(WindowFit.scale_for(Vector2i(2560, 1600), 192, 1.0), 2.0)
	equal(WindowFit.scale_for(Vector2i(3024, 1964), 220, 2.0), 2.0, "the system's own")
