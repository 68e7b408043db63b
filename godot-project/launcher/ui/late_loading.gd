# SPDX-License-Identifier: MIT
## Loads what the first frames can do without, one resource after the other, each on a thread that
## is waited for. What the engine has for that (`load_threaded_request`) leaks its record of a load
## whose result is taken before its task is through, and does not say when that is.
class_name LateLoading
extends Node

## A resource is there, and stays in memory.
signal loaded(path: String, resource: Resource)
## Everything has been loaded, or could not be.
signal finished

## Frames until what there is already can be seen.
const FRAMES_BEFORE: int = 2
## Turns that a load has left once the node leaves the tree, and how long one is.
const LAST_TURNS: int = 5000
const TURN_USEC: int = 1000

var _paths: PackedStringArray = []
var _frames_left: int = FRAMES_BEFORE
## What loads the first of `_paths`; null while nothing does.
var _thread: Thread = null
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
	_paths.resize(0 if _thread == null else 1)
	if not _paths.is_empty():
		await finished


func _process(_delta: float) -> void:
	if _paths.is_empty():
		set_process(false)
		finished.emit()
	elif _frames_left > 0:
		_frames_left -= 1
	elif _thread == null:
		_begin_first()
	elif not _thread.is_alive():
		_take_first()


## Whoever goes without `stop` waits here. No frame comes any more, so a load that waits for one is
## left alone in the end; one that waits for the renderer gets its turns.
func _exit_tree() -> void:
	_paths.clear()
	var turns: int = LAST_TURNS
	while _thread != null and _thread.is_alive() and turns > 0:
		turns -= 1
		RenderingServer.force_sync()
		OS.delay_usec(TURN_USEC)
	if _thread != null and not _thread.is_alive():
		_thread.wait_to_finish()
		_thread = null


func _begin_first() -> void:
	_thread = Thread.new()
	if _thread.start(ResourceLoader.load.bind(_paths[0])) != OK:
		_thread = null
		_paths.remove_at(0)


func _take_first() -> void:
	var path: String = _paths[0]
	var resource: Resource = _thread.wait_to_finish()
	_paths.remove_at(0)
	_thread = null
	if resource != null:
		_kept.append(resource)
		loaded.emit(path, resource)
