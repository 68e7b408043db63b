# SPDX-License-Identifier: MIT
extends RefCounted
## A server that answers with nonsense: errors are told, and no frame waits for it.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")


func run(harness: Harness) -> void:
	var servers: Dictionary = harness.config.get("hostile_servers", {})
	harness.check(not servers.is_empty(), "there are hostile servers")
	for kind: String in servers:
		await _nonsense_is_an_error(harness, kind, str(servers[kind]))


func _nonsense_is_an_error(harness: Harness, kind: String, server: String) -> void:
	var recorder: Recorder = harness.recorder("hostile-" + kind, server)
	harness.check(recorder.updater.open(), kind + ": the folder opens")
	harness.check(recorder.updater.update(), kind + ": an install starts")
	harness.check(await recorder.until("finished"), kind + ": it ends")
	harness.equal(recorder.last("finished"), ["update", false], kind + ": it did not work")
	harness.equal(recorder.names.count("failed"), 1, kind + ": there is one error")
	var error: Dictionary = recorder.last_dictionary("failed")
	harness.check(
		error.get("code") in ["offline", "server", "damaged", "untrusted"],
		kind + ": it has a fitting code"
	)
	harness.check(str(error.get("message")).length() < 1000, kind + ": its message is short")
	print("      %s: %s: %s" % [kind, error.get("code"), error.get("message")])
	harness.equal(
		recorder.updater.get_status().get("installed"), false, kind + ": nothing is installed"
	)
	_check_frames(harness, recorder, kind)
	recorder.free()


func _check_frames(harness: Harness, recorder: Recorder, kind: String) -> void:
	print("      %s: frames in ms: %s" % [kind, Recorder.figures(recorder.frame_times)])
	print("      %s: of that the updater: %s" % [kind, Recorder.figures(recorder.spent)])
	harness.check(not recorder.spent.is_empty(), kind + ": frames go on meanwhile")
