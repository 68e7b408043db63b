# SPDX-License-Identifier: MIT
## Sways the mark and shows the version. With `-- --quit-after-start` it leaves after its first
## frames.
extends Node3D

const Version: GDScript = preload("res://version.gd")
## One sway of the mark to both sides, in seconds.
const SWAY_SECONDS: float = 16.0
## How far it turns to either side, in radians.
const SWAY: float = 0.7
const FRAMES_BEFORE_QUIT: int = 3

var _frames_left: int = -1
var _seconds: float = 0.0

@onready var _mark: Node3D = %Mark
@onready var _version_label: Label = %VersionLabel


func _ready() -> void:
	_version_label.text = "Version %s" % Version.TEXT
	print("V-Sekai Sample %s started" % Version.TEXT)
	if OS.get_cmdline_user_args().has("--quit-after-start"):
		_frames_left = FRAMES_BEFORE_QUIT


func _process(delta: float) -> void:
	_seconds += delta
	_mark.rotation.y = SWAY * sin(TAU * _seconds / SWAY_SECONDS)
	if _frames_left > 0:
		_frames_left -= 1
	elif _frames_left == 0:
		get_tree().quit(0)


func _unhandled_input(event: InputEvent) -> void:
	if event.is_action_pressed(&"ui_cancel"):
		get_tree().quit(0)
