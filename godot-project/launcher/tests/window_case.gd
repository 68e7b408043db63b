# SPDX-License-Identifier: MIT
## Base of the tests that open the window: the real scenes with a stand-in for the engine.
extends "res://tests/test_case.gd"

const FakeUpdater: GDScript = preload("res://tests/fake_updater.gd")
const Scenes: GDScript = preload("res://tests/scenes.gd")
const SIZE: Vector2i = Vector2i(1280, 800)
const SETTINGS: String = "user://test_window.cfg"
const LOG: String = "user://test_window.jsonl"

var viewport: SubViewport
var shell: Shell
var updater: Node


## Leads the window to `scene`.
func play(scene: String) -> void:
	Scenes.prepare(scene, shell.session().model)
	Scenes.play(scene, updater)
	await frames(3)


## Takes the window back to its start: opening a new one for every scene would take minutes.
func forget() -> void:
	var model: LauncherModel = shell.session().model
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
	model.facts.checked_at = 0
	model.progress = UpdateProgress.new()
	model.files_to_check = 0


## Leads the window, from wherever it is, to a state of the home page or to a stop, for a picture.
func lead_to(target: String) -> void:
	var is_stop: bool = target.get_slice(" ", 0) in Shell.PAGES
	forget()
	await show_stop(target if is_stop else "home")
	await play("ready" if is_stop else target)
	# What the launcher sees of this machine by itself is not for pictures.
	var facts: InstallFacts = shell.session().model.facts
	facts.checked_at = mini(facts.checked_at, Scenes.CHECKED_AT)
	facts.free_bytes = Scenes.room(target)
	shell.session().activity.entries.clear()
	for line: Array in Scenes.STORY:
		var is_problem: bool = line[1] in ActivityLog.PROBLEMS
		shell.session().activity.add(line[0], Message.of(line[1], line[2]).text(), is_problem)
	shell.session().activity_added.emit()
	updater.channels_listed.emit(PackedStringArray(["stable", "nightly"]), "stable")
	if target == "settings network":
		updater.give_token()
	if target == "library":
		updater.versions_listed.emit(Scenes.versions())
	await frames(3)


## Leads the window to every state of the home page and to every stop, and calls `look` with the
## name of each.
func look_everywhere(look: Callable) -> void:
	for scene: String in Scenes.NAMES:
		forget()
		await play(scene)
		look.call(scene)
	await play("ready")
	updater.versions_listed.emit(Scenes.versions())
	for stop: String in stops():
		await show_stop(stop)
		look.call(stop)


func check_layout(where: String) -> void:
	var window: Rect2 = Rect2(Vector2.ZERO, Vector2(viewport.size)).grow(0.5)
	equal((shell.get_node("Row") as Control).size, Vector2(viewport.size), where + ": the whole")
	for control: Control in visible_controls(shell):
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


func visible_controls(from: Node) -> Array[Control]:
	var controls: Array[Control] = []
	for child: Node in from.get_children():
		if child is Control and (child as Control).is_visible_in_tree():
			controls.append(child as Control)
		if not child is Window:
			controls.append_array(visible_controls(child))
	return controls


## Every page, and every section of the settings, by the names that `show_stop` takes.
func stops() -> Array[String]:
	var found: Array[String] = Shell.PAGES.duplicate()
	for section: String in SettingsPage.SECTIONS:
		found.append("settings " + section)
	return found


func show_stop(stop: String) -> void:
	var section: String = stop.get_slice(" ", 1) if stop.contains(" ") else ""
	shell.session().page_wanted.emit(stop.get_slice(" ", 0), section)
	await frames(3)


func open(
	size: Vector2i,
	language: String,
	text_scale: int,
	with_engine: bool = true,
	theme: String = "light"
) -> void:
	var settings: LauncherSettings = LauncherSettings.read(SETTINGS)
	settings.language = language
	settings.theme = theme
	settings.motion = "reduced"
	settings.text_scale = text_scale
	viewport = SubViewport.new()
	viewport.size = size
	tree.root.add_child(viewport)
	shell = (load("res://ui/shell.tscn") as PackedScene).instantiate()
	viewport.add_child(shell)
	updater = FakeUpdater.new() if with_engine else null
	var config: LauncherConfig = LauncherConfig.read()
	config.install_dir = "/home/player/.local/share/V-Sekai/vsekai-sample"
	if with_engine:
		updater.preferences = Scenes.preferences()
	shell.start(updater, config, settings, ActivityLog.read(LOG))
	# The window has set a player's pace.
	hurry()
	await frames(1)
	while not shell.is_complete():
		await frames(1)


func close() -> void:
	viewport.queue_free()
	await frames(1)


## Waits until all of `text` is there and laid out, or gone.
func settled(text: LongText) -> void:
	while not text.is_settled():
		await frames(1)


func frames(count: int) -> void:
	for _frame: int in count:
		await tree.process_frame
