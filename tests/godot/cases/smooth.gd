# SPDX-License-Identifier: MIT
extends RefCounted
## What frames look like while the engine works as fast as it can.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")


func run(harness: Harness) -> void:
	var idle: Recorder = harness.recorder("idle")
	await harness.seconds(2.0)
	print("      idle: frames in ms: ", Recorder.figures(idle.frame_times))
	idle.free()
	var recorder: Recorder = harness.recorder("smooth")
	harness.check(recorder.updater.open(), "the folder opens")
	for operation: StringName in [&"update", &"verify"]:
		recorder.frame_times.clear()
		recorder.spent.clear()
		harness.check(await recorder.operate(operation), "%s works" % operation)
		print("      %s: frames in ms: %s" % [operation, Recorder.figures(recorder.frame_times)])
		print("      %s: of that the updater: %s" % [operation, Recorder.figures(recorder.spent)])
		harness.check(not recorder.spent.is_empty(), "%s: frames go on meanwhile" % operation)
	var start: int = Time.get_ticks_usec()
	harness.check(recorder.updater.open(), "an installed version opens")
	var took: float = (Time.get_ticks_usec() - start) / 1000.0
	print("      opening an installed version took %.3f ms" % took)
	recorder.free()
