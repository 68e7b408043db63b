# SPDX-License-Identifier: MIT
## What a screen reader is told, beyond the names that everything has.
extends "res://tests/window_case.gd"


func test_what_is_hidden_is_taken_from_screen_readers() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	for stop: String in stops():
		await show_stop(stop)
	for node: Node in shell.find_children("*", "CanvasItem", true, false):
		var item: CanvasItem = node as CanvasItem
		check(item.visibility_changed.is_connected(item.queue_accessibility_update), item.name)
	await close()


func test_what_is_hidden_with_its_contents_is_a_group_of_its_own() -> void:
	await open(SIZE, "en", 100)
	await look_everywhere(_check_groups)
	await close()


func test_a_choice_is_called_by_its_setting_in_the_language_of_the_player() -> void:
	for language: String in ["en", "es", "ja"] as Array[String]:
		await open(SIZE, language, 100)
		await play("ready")
		var names: Dictionary[String, bool] = {}
		for stop: String in stops():
			await show_stop(stop)
			for control: Control in visible_controls(shell.page("settings")):
				if control is SettingChoice:
					names[control.accessibility_name] = true
		for key: String in ["SETTING_THEME", "SETTING_MODE", "SETTING_CHANNEL", "SETTING_RATE"]:
			check(names.has(shell.tr(key)), "%s: nothing is called %s" % [language, shell.tr(key)])
		await close()


func test_a_field_is_called_by_the_words_beside_it() -> void:
	await open(SIZE, "es", 100)
	await play("ready")
	await show_stop("settings network")
	for pair: PackedStringArray in [
		PackedStringArray(["ServerField", "SETTING_SERVER"]),
		PackedStringArray(["ReadTokenBox/%TokenField", "SETTING_READ_TOKEN"]),
		PackedStringArray(["MirrorsField", "SETTING_MIRRORS"]),
	]:
		var field: LineEdit = shell.page("settings").get_node("%" + pair[0])
		equal(field.atr(field.accessibility_name), shell.tr(pair[1]), pair[0])
	await close()


func test_a_tab_that_is_pressed_without_the_focus_keeps_it_from_being_lost() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	await show_stop("settings network")
	(shell.page("settings").get_node("%ServerField") as Control).grab_focus()
	var tab: Button = shell.page("settings").get_node("%Tabs/PlaceTab")
	tab.pressed.emit()
	equal(viewport.gui_get_focus_owner(), tab)
	await close()


func _check_groups(where: String) -> void:
	for node: Node in shell.find_children("*", "Container", true, false):
		var hidden: bool = not (node as Control).visible
		if hidden and not node.find_children("*", "Control", true, false).is_empty():
			var has_role: bool = node is ReaderGroup or node is ScrollContainer
			check(has_role, "%s: %s is hidden, but no group" % [where, node.name])
