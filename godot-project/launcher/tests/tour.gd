# SPDX-License-Identifier: MIT
## Saves a picture of every state of the window, for a look at the design:
##
##     godot --path . --rendering-driver opengl3 --script res://tests/tour.gd -- FOLDER \
##         [WIDTHxHEIGHT] [LANGUAGE] [THEME] [TEXT SIZE] [STATE or PAGE or "settings SECTION" ...]
extends SceneTree

const FakeUpdater: GDScript = preload("res://tests/fake_updater.gd")
const Scenes: GDScript = preload("res://tests/scenes.gd")

const FRAMES: int = 12


func _initialize() -> void:
	_run.call_deferred()


func _run() -> void:
	var wishes: PackedStringArray = OS.get_cmdline_user_args()
	var folder: String = wishes[0]
	var size: PackedStringArray = (wishes[1] if wishes.size() > 1 else "1280x800").split("x")
	var stops: PackedStringArray = wishes.slice(5)
	if stops.is_empty():
		stops = PackedStringArray(
			Scenes.NAMES + ["library", "activity", "settings", "about"] as Array[String]
		)
	for stop: String in stops:
		var settings: LauncherSettings = LauncherSettings.read("user://preview.cfg")
		settings.language = wishes[2] if wishes.size() > 2 else "en"
		settings.theme = wishes[3] if wishes.size() > 3 else "light"
		settings.text_scale = int(wishes[4]) if wishes.size() > 4 else 100
		await _picture(stop, settings, folder, Vector2i(int(size[0]), int(size[1])))
	quit(0)


func _picture(stop: String, settings: LauncherSettings, folder: String, size: Vector2i) -> void:
	var is_page: bool = stop.get_slice(" ", 0) in Shell.PAGES
	var config: LauncherConfig = LauncherConfig.read()
	config.install_dir = "/home/player/.local/share/V-Sekai/vsekai-sample"
	var shell: Shell = (load("res://ui/shell.tscn") as PackedScene).instantiate()
	var updater: Node = FakeUpdater.new()
	root.add_child(shell)
	shell.start(updater, config, settings, ActivityLog.read("user://preview.jsonl"))
	root.min_size = Vector2i.ZERO
	root.content_scale_factor = 1.0
	root.size = size
	Scenes.prepare(stop, shell.session().model)
	shell.session().model.facts.on_preferences_changed(Scenes.preferences())
	if stop == "library":
		shell.session().model.facts.on_versions_listed(Scenes.versions())
		shell.session().model.facts.free_bytes = 52 * 1073741824
	Scenes.play("ready" if is_page else stop, updater)
	updater.channels_listed.emit(PackedStringArray(["stable", "nightly"]), "stable")
	var section: String = stop.get_slice(" ", 1) if stop.contains(" ") else ""
	shell.session().page_wanted.emit(stop.get_slice(" ", 0) if is_page else "home", section)
	for _frame: int in FRAMES:
		await process_frame
	# The licences are laid out on a thread of their own.
	var licences: RichTextLabel = shell.get_node("%AboutPage/%LicencesText")
	while stop == "about" and not licences.is_finished():
		await process_frame
	await process_frame
	var picture: Image = root.get_texture().get_image()
	picture.save_png(folder.path_join("%s-%s.png" % [stop.replace(" ", "-"), settings.language]))
	shell.free()
	await process_frame
