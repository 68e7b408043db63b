# SPDX-License-Identifier: MIT
## Stands in for `VSekaiUpdater` in tests of the window: same properties, methods and signals. It
## records what it is asked for and says what a test tells it to.
extends Node

signal state_changed(state: String, phase: String)
signal plan_ready(plan: Dictionary)
signal decided(decision: Dictionary)
signal progress_changed(progress: Dictionary)
signal status_changed(status: Dictionary)
signal failed(error: Dictionary)
signal finished(operation: String, ok: bool)
signal verified(report: Dictionary)
signal noticed(code: String, message: String)
signal channels_listed(channels: PackedStringArray, current: String)
signal game_started(pid: int)
signal game_exited(code: int, crashed: bool)

var server_url: String = ""
var title: String = ""
var channel: String = ""
var install_path: String = ""
var calls: PackedStringArray = []
var busy: bool = false
var allow_http: bool = false
var status: Dictionary = {}
var launch_arguments: PackedStringArray = []


func open() -> bool:
	calls.append("open")
	return true


func get_status() -> Dictionary:
	return status


func is_busy() -> bool:
	return busy


func set_rate_limit(bytes_per_second: int) -> void:
	calls.append("set_rate_limit %d" % bytes_per_second)


func check() -> void:
	_begin("check")


func update() -> void:
	_begin("update")


func verify() -> void:
	_begin("verify")


func repair() -> void:
	_begin("repair")


func rollback() -> void:
	_begin("rollback")


func list_channels() -> void:
	_begin("list_channels")


func switch_channel(channel_name: String) -> void:
	_begin("switch_channel " + channel_name)


func launch(arguments: PackedStringArray, vr: bool) -> void:
	launch_arguments = arguments
	_begin("launch vr" if vr else "launch")


func pause() -> void:
	calls.append("pause")


func resume() -> void:
	calls.append("resume")


func cancel() -> void:
	calls.append("cancel")


## Ends the running operation, as the engine does.
func finish(operation: String, ok: bool = true) -> void:
	busy = false
	finished.emit(operation, ok)


func _begin(call: String) -> void:
	calls.append(call)
	busy = true
