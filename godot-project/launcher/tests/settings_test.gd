# SPDX-License-Identifier: MIT
## What each setting can be, quiet hours, links, the desktop's entries and the window's place.
extends "res://tests/test_case.gd"


func test_every_setting_shows_its_value_among_the_usual_ones() -> void:
	var values: Dictionary[String, String] = {
		"updates": "manual",
		"rate-limit": "2097152",
		"metered": "auto",
		"metered-size": "20000000",
		"while-playing": "pause",
		"keep-versions": "1",
		"quiet-time": "22:00",
		"language": "",
		"text": "100",
	}
	for setting: String in values:
		var choices: Array[SettingChoices.Choice] = SettingChoices.of(setting, values[setting])
		check(choices.size() > 1, setting)
		check(_values(choices).has(values[setting]), setting)
		equal(choices.size(), SettingChoices.of(setting, "").size(), setting + " has no odd one")


func test_a_value_set_elsewhere_is_shown_as_it_is() -> void:
	TranslationServer.set_locale("en")
	var rates: Array[SettingChoices.Choice] = SettingChoices.of("rate-limit", "12345678")
	equal(rates[-1].value, "12345678")
	equal(rates[-1].label.text(), "11.8 MiB/s")
	equal(SettingChoices.of("quiet-time", "22:30")[-1].label.text(), "22:30")
	equal(
		SettingChoices.of("while-playing", "1048576")[2].label.text(),
		"Downloads at 1.0 MiB/s at most"
	)


func test_quiet_hours_are_any_number_of_windows() -> void:
	var night: PackedStringArray = ["22:00", "07:30"]
	var noon: PackedStringArray = ["12:05", "13:00"]
	var both: Array[PackedStringArray] = [night, noon]
	equal(SettingChoices.quiet_windows("22:00-7:30,12:5-13:00"), both)
	equal(SettingChoices.quiet_hours(both), "22:00-07:30,12:05-13:00")
	for nothing: String in ["none", "", "x-y", "22:00", "07:00-07:00", "1-2-3"]:
		equal(SettingChoices.quiet_windows(nothing), [] as Array[PackedStringArray], nothing)
	equal(SettingChoices.quiet_hours([]), "none")
	equal(SettingChoices.an_hour_after("23:30"), "00:30")


func test_only_plain_links_of_the_game_pass() -> void:
	equal(
		LaunchLink.parse("V-Sekai://v-sekai.org/a?key=1#2,3"), "v-sekai://v-sekai.org/a?key=1#2,3"
	)
	equal(LaunchLink.parse(" vsekai://x "), "vsekai://x")
	var hostile: PackedStringArray = [
		"http://example.org",
		"v-sekai:example",
		"v-sekai://",
		"v-sekai://a b",
		'v-sekai://a"b',
		"v-sekai://a\nb",
		"v-sekai://a\\b",
		"v-sekai://\u202Ea",
		"xv-sekai://a",
		"v-sekai://" + "a".repeat(3000),
	]
	for link: String in hostile:
		equal(LaunchLink.parse(link), "", link.left(40))


func test_a_link_reaches_the_game_as_arguments_of_its_own() -> void:
	equal(LaunchLink.arguments(""), PackedStringArray())
	equal(LaunchLink.arguments("vsekai://x"), PackedStringArray(["--", "--uri", "vsekai://x"]))


func test_what_may_be_a_secret_in_a_link_is_not_shown() -> void:
	equal(LaunchLink.shown("vsekai://x/home?key=secret#1"), "vsekai://x/home")


func test_a_link_alone_opens_the_window() -> void:
	var options: LaunchOptions = LaunchOptions.parse(["vsekai://x/y", "--channel", "nightly"])
	check(not options.wants_command_line, "window")
	equal(options.link, "vsekai://x/y")
	equal(options.channel, "nightly")
	check(LaunchOptions.parse(["https://example.org"]).wants_command_line, "no link")


func test_a_path_is_one_argument_of_a_desktop_entry() -> void:
	equal(DesktopEntries.quoted("/opt/a b/x"), '"/opt/a b/x"')
	equal(DesktopEntries.quoted('/a"`$\\%'), '"/a\\\\"\\\\`\\\\$\\\\\\\\%%"')


func test_the_desktop_gets_and_loses_its_entries() -> void:
	var folder: String = OS.get_user_data_dir().path_join("test_desktop")
	DesktopEntries.program = "/opt/vsekai-launcher"
	DesktopEntries.autostart_folder = folder
	equal(DesktopEntries.start_with_system(true, "V-Sekai Launcher\nExec=evil"), OK)
	check(DesktopEntries.starts_with_system(), "entered")
	var text: String = FileAccess.get_file_as_string(folder.path_join(DesktopEntries.FILE))
	check(text.contains('\nExec="/opt/vsekai-launcher"\n'), text)
	check(text.count("Exec=") == 2 and not text.contains("\nExec=evil"), "a name is one line")
	equal(DesktopEntries.start_with_system(false, ""), OK)
	check(not DesktopEntries.starts_with_system(), "gone")
	DesktopEntries.program = ""
	DirAccess.remove_absolute(folder)


func test_links_are_asked_for_under_both_schemes() -> void:
	var text: String = DesktopEntries.links_text("V-Sekai Launcher", "/opt/x")
	check(text.contains('Exec="/opt/x" -- %u\n'), text)
	check(text.contains("MimeType=x-scheme-handler/v-sekai;x-scheme-handler/vsekai;\n"), text)


func test_the_window_comes_back_where_it_was_if_it_can_be_seen_there() -> void:
	var screens: Array[Rect2i] = [Rect2i(0, 0, 1920, 1080), Rect2i(1920, 0, 1280, 800)]
	var least: Vector2i = Vector2i(960, 540)
	var before: Rect2i = Rect2i(2000, 20, 1000, 700)
	equal(WindowFit.placed(before, screens, least), before)
	equal(WindowFit.placed(Rect2i(-200, -9, 1000, 700), screens, least).position, Vector2i.ZERO)
	check(not WindowFit.placed(Rect2i(4000, 0, 1000, 700), screens, least).has_area(), "unplugged")
	check(not WindowFit.placed(Rect2i(0, 0, 10, 10), screens, least).has_area(), "too small")
	check(not WindowFit.placed(Rect2i(), screens, least).has_area(), "unknown")


func _values(choices: Array[SettingChoices.Choice]) -> PackedStringArray:
	var values: PackedStringArray = []
	for choice: SettingChoices.Choice in choices:
		values.append(choice.value)
	return values
