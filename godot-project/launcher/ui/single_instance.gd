# SPDX-License-Identifier: MIT
## One window for an install folder: a second start hands its link to the first and ends.
##
## Who holds the lock is first, and the system lets go of it however that one ends. Calls lie as
## small files in a folder of the player's own; a file that is gone was heard.
class_name SingleInstance
extends Node

## A second start called; `link` is what it was started with, or empty.
signal called(link: String)

const LOCK_CLASS: StringName = &"VSekaiInstanceLock"
const LOOK_SECONDS: float = 0.25
## An older call was meant for a launcher that has ended since.
const MAX_AGE_SECONDS: float = 30.0
const MAX_CALLS: int = 16
const MAX_BYTES: int = 4096

## Where calls for this install lie.
var folder: String = "user://calls"

var _lock: RefCounted


## Whether this is the first start for `install`, which hears the others once it listens. One that
## cannot find out opens its window.
func is_first(install: String) -> bool:
	var key: String = install.md5_text().left(12)
	folder = "user://calls-" + key
	return not ClassDB.class_exists(LOCK_CLASS) or _claim("user://instance-%s.lock" % key)


## Hears the calls from now on, and those that lie there.
func listen() -> void:
	DirAccess.make_dir_recursive_absolute(folder)
	var timer: Timer = Timer.new()
	timer.wait_time = LOOK_SECONDS
	timer.timeout.connect(look)
	add_child(timer)
	timer.start()


## Leaves a call for the first start and returns the file that is gone once it was heard.
func leave_call(link: String, now: float) -> String:
	DirAccess.make_dir_recursive_absolute(folder)
	var path: String = folder.path_join("%d-%d.json" % [OS.get_process_id(), Time.get_ticks_usec()])
	var words: String = JSON.stringify({"time": now, "link": link})
	return path if WholeFile.write(path, words) == OK else ""


## Takes the calls that lie there.
func look() -> void:
	var taken: int = 0
	if not DirAccess.dir_exists_absolute(folder):
		return
	for name: String in DirAccess.get_files_at(folder):
		if taken < MAX_CALLS and name.ends_with(".json"):
			taken += 1
			_take(folder.path_join(name))


func _take(path: String) -> void:
	var file: FileAccess = FileAccess.open(path, FileAccess.READ)
	var text: String = file.get_buffer(MAX_BYTES).get_string_from_utf8() if file != null else ""
	file = null
	DirAccess.remove_absolute(path)
	var parser: JSON = JSON.new()
	if parser.parse(text) != OK or not parser.data is Dictionary:
		return
	var words: Dictionary = parser.data
	var time: Variant = words.get("time", 0)
	var age: float = Time.get_unix_time_from_system() - (float(time) if time is float else 0.0)
	if absf(age) <= MAX_AGE_SECONDS:
		called.emit(LaunchLink.parse(str(words.get("link", ""))))


func _claim(path: String) -> bool:
	_lock = ClassDB.instantiate(LOCK_CLASS)
	return bool(_lock.call("claim", ProjectSettings.globalize_path(path)))
