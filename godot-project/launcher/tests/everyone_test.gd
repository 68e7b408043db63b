# SPDX-License-Identifier: MIT
## Keys, gamepad, screen readers, languages from right to left, and eyes that need contrast.
extends "res://tests/window_case.gd"

const TEXT_CONTRAST: float = 4.5
const SHAPE_CONTRAST: float = 3.0
## Colours of text, each with the grounds it is put on.
const TEXTS: Dictionary[String, Array] = {
	"text": ["ground", "surface", "watermark", "track"],
	"text_soft": ["ground", "surface", "watermark", "track"],
	"headline": ["ground", "surface", "watermark"],
	"on_accent": ["accent", "accent_hover", "accent_pressed"],
	"rail_text": ["rail", "rail_chosen"],
	"rail_text_soft": ["rail"],
}
## The same for edges and pictures, which may be fainter.
const SHAPES: Dictionary[String, Array] = {
	"focus": ["ground", "surface", "watermark"],
	"on_disabled": ["disabled"],
	"text_soft": ["track"],
	"rail_text": ["rail"],
}


func test_every_text_has_contrast_on_every_ground_it_is_put_on() -> void:
	for palette: Palette in [Palette.light(), Palette.dark()]:
		_check_contrast(palette, TEXTS, TEXT_CONTRAST)
		_check_contrast(palette, SHAPES, SHAPE_CONTRAST)


func test_every_label_of_the_theme_can_be_read_on_the_page() -> void:
	for palette: Palette in [Palette.light(), Palette.dark()]:
		var theme: Theme = ThemeFactory.build(palette, 100, false)
		for kind: String in ["Label", "Headline", "Detail", "Soft", "Heading", "Notice"]:
			var colour: Color = theme.get_color("font_color", kind)
			var measured: float = Palette.contrast(colour, palette.ground)
			check(measured >= TEXT_CONTRAST, "%s is %.2f" % [kind, measured])


func test_tab_leads_to_every_control_of_every_page() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	for stop: String in stops():
		await show_stop(stop)
		var reached: Dictionary[Control, bool] = _walk(viewport.gui_get_focus_owner())
		for control: Control in visible_controls(shell):
			if _takes_focus(control):
				check(reached.has(control), "%s: %s is not reached" % [stop, control.name])
	await close()


func test_arrow_keys_lead_from_the_rail_to_the_page_and_back() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	for page: String in Shell.PAGES:
		shell.show_page(page)
		await frames(2)
		var button: Button = shell.get_node("%%%sButton" % page.capitalize())
		var inside: Control = button.find_valid_focus_neighbor(SIDE_RIGHT)
		check(inside != null and not _is_in_rail(inside), page + " is entered to the right")
		var out: Control = viewport.gui_get_focus_owner()
		var steps: int = 0
		while out != null and not _is_in_rail(out) and steps < 20:
			out = out.find_valid_focus_neighbor(SIDE_LEFT)
			steps += 1
		check(out != null and _is_in_rail(out), page + " is left to the left")
	await close()


func test_shoulder_buttons_turn_the_pages_in_a_circle() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	for page: String in ["library", "activity", "settings", "about", "home"] as Array[String]:
		_press(JOY_BUTTON_RIGHT_SHOULDER)
		await frames(2)
		check(_page_is_shown(page), page)
	_press(JOY_BUTTON_LEFT_SHOULDER)
	await frames(2)
	check(_page_is_shown("about"), "and back")
	await close()


func test_what_has_the_focus_wears_a_frame() -> void:
	for palette: Palette in [Palette.light(), Palette.dark()]:
		var theme: Theme = ThemeFactory.build(palette, 100, false)
		for kind: String in [
			"Button",
			"PrimaryButton",
			"RailButton",
			"TextButton",
			"TabButton",
			"OptionButton",
			"LineEdit",
			"ScrollContainer",
			"RichTextLabel"
		]:
			var ring: StyleBoxFlat = theme.get_stylebox("focus", kind)
			check(ring.border_width_left >= 3, kind)
			var ground: Color = palette.rail_chosen if kind == "RailButton" else palette.ground
			check(Palette.contrast(ring.border_color, ground) >= SHAPE_CONTRAST, kind)


func test_every_control_has_a_name_and_a_role_for_screen_readers() -> void:
	await open(SIZE, "en", 100)
	await look_everywhere(_check_names)
	await close()


func test_a_question_is_named_by_its_words() -> void:
	await open(SIZE, "en", 100)
	await play("held_quiet")
	(shell.get_node("%HomePage/%SecondaryButton1") as Button).pressed.emit()
	await frames(2)
	_check_names("question")
	var no: Button = shell.get_node("%Question/%QuestionNo")
	var title: Label = shell.get_node("%Question/%QuestionTitle")
	var words: Label = shell.get_node("%Question/%QuestionWords")
	equal(no.accessibility_description, "%s %s" % [title.text, words.text])
	no.pressed.emit()
	await close()


