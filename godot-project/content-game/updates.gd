# SPDX-License-Identifier: MIT
## Keeps the newest build of the game in the player's folder, and mounts the content in it.
extends Node

signal progressed(text: String)
signal content_mounted(version: String)
signal content_missing(reason: String)

const TITLE: String = "my-game"
const PACK: String = "content.pck"

var _updater: VSekaiUpdater = VSekaiUpdater.new()
var _problem: String = "nothing is installed"


func _ready() -> void:
	_updater.server_url = ProjectSettings.get_setting("updates/server_url")
	_updater.title = TITLE
	_updater.channel = "stable"
	_updater.install_path = "user://builds"
	_updater.trusted_root = "res://root.json"
	_updater.progress_changed.connect(_on_progress_changed)
	_updater.failed.connect(_on_failed)
	_updater.finished.connect(_on_finished)
	add_child(_updater)
	if _updater.open():
		_updater.update()
	else:
		_mount()


func _on_progress_changed(progress: Dictionary) -> void:
	progressed.emit("%d of %d bytes" % [progress.done_bytes, progress.total_bytes])


func _on_failed(error: Dictionary) -> void:
	_problem = "%s. %s" % [error.message, error.hint]


func _on_finished(_operation: String, _ok: bool) -> void:
	# Without a network the content of the last time is as good.
	_mount()


func _mount() -> void:
	var status: Dictionary = _updater.get_status()
	if not status.get("installed", false):
		content_missing.emit(_problem)
	elif ProjectSettings.load_resource_pack(status.version_path.path_join(PACK)):
		VSekaiUpdater.report_started()
		content_mounted.emit(status.version)
	else:
		content_missing.emit("%s is no pack of this game" % PACK)
