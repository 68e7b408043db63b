# SPDX-License-Identifier: MIT
## Asks for a folder or a file. Each dialog is made when it is wanted and gone once it has its
## answer: it is hundreds of nodes that most players never see.
class_name FolderDialogs
extends RefCounted

const SCENE: PackedScene = preload("res://ui/folder_dialog.tscn")


## Opens a dialog called `title` in the folder `start`, over the window of `page`. `chosen` is
## called with the path of the folder, unless the player cancels.
static func open(page: Control, title: String, start: String, chosen: Callable) -> void:
	var dialog: FileDialog = SCENE.instantiate()
	_show(dialog, page, title, start)
	_hand_on(dialog.dir_selected, dialog, chosen)


## The same for a file.
static func open_file(page: Control, title: String, start: String, chosen: Callable) -> void:
	var dialog: FileDialog = SCENE.instantiate()
	dialog.file_mode = FileDialog.FILE_MODE_OPEN_FILE
	dialog.ok_button_text = "FILE_USE"
	_show(dialog, page, title, start)
	_hand_on(dialog.file_selected, dialog, chosen)


static func _hand_on(selected: Signal, dialog: FileDialog, chosen: Callable) -> void:
	selected.connect(chosen)
	selected.connect(dialog.queue_free.unbind(1))


static func _show(dialog: FileDialog, page: Control, title: String, start: String) -> void:
	dialog.title = title
	dialog.current_dir = start
	dialog.canceled.connect(dialog.queue_free)
	page.add_child(dialog)
	_name_buttons(dialog)
	dialog.popup_centered_clamped(dialog.size)


## A button of a picture alone is called by its tooltip, but the engine does not translate that for
## a screen reader, as it does a name.
static func _name_buttons(dialog: FileDialog) -> void:
	for button: Button in dialog.find_children("*", "Button", true, false):
		if button.text.is_empty() and button.accessibility_name.is_empty():
			button.accessibility_name = button.tooltip_text
