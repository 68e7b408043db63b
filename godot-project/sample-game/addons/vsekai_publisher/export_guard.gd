# SPDX-License-Identifier: MIT
## Leaves the publisher out of what is exported.
@tool
extends EditorExportPlugin

const FOLDER: String = "res://addons/vsekai_publisher/"


## Export plugins are asked in the order of their names, and the first to take a file has it: the
## ones that convert scripts and scenes must come later.
func _get_name() -> String:
	return "A guard that leaves V-Sekai Publisher out"


func _export_file(p_path: String, _type: String, _features: PackedStringArray) -> void:
	if p_path.begins_with(FOLDER):
		skip()
