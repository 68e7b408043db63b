# SPDX-License-Identifier: MIT
## Shows how the content comes, then the room in it.
extends Control

@onready var _updates: Node = %Updates
@onready var _status: Label = %Status


func _ready() -> void:
	_updates.progressed.connect(_on_progressed)
	_updates.content_mounted.connect(_on_content_mounted)
	_updates.content_missing.connect(_on_content_missing)


func _on_progressed(p_text: String) -> void:
	_status.text = p_text


func _on_content_mounted(p_version: String) -> void:
	_status.hide()
	add_child(load("res://content/room.tscn").instantiate())
	print("content %s" % p_version)
	_leave_if_asked(0)


func _on_content_missing(p_reason: String) -> void:
	_status.text = p_reason
	print("no content: %s" % p_reason)
	_leave_if_asked(1)


## For tests: `-- --quit-after-start`.
func _leave_if_asked(p_code: int) -> void:
	if OS.get_cmdline_user_args().has("--quit-after-start"):
		get_tree().quit(p_code)
