# SPDX-License-Identifier: MIT
## Loads what the first frames can do without, on a thread, one resource after the other.
class_name LateLoading
extends Node

## A resource is there, and stays in memory.
signal loaded(path: String, resource: Resource)
## Everything has been loaded, or could not be.
signal finished

## Frames until what there is already can be seen.
const FRAMES_BEFORE: int = 2

var _paths: PackedStringArray = []
var _frames_left: int = FRAMES_BEFORE
var _is_asked: bool = false
var _kept: Array[Resource] = []


func is_done() -> bool:
	return _paths.is_empty()


## Loads `paths`, in that order.
func begin(paths: PackedStringArray) -> void:
	_paths = paths
	set_process(true)


## Loads no more. Waits for what is on its way: the engine cannot leave while a thread loads without
## an error for everything that is not there any more.
func stop() -> void:
	_paths.resize(1 if _is_asked else 0)
	if not _paths.is_empty():
		await finished


func _process(_delta: float) -> void:
	if _paths.is_empty():
		set_process(false)
		finished.emit()
	elif _frames_left > 0:
		_frames_left -= 1
	elif not _is_asked:
		_is_asked = ResourceLoader.load_threaded_request(_paths[0]) == OK
		if not _is_asked:
			_paths.remove_at(0)
	elif (
		ResourceLoader.load_threaded_get_status(_paths[0]) != ResourceLoader.THREAD_LOAD_IN_PROGRESS
	):
		_take_first()


func _take_first() -> void:
	var path: String = _paths[0]
	var resource: Resource = ResourceLoader.load_threaded_get(path)
	_paths.remove_at(0)
	_is_asked = false
	if resource != null:
		_kept.append(resource)
		loaded.emit(path, resource)
