# SPDX-License-Identifier: MIT
## Asks for a folder. Each dialog is made when it is wanted and gone once it has its answer: it is
## hundreds of nodes that most players never see.
class_name FolderDialogs
extends RefCounted

const SCENE: PackedScene = preload("res://ui/folder_dialog.tscn")


## Opens a dialog called `title` in the folder `start`, over the window of `page`. `chosen` is
## called with the path of the folder, unless the player cancels.
static func open(page: Control, title: String, start: String, chosen: Callable) -> void:
	var dialog: FileDialog = SCENE.instantiate()
	dialog.title = title
	dialog.current_dir = start
	dialog.dir_selected.connect(chosen)
	dialog.dir_selected.connect(dialog.queue_free.unbind(1))
	dialog.canceled.connect(dialog.queue_free)
	page.add_child(dialog)
	dialog.popup_centered_clamped(dialog.size)
