# SPDX-License-Identifier: MIT
extends RefCounted
## Starting the installed game.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")


func run(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("played")
	var updater: VSekaiUpdater = recorder.updater
	harness.check(updater.open(), "a folder opens")
	harness.check(
		not await recorder.operate(&"launch", [PackedStringArray(), false]),
		"nothing cannot be started"
	)
	harness.equal(
		recorder.last_dictionary("failed").get("code"), "not-installed", "and the reason is given"
	)
	harness.check(await recorder.operate(&"update"), "a version is installed")
	recorder.clear()
	harness.check(
		updater.launch(PackedStringArray(["--quit-after-start"]), false), "the game starts"
	)
	harness.check(await recorder.until("game_exited"), "the game ends")
	harness.equal(recorder.last("game_exited"), [0, false], "it ends well")
	harness.check(int(recorder.last("game_started")[0]) > 0, "its process id is told")
	harness.equal(
		recorder.every("finished"), [["launch", true]] as Array[Array], "launching is one operation"
	)
	harness.check(
		recorder.names.find("game_started") < recorder.names.find("game_exited"),
		"it starts before it ends"
	)
	harness.equal(updater.get_status().get("game_running"), false, "the status tells that it ended")
	var running: bool = false
	for value: Array in recorder.every("status_changed"):
		running = running or (value[0] as Dictionary).get("game_running", false)
	harness.check(running, "the status told that it ran")
	await _a_game_that_fails_counts_as_crashed(harness, recorder)
	harness.check(
		not await recorder.operate(&"launch", [PackedStringArray(), true]), "there is no VR program"
	)
	recorder.free()


func _a_game_that_fails_counts_as_crashed(harness: Harness, recorder: Recorder) -> void:
	var versions: String = harness.install_path("played").path_join("versions")
	for version: String in DirAccess.get_directories_at(versions):
		DirAccess.remove_absolute(versions.path_join(version).path_join("game.txt"))
	recorder.clear()
	recorder.updater.launch(PackedStringArray(["--quit-after-start"]), false)
	harness.check(await recorder.until("game_exited"), "a broken game ends")
	var end: Array = recorder.last("game_exited")
	harness.equal(end, [1, true], "it counts as crashed, with its code")
