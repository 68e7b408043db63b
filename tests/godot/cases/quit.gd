# SPDX-License-Identifier: MIT
extends RefCounted
## Leaves in the middle of a download, so that the driver can see how the process ends.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")
const SLOW: int = 500_000


func run(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("interrupted")
	harness.check(recorder.updater.open(), "the folder opens")
	recorder.updater.set_rate_limit(SLOW)
	harness.check(recorder.updater.update(), "an install starts")
	harness.check(await recorder.until("progress_changed", 3), "it makes progress")
	print("downloading ", recorder.last_dictionary("progress_changed").get("network_bytes"))
	if harness.config.get("linger", false):
		await recorder.until("finished")
