# SPDX-License-Identifier: MIT
extends RefCounted
## What frames look like while the engine works as fast as it can.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")
## What the updater may take of 99 in 100 frames, in milliseconds; a frame at 60 Hz has 16.7.
const SHARE: float = 4.0


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
		var usual: float = Recorder.percentile(recorder.spent, 99)
		harness.check(usual < SHARE, "%s: the updater takes little of a frame" % operation)
	var start: int = Time.get_ticks_usec()
	harness.check(recorder.updater.open(), "an installed version opens")
	var took: float = (Time.get_ticks_usec() - start) / 1000.0
	harness.check(took < 100.0, "opening does not keep the window waiting (%.3f ms)" % took)
	recorder.free()
