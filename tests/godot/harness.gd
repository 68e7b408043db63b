# SPDX-License-Identifier: MIT
extends RefCounted
## Counts checks and hands out updaters whose signals are recorded.

const Recorder: GDScript = preload("res://recorder.gd")

var tree: SceneTree
var config: Dictionary
var passed: int = 0
var failed: int = 0


func _init(p_tree: SceneTree, p_config: Dictionary) -> void:
	tree = p_tree
	config = p_config


func check(condition: bool, promise: String) -> bool:
	if condition:
		passed += 1
		print("ok    ", promise)
	else:
		failed += 1
		print("FAIL  ", promise)
	return condition


func equal(found: Variant, expected: Variant, promise: String) -> bool:
	var same: bool = typeof(found) == typeof(expected) and found == expected
	var detail: String = "" if same else ": found %s, expected %s" % [found, expected]
	return check(same, promise + detail)


## Returns a recorder around a new updater for the folder `folder` below the test's own.
func recorder(folder: String, server: String = "", channel: String = "stable") -> Recorder:
	var updater: VSekaiUpdater = VSekaiUpdater.new()
	updater.server_url = text("server") if server.is_empty() else server
	updater.title = text("title")
	updater.channel = channel
	updater.install_path = install_path(folder)
	var made: Recorder = Recorder.new(updater)
	tree.root.add_child(made)
	return made


func install_path(folder: String) -> String:
	return text("folder").path_join(folder)


func text(key: String) -> String:
	return str(config.get(key, ""))


func seconds(duration: float) -> void:
	await tree.create_timer(duration).timeout
