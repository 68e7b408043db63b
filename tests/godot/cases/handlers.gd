# SPDX-License-Identifier: MIT
extends RefCounted
## What signal handlers and the scene tree may do to an updater.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")
const SLOW: int = 500_000


func run(harness: Harness) -> void:
	await _a_handler_may_start_the_next_operation(harness)
	await _a_handler_may_open_another_folder(harness)
	await _a_handler_may_free_the_updater(harness)
	await _an_updater_works_from_when_it_is_in_the_tree(harness)
	await _leaving_the_tree_closes_the_folder(harness)
	await _two_updaters_do_not_work_on_one_folder(harness)


func _a_handler_may_start_the_next_operation(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("chained")
	var updater: VSekaiUpdater = recorder.updater
	var started: Array[bool] = []
	var next: Callable = func(operation: String, _ok: bool) -> void:
		if operation == "check":
			started.append(updater.list_channels())
	updater.finished.connect(next)
	harness.check(updater.open() and updater.check(), "chained: a check starts")
	harness.check(await recorder.until("finished", 2), "chained: two operations end")
	harness.equal(started, [true] as Array[bool], "chained: the handler started the second one")
	harness.equal(recorder.names.count("channels_listed"), 1, "chained: the second one worked")
	recorder.free()


func _a_handler_may_open_another_folder(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("first")
	var updater: VSekaiUpdater = recorder.updater
	var reopen: Callable = func(_plan: Dictionary) -> void:
		updater.install_path = harness.install_path("second")
		updater.open()
	updater.plan_ready.connect(reopen)
	harness.check(updater.open() and updater.check(), "reopened: a check starts")
	harness.check(await recorder.until("plan_ready"), "reopened: it finds something")
	recorder.clear()
	await harness.seconds(0.2)
	# The system may take two seconds to say what the second folder's connection is.
	var heard: PackedStringArray = recorder.names.duplicate()
	heard.erase("network_changed")
	harness.equal(
		heard,
		PackedStringArray(["status_changed", "preferences_changed"]),
		"reopened: the first folder is silent"
	)
	harness.check(not updater.is_busy(), "reopened: nothing runs in the second")
	var path: String = updater.get_status().get("install_path")
	harness.equal(path, harness.install_path("second"), "reopened: the status is the second's")
	recorder.free()


func _a_handler_may_free_the_updater(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("freed")
	var updater: VSekaiUpdater = recorder.updater
	var free_it: Callable = func(_progress: Dictionary) -> void: recorder.queue_free()
	updater.progress_changed.connect(free_it)
	harness.check(updater.open(), "freed: the folder opens")
	updater.set_rate_limit(SLOW)
	harness.check(updater.update(), "freed: an install starts")
	var start: int = Time.get_ticks_msec()
	while is_instance_valid(recorder) and Time.get_ticks_msec() - start < Recorder.PATIENCE:
		await harness.tree.process_frame
	harness.check(not is_instance_valid(updater), "freed: it is gone in the middle of a download")


func _an_updater_works_from_when_it_is_in_the_tree(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("outside")
	harness.tree.root.remove_child(recorder)
	harness.check(recorder.updater.open(), "outside: a folder opens outside the tree")
	harness.check(recorder.updater.check(), "outside: a check starts")
	await harness.seconds(0.5)
	harness.equal(recorder.names.size(), 0, "outside: there is no signal")
	harness.tree.root.add_child(recorder)
	harness.check(await recorder.until("finished"), "outside: the signals come inside the tree")
	harness.equal(
		recorder.states(),
		PackedStringArray(["CheckForUpdates.Checking", "CheckForUpdates.UpdateAvailable"]),
		"outside: none is lost"
	)
	recorder.free()


func _leaving_the_tree_closes_the_folder(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("left")
	var updater: VSekaiUpdater = recorder.updater
	harness.check(updater.open(), "left: the folder opens")
	updater.set_rate_limit(SLOW)
	harness.check(updater.update(), "left: an install starts")
	harness.check(await recorder.until("progress_changed"), "left: it makes progress")
	var start: int = Time.get_ticks_msec()
	harness.tree.root.remove_child(recorder)
	var took: int = Time.get_ticks_msec() - start
	harness.check(took < 1000, "left: a download ends at once (%d ms)" % took)
	harness.check(not updater.is_busy(), "left: nothing runs any more")
	harness.equal(updater.get_status(), {}, "left: the folder is closed")
	harness.tree.root.add_child(recorder)
	harness.check(updater.open(), "left: it opens again")
	harness.check(await recorder.operate(&"update"), "left: the install goes on")
	recorder.free()


func _two_updaters_do_not_work_on_one_folder(harness: Harness) -> void:
	var first: Recorder = harness.recorder("shared")
	var second: Recorder = harness.recorder("shared")
	harness.check(first.updater.open() and second.updater.open(), "shared: both open it")
	first.updater.set_rate_limit(SLOW)
	harness.check(first.updater.update(), "shared: the first starts")
	harness.check(await first.until("progress_changed"), "shared: it makes progress")
	harness.check(not await second.operate(&"update"), "shared: the second does not install")
	harness.equal(second.last_dictionary("failed").get("code"), "locked", "shared: it says why")
	first.updater.set_rate_limit(0)
	harness.check(await first.until("finished"), "shared: the first ends")
	harness.equal(first.last("finished"), ["update", true], "shared: the first is not disturbed")
	first.free()
	second.free()
