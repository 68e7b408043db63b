# SPDX-License-Identifier: MIT
## Shows one state of the window for pictures and design work:
##
##     godot --path . --script res://tests/preview.gd -- STATE [PAGE] [LANGUAGE] [THEME] [TEXT SIZE]
extends SceneTree

const FakeUpdater: GDScript = preload("res://tests/fake_updater.gd")
const Scenes: GDScript = preload("res://tests/scenes.gd")


func _initialize() -> void:
	var wishes: PackedStringArray = OS.get_cmdline_user_args()
	wishes.resize(5)
	var settings: LauncherSettings = LauncherSettings.read("user://preview.cfg")
	settings.language = wishes[2] if wishes[2] else "en"
	settings.theme = wishes[3] if wishes[3] else "light"
	settings.text_scale = int(wishes[4]) if wishes[4] else 100
	var config: LauncherConfig = LauncherConfig.read()
	config.install_dir = "/home/player/.local/share/V-Sekai/vsekai-sample"
	var shell: Shell = (load("res://ui/shell.tscn") as PackedScene).instantiate()
	var updater: Node = FakeUpdater.new()
	root.add_child(shell)
	shell.start.call_deferred(updater, config, settings, ActivityLog.read("user://preview.jsonl"))
	_play.call_deferred(wishes[0] if wishes[0] else "offer_update", wishes[1], shell, updater)


func _play(scene: String, page: String, shell: Shell, updater: Node) -> void:
	Scenes.prepare(scene, shell.session().model)
	Scenes.play(scene, updater)
	updater.channels_listed.emit(PackedStringArray(["stable", "nightly"]), "stable")
	shell.show_page(page if page else "home")
