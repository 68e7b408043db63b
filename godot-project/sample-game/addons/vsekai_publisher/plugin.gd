# SPDX-License-Identifier: MIT
## Shows the publisher's dock in the editor, and keeps this folder out of exported games.
@tool
extends EditorPlugin

const DockScene = preload("dock.tscn")
const ExportGuard = preload("export_guard.gd")
const Language = preload("language.gd")

var _guard: EditorExportPlugin
var _dock: EditorDock


func _enter_tree() -> void:
	_guard = ExportGuard.new()
	add_export_plugin(_guard)
	if _is_child_at_work():
		return
	Language.begin()
	var content: Control = DockScene.instantiate()
	content.set_translation_domain(Language.DOMAIN)
	_dock = EditorDock.new()
	_dock.title = "V-Sekai"
	_dock.layout_key = "vsekai_publisher"
	_dock.default_slot = EditorDock.DOCK_SLOT_RIGHT_UL
	_dock.add_child(content)
	add_dock(_dock)


func _exit_tree() -> void:
	remove_export_plugin(_guard)
	_guard = null
	if _dock != null:
		remove_dock(_dock)
		_dock.queue_free()
		_dock = null
		Language.end()


## An editor that was started to export or import needs no dock.
func _is_child_at_work() -> bool:
	for argument: String in OS.get_cmdline_args():
		if argument.begins_with("--export-") or argument == "--import":
			return true
	return false
