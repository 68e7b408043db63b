# SPDX-License-Identifier: MIT
## The real scenes with a stand-in for the engine: nothing is cut off, everything can be reached and
## has a name.
extends "res://tests/test_case.gd"

const FakeUpdater: GDScript = preload("res://tests/fake_full_updater.gd")
const Scenes: GDScript = preload("res://tests/scenes.gd")
const SIZES: Array[Vector2i] = [Vector2i(960, 540), Vector2i(1280, 800), Vector2i(1920, 1080)]
## Text sizes tried at each of them, in percent.
const TEXT_SCALES: Array[Array] = [[100, 130, 150], [100, 150], [100]]

var _viewport: SubViewport
var _shell: Shell
var _updater: Node


func test_nothing_is_cut_off_in_english() -> void:
	await _check_layouts("en")


func test_nothing_is_cut_off_in_spanish() -> void:
	await _check_layouts("es")


func test_nothing_is_cut_off_in_japanese() -> void:
	await _check_layouts("ja")


func test_the_check_starts_by_itself() -> void:
	await _open(SIZES[1], "en", 100)
	check(_updater.calls.has("open"), "opened")
	check(_updater.calls.has("check"), "checked")
	await _close()


func test_the_primary_button_does_what_it_says() -> void:
	var expected: Dictionary[String, String] = {
		"offer_install": "update",
		"offer_update": "update",
		"ready": "launch",
		"downloading": "pause",
		"paused": "resume",
		"damaged": "repair",
		"offline": "launch",
		"offline_first": "check",
	}
	for scene: String in expected:
		await _open(SIZES[1], "en", 100)
		Scenes.play(scene, _updater)
		await _frames(2)
		_updater.calls.clear()
		(_shell.get_node("%HomePage/%PrimaryButton") as Button).pressed.emit()
		await _frames(1)
		equal(_updater.calls[0] if _updater.calls else "", expected[scene], scene)
		await _close()


func test_play_during_a_check_ends_the_check_first() -> void:
	await _open(SIZES[1], "en", 100)
	Scenes.play("checking", _updater)
	await _frames(2)
	_shell.session().perform("play")
	equal(_updater.calls[-1], "cancel")
	_updater.state_changed.emit("Cancelled", "")
	_updater.finish("check", false)
	await _frames(2)
	equal(_updater.calls[-1], "launch")
	await _close()


func test_choices_are_in_the_chosen_language_from_the_start() -> void:
	await _open(SIZES[1], "es", 100)
	var rates: OptionButton = (_shell.get_node("%SettingsPage") as SettingsPage).choice(
		"rate-limit"
	)
	equal(rates.get_item_text(0), "Sin límite")
	await _close()


func test_a_server_without_encryption_needs_consent() -> void:
	await _open(SIZES[1], "en", 100)
	Scenes.play("ready", _updater)
	_shell.show_page("settings")
	await _frames(2)
	var field: LineEdit = _shell.get_node("%SettingsPage/%ServerField")
	var question: Question = _shell.get_node("%Question")
	for consent: bool in [false, true] as Array[bool]:
		field.text = "http://updates.example.org"
		field.text_submitted.emit(field.text)
		await _frames(2)
		check(question.visible, "asked")
		var answer: Button = question.get_node("%QuestionYes" if consent else "%QuestionNo")
		answer.pressed.emit()
		await _frames(2)
		equal(_updater.allow_http, consent)
		equal(_updater.server_url == "http://updates.example.org", consent)
	DirAccess.remove_absolute("user://test_window.cfg")
	await _close()


func test_closing_during_a_download_asks_first() -> void:
	await _open(SIZES[1], "en", 100)
	Scenes.play("downloading", _updater)
	await _frames(2)
	_shell.notification(Node.NOTIFICATION_WM_CLOSE_REQUEST)
	await _frames(1)
	var question: Question = _shell.get_node("%Question")
	check(question.visible, "the question is there")
	equal(_viewport.gui_get_focus_owner(), question.get_node("%QuestionNo"), "the safe answer")
	(question.get_node("%QuestionNo") as Button).pressed.emit()
	await _frames(1)
	check(not question.visible, "the question is gone")
	check(not _updater.calls.has("cancel"), "the download goes on")
	await _close()


func test_a_missing_library_is_said_in_words() -> void:
	await _open(SIZES[1], "en", 100, false)
	await _frames(2)
	var headline: Label = _shell.get_node("%HomePage/%Headline")
	equal(headline.text, "The launcher is incomplete")
	var visited: PackedStringArray = []
	_shell.session().browse = func(address: String) -> void: visited.append(address)
	(_shell.get_node("%HomePage/%PrimaryButton") as Button).pressed.emit()
	await _close()
	check(visited.size() <= 1, "the website")


func test_every_button_is_reached_by_keys_and_has_a_name() -> void:
	await _open(SIZES[1], "en", 100)
	Scenes.play("ready", _updater)
	for page: String in Shell.PAGES:
		_shell.show_page(page)
		await _frames(2)
		var reached: Dictionary[Control, bool] = _walk(_viewport.gui_get_focus_owner())
		for control: Control in _visible_controls(_shell):
			var wants_focus: bool = control is BaseButton or control is LineEdit
			if wants_focus and control.focus_mode == Control.FOCUS_ALL:
				check(reached.has(control), "%s: %s is not reached" % [page, control.name])
				check(_has_name(control), "%s: %s has no name" % [page, control.name])
	await _close()


