# SPDX-License-Identifier: MIT
## The sections of the settings, and the settings that take more than one choice.
extends "res://tests/window_case.gd"


func test_one_section_is_shown_and_its_tab_says_which() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	for section: String in SettingsPage.SECTIONS:
		await show_stop("settings " + section)
		for other: String in SettingsPage.SECTIONS:
			var shown: Control = _page().get_node("%" + other.capitalize() + "Section")
			equal(shown.visible, other == section, "%s in %s" % [other, section])
		var tab: Button = viewport.gui_get_focus_owner()
		equal(tab.text, SettingsPage.SECTIONS[section], "the focus is on its tab")
		check(tab.button_pressed, section)
	await close()


func test_arrow_keys_lead_from_tab_to_tab_and_into_the_section() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	await show_stop("settings updates")
	var tab: Control = viewport.gui_get_focus_owner()
	var next: Control = tab.find_valid_focus_neighbor(SIDE_RIGHT)
	equal((next as Button).text, "SETTINGS_NETWORK")
	var below: Control = tab.find_valid_focus_neighbor(SIDE_BOTTOM)
	check((_page().get_node("%UpdatesSection") as Control).is_ancestor_of(below), str(below))
	await close()


func test_a_failure_that_settings_may_mend_leads_to_their_section() -> void:
	var expected: Dictionary[String, String] = {"not_found": "Network", "permission": "Place"}
	for scene: String in expected:
		await open(SIZE, "en", 100)
		await play(scene)
		(shell.get_node("%HomePage/%SecondaryButton2") as Button).pressed.emit()
		await frames(2)
		check((_page().get_node("%" + expected[scene] + "Section") as Control).visible, scene)
		check(_page().visible, "the page is shown")
		await close()


func test_quiet_hours_are_added_changed_and_removed() -> void:
	await open(SIZE, "en", 100)
	updater.preferences["quiet-hours"] = "none"
	await play("ready")
	await show_stop("settings updates")
	updater.preferences_changed.emit(updater.preferences)
	await frames(2)
	await _press_in_quiet_hours("AddButton")
	equal(updater.preferences["quiet-hours"], "22:00-07:00", "the night comes first")
	await _press_in_quiet_hours("AddButton")
	equal(updater.preferences["quiet-hours"], "22:00-07:00,12:00-13:00")
	_time(1, 1).chosen.emit("quiet-time", "15:00")
	await frames(2)
	equal(updater.preferences["quiet-hours"], "22:00-07:00,12:00-15:00")
	_time(1, 0).chosen.emit("quiet-time", "15:00")
	await frames(2)
	equal(updater.preferences["quiet-hours"], "22:00-07:00,15:00-16:00", "no empty window")
	(_row(0).get_child(2) as Button).pressed.emit()
	await frames(2)
	equal(updater.preferences["quiet-hours"], "15:00-16:00")
	equal(_time(0, 0).accessibility_name, "Quiet hours 1, from")
	(_row(0).get_child(2) as Button).pressed.emit()
	await frames(2)
	equal(updater.preferences["quiet-hours"], "none")
	await close()


func test_there_are_only_so_many_quiet_hours() -> void:
	await open(SIZE, "en", 100)
	var hours: PackedStringArray = []
	for hour: int in QuietHours.MAX_WINDOWS:
		hours.append("%02d:00-%02d:30" % [hour, hour])
	updater.preferences["quiet-hours"] = ",".join(hours)
	updater.preferences_changed.emit(updater.preferences)
	await play("ready")
	check(not (_quiet().find_child("AddButton", true, false) as Button).visible, "enough")
	await close()


func test_a_list_is_made_anew_only_when_it_says_something_else() -> void:
	await open(SIZE, "en", 100)
	await play("downloading")
	await show_stop("settings updates")
	var list: SettingChoice = _page().choice("updates")
	list.set_item_metadata(0, "kept")
	updater.progress_changed.emit({"step": "download", "done_bytes": 1, "total_bytes": 2})
	await frames(2)
	equal(list.get_item_metadata(0), "kept")
	TranslationServer.set_locale("es")
	await frames(2)
	equal(list.get_item_metadata(0), null, "in another language it is another list")
	equal(list.get_item_text(0), list.tr("UPDATES_AUTOMATIC"))
	TranslationServer.set_locale("en")
	await close()


func test_what_the_system_says_of_the_connection_is_told_where_it_counts() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	var note: Label = _page().get_node("%MeteredNote")
	for kind: String in ["metered", "unmetered", "unknown"] as Array[String]:
		updater.network_changed.emit(kind)
		await frames(2)
		check(note.visible and note.text == note.tr("NETWORK_" + kind.to_upper()), note.text)
	shell.session().set_preference("metered", "yes")
	await frames(2)
	check(not note.visible, "the player knows better")
	await close()


func _page() -> SettingsPage:
	return shell.page("settings")


func _quiet() -> QuietHours:
	return _page().find_child("QuietHours", true, false)


func _row(place: int) -> Node:
	return _quiet().get_child(0).get_child(place)


func _time(place: int, side: int) -> SettingChoice:
	return _row(place).get_child(side)


func _press_in_quiet_hours(button: String) -> void:
	(_quiet().find_child(button, true, false) as Button).pressed.emit()
	await frames(2)
