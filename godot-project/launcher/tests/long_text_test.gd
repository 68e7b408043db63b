# SPDX-License-Identifier: MIT
## A text that takes more than a frame to show is whole in the end, and gone once nobody sees it.
extends "res://tests/window_case.gd"


func test_the_licences_of_everything_inside_are_shown_on_each_visit() -> void:
	await open(SIZE, "en", 100)
	var licences: LongText = shell.page("about").get_node("%LicencesText")
	for _visit: int in 2:
		shell.show_page("about")
		await settled(licences)
		equal(licences.get_parsed_text(), Licences.text(), "all of it")
		for name: String in [
			"Godot Engine", "FreeType", "Roboto Mono", "three-node mark", "godot-rust"
		]:
			check(licences.get_parsed_text().contains(name), name)
		shell.show_page("home")
		await settled(licences)
		equal(
			licences.get_total_character_count(), 0, "no memory is spent on a page that is not seen"
		)
	await close()


func test_a_long_text_begins_anew_whenever_it_is_asked_for() -> void:
	var text: LongText = LongText.new()
	tree.root.add_child(text)
	var words: String = "a line\n".repeat(3 * LongText.LINES_TAKEN)
	text.take_up(words)
	await frames(2)
	check(not text.is_settled() and text.get_total_character_count() > 0, "a part is there")
	text.let_go()
	text.take_up(words)
	await settled(text)
	equal(text.get_parsed_text(), words)
	text.let_go()
	await frames(1)
	text.take_up("")
	await settled(text)
	equal(text.get_parsed_text(), "")
	text.queue_free()