func test_the_focus_stays_on_the_page_when_its_button_goes() -> void:
	await _open(SIZES[1], "en", 100)
	Scenes.play("offer_update", _updater)
	await _frames(2)
	(_shell.get_node("%HomePage/%SecondaryButton1") as Button).grab_focus()
	_updater.state_changed.emit("CheckForUpdates", "NoUpdateFound")
	_updater.status_changed.emit(Scenes.status(false))
	await _frames(2)
	var focus: Control = _viewport.gui_get_focus_owner()
	check(focus != null and focus.is_visible_in_tree(), "something visible has the focus")
	await _close()


func test_a_button_that_changes_its_meaning_gives_the_focus_away() -> void:
	await _open(SIZES[1], "en", 100)
	Scenes.play("ready", _updater)
	await _frames(2)
	var second: Button = _shell.get_node("%HomePage/%SecondaryButton2")
	equal(second.text, "Check for updates")
	second.grab_focus()
	Scenes.play("offer_install", _updater)
	await _frames(2)
	equal(_viewport.gui_get_focus_owner(), _shell.get_node("%HomePage/%PrimaryButton"))
	await _close()


func _check_layouts(language: String) -> void:
	for place: int in SIZES.size():
		for text_scale: int in TEXT_SCALES[place]:
			var about: String = "%s %s %d %%" % [language, SIZES[place], text_scale]
			await _open(SIZES[place], language, text_scale)
			for scene: String in Scenes.NAMES:
				_forget()
				Scenes.prepare(scene, _shell.session().model)
				Scenes.play(scene, _updater)
				await _frames(3)
				_check_layout("%s %s" % [about, scene])
			await _check_pages(about)
			await _close()


func _check_pages(about: String) -> void:
	for page: String in Shell.PAGES:
		_shell.show_page(page)
		await _frames(3)
		_check_layout("%s page %s" % [about, page])


## Takes the window back to its start: opening a new one for every scene would take minutes.
func _forget() -> void:
	var model: LauncherModel = _shell.session().model
	model.state = "Idle"
	model.phase = ""
	model.plan = null
	model.failure = null
	model.crashed = false
	model.game_running = false
	model.link = ""
	model.notice = Message.new()
	model.operation = ""
	model.checked = false
	model.progress = UpdateProgress.new()


func _check_layout(where: String) -> void:
	var window: Rect2 = Rect2(Vector2.ZERO, Vector2(_viewport.size)).grow(0.5)
	for control: Control in _visible_controls(_shell):
		var in_scroll: bool = _is_scrolled(control)
		if not in_scroll and (control is Button or control is Label or control is Range):
			check(
				window.encloses(control.get_global_rect()),
				"%s: %s leaves the window, %s" % [where, control.name, control.get_global_rect()]
			)
		if control is Button or control is Label:
			var needed: Vector2 = control.get_combined_minimum_size()
			var fits: bool = needed.x <= control.size.x + 0.5 and needed.y <= control.size.y + 0.5
			check(fits, "%s: %s is too small for its text" % [where, control.name])
		if control is Label:
			_check_label(control as Label, where)


## A label that may shorten its text must not have to.
func _check_label(label: Label, where: String) -> void:
	if label.text_overrun_behavior == TextServer.OVERRUN_NO_TRIMMING or label.max_lines_visible > 0:
		return
	var font: Font = label.get_theme_font("font")
	var width: float = (
		font
		. get_string_size(
			label.atr(label.text),
			HORIZONTAL_ALIGNMENT_LEFT,
			-1,
			label.get_theme_font_size("font_size")
		)
		. x
	)
	check(width <= label.size.x + 0.5, "%s: %s is cut: %s" % [where, label.name, label.text])


func _is_scrolled(control: Control) -> bool:
	var parent: Node = control.get_parent()
	while parent != null:
		if parent is ScrollContainer:
			return true
		parent = parent.get_parent()
	return false


func _visible_controls(from: Node) -> Array[Control]:
	var controls: Array[Control] = []
	for child: Node in from.get_children():
		if child is Control and (child as Control).is_visible_in_tree():
			controls.append(child as Control)
		if not child is Window:
			controls.append_array(_visible_controls(child))
	return controls


## Everything that Tab leads to from `start`.
func _walk(start: Control) -> Dictionary[Control, bool]:
	var reached: Dictionary[Control, bool] = {}
	var control: Control = start
	while control != null and not reached.has(control):
		reached[control] = true
		control = control.find_next_valid_focus()
	return reached


func _has_name(control: Control) -> bool:
	var labelled: bool = not control.accessibility_labeled_by_nodes.is_empty()
	var has_text: bool = control is Button and not (control as Button).text.is_empty()
	return labelled or has_text or not control.accessibility_name.is_empty()


func _open(size: Vector2i, language: String, text_scale: int, with_engine: bool = true) -> void:
	var settings: LauncherSettings = LauncherSettings.read("user://test_window.cfg")
	settings.language = language
	settings.theme = "light"
	settings.text_scale = text_scale
	_viewport = SubViewport.new()
	_viewport.size = size
	tree.root.add_child(_viewport)
	_shell = (load("res://ui/shell.tscn") as PackedScene).instantiate()
	_viewport.add_child(_shell)
	_updater = FakeUpdater.new() if with_engine else null
	var config: LauncherConfig = LauncherConfig.read()
	config.install_dir = "/home/player/.local/share/V-Sekai/vsekai-sample"
	if with_engine:
		_updater.preferences = Scenes.preferences()
	_shell.start(_updater, config, settings, ActivityLog.read("user://test_window.jsonl"))
	await _frames(1)


func _close() -> void:
	_viewport.queue_free()
	await _frames(1)


func _frames(count: int) -> void:
	for _frame: int in count:
		await tree.process_frame
