# SPDX-License-Identifier: MIT
## What the stand-in for `VSekaiUpdater` has beside its operations.
extends Node

signal state_changed(state: String, phase: String)
signal plan_ready(plan: Dictionary)
signal decided(decision: Dictionary)
signal progress_changed(progress: Dictionary)
signal status_changed(status: Dictionary)
signal preferences_changed(preferences: Dictionary)
signal network_changed(kind: String)
signal versions_listed(versions: Array[Dictionary])
signal failed(error: Dictionary)
signal finished(operation: String, ok: bool)
signal verified(report: Dictionary)
signal switched(report: Dictionary)
signal uninstalled(report: Dictionary)
signal moved(report: Dictionary)
signal noticed(code: String, message: String, problem: bool)
signal channels_listed(channels: PackedStringArray, current: String)
signal game_started(pid: int)
signal game_exited(code: int, crashed: bool)

var server_url: String = ""
var title: String = ""
var channel: String = ""
var install_path: String = ""
var trusted_root: String = ""
var allow_http: bool = false
var calls: PackedStringArray = []
var busy: bool = false
var status: Dictionary = {}
var preferences: Dictionary = {}
var launch_arguments: PackedStringArray = []
## Whether the folder can be opened.
var opens: bool = true


func open() -> bool:
	calls.append("open")
	return opens or _refuse("install_path must be absolute")


func get_status() -> Dictionary:
	return status


func get_preferences() -> Dictionary:
	return preferences


func is_busy() -> bool:
	return busy


func set_preference(preference: String, value: String) -> bool:
	calls.append("set_preference %s %s" % [preference, value])
	if value == "nonsense":
		return _refuse("the setting %s cannot be %s" % [preference, value])
	preferences[preference] = value
	preferences_changed.emit(preferences)
	return true


func set_read_token(token: String) -> bool:
	# Nothing that is written down anywhere.
	calls.append("set_read_token of %d characters" % token.length())
	return _take_token(token)


func set_read_token_file(path: String) -> bool:
	calls.append("set_read_token_file " + path)
	return _take_token(path.get_file())


func pause() -> void:
	calls.append("pause")


func resume() -> void:
	calls.append("resume")


func cancel() -> void:
	calls.append("cancel")


## There is a token from now on.
func give_token() -> void:
	status["has_read_token"] = true
	status_changed.emit(status)


## Ends the running operation, as the engine does.
func finish(operation: String, ok: bool = true) -> void:
	busy = false
	finished.emit(operation, ok)


## A token is one word.
func _take_token(token: String) -> bool:
	if token.contains(" "):
		return _refuse("the read token is none")
	give_token()
	return true


## What makes no sense is told at once, and nothing is begun.
func _refuse(why: String) -> bool:
	failed.emit({"code": "invalid-input", "message": why})
	return false


## One operation runs at a time.
func _begin(call: String) -> bool:
	if busy:
		calls.append("refused " + call)
		return false
	calls.append(call)
	busy = true
	return true