func test_what_changes_by_itself_is_in_a_live_region() -> void:
	await open(SIZE, "en", 100)
	for name: String in ["Headline", "Detail", "NoticeLabel", "StepLabel"]:
		var label: Label = shell.get_node("%HomePage/%" + name)
		equal(label.accessibility_live, DisplayServer.LIVE_POLITE, name)
	await close()


func test_rows_of_the_same_words_are_told_apart() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	updater.versions_listed.emit(Scenes.versions())
	shell.show_page("library")
	await frames(2)
	var names: Dictionary[String, bool] = {}
	for control: Control in visible_controls(shell.page("library")):
		if control is Button:
			var said: String = _said(control as Button)
			check(not names.has(said), said)
			names[said] = true
	await close()


func test_pages_are_mirrored_for_languages_from_right_to_left() -> void:
	await open(SIZE, "en", 100)
	await play("downloading")
	shell.layout_direction = Control.LAYOUT_DIRECTION_RTL
	for stop: String in stops():
		await show_stop(stop)
		check_layout("right to left " + stop)
	shell.show_page("home")
	await frames(3)
	var rail: Control = shell.get_node("%Rail")
	check(rail.global_position.x > SIZE.x / 2.0, "the rail stands on the right")
	var headline: Label = shell.get_node("%HomePage/%Headline")
	check(headline.is_layout_rtl(), "text begins on the right")
	await close()


## Every text grown by two fifths and in brackets: what would be cut in a wordier language shows.
func test_a_language_with_longer_words_still_fits() -> void:
	var server: String = "internationalization/pseudolocalization/"
	ProjectSettings.set_setting(server + "expansion_ratio", 0.4)
	ProjectSettings.set_setting(server + "replace_with_accents", true)
	TranslationServer.pseudolocalization_enabled = true
	TranslationServer.reload_pseudolocalization()
	await open(SIZE, "en", 100)
	for scene: String in ["offer_update", "held_metered", "downloading", "untrusted", "crashed"]:
		await play(scene)
		check_layout("pseudo " + scene)
	for stop: String in stops():
		await show_stop(stop)
		check_layout("pseudo page " + stop)
	await close()
	TranslationServer.pseudolocalization_enabled = false
	TranslationServer.reload_pseudolocalization()


func _check_contrast(palette: Palette, pairs: Dictionary[String, Array], least: float) -> void:
	for front: String in pairs:
		for ground: String in pairs[front]:
			var measured: float = Palette.contrast(palette.get(front), palette.get(ground))
			check(measured >= least, "%s on %s is %.2f" % [front, ground, measured])


func _press(button: JoyButton) -> void:
	var event: InputEventJoypadButton = InputEventJoypadButton.new()
	event.button_index = button
	event.pressed = true
	viewport.push_input(event)


func _page_is_shown(page: String) -> bool:
	return shell.page(page).visible


func _is_in_rail(control: Control) -> bool:
	return (shell.get_node("%Rail") as Control).is_ancestor_of(control)


## Everything that a screen reader stops at says what it is, in words and not in keys of them.
func _check_names(where: String) -> void:
	for control: Control in visible_controls(shell):
		var is_stop: bool = _takes_focus(control) or control.focus_mode == Control.FOCUS_ALL
		if not is_stop and not (control is Range and not control is ScrollBar):
			continue
		check(_has_name(control), "%s: %s has no name" % [where, control.name])
		check(_has_role(control), "%s: %s has no role" % [where, control.name])
		var said: String = control.atr(control.accessibility_name)
		check(not said.contains("_"), "%s: %s is called %s" % [where, control.name, said])


func _takes_focus(control: Control) -> bool:
	var is_kind: bool = control is BaseButton or control is LineEdit or control is RichTextLabel
	return is_kind and control.focus_mode == Control.FOCUS_ALL


## Everything that Tab leads to from `start`.
func _walk(start: Control) -> Dictionary[Control, bool]:
	var reached: Dictionary[Control, bool] = {}
	var control: Control = start
	while control != null and not reached.has(control):
		reached[control] = true
		control = control.find_next_valid_focus()
	return reached


## A label that is said to name a control does not: the engine gives every control a name of its
## own, if need be an empty one, and that one counts.
func _has_name(control: Control) -> bool:
	var has_text: bool = control is Button and not (control as Button).text.is_empty()
	return has_text or not control.accessibility_name.is_empty()


## What the engine tells a screen reader of a button: its name, then its words.
func _said(button: Button) -> String:
	var name: String = button.atr(button.accessibility_name)
	return "%s: %s" % [name, button.text] if name else button.text


## Godot's own controls have the right one; a bare `Control` would have none.
func _has_role(control: Control) -> bool:
	return ClassDB.class_exists(control.get_class()) and control.get_class() != "Control"
