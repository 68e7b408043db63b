# SPDX-License-Identifier: MIT
extends RefCounted
## A network that fails in the middle of a download, then one that works.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")


func run(harness: Harness) -> void:
	var networks: Dictionary = harness.config.get("broken_networks", {})
	harness.check(not networks.is_empty(), "there are broken networks")
	for kind: String in networks:
		var network: Dictionary = networks[kind]
		var recorder: Recorder = harness.recorder("broken", str(network.get("server")))
		harness.check(recorder.updater.open(), kind + ": the folder opens")
		harness.check(not await recorder.operate(&"update"), kind + ": the install fails")
		var states: PackedStringArray = recorder.states()
		harness.check("CheckForUpdates.DownloadingUpdate" in states, kind + ": it was downloading")
		harness.equal(states[-1], "Failed", kind + ": the state says so")
		harness.equal(recorder.names.count("failed"), 1, kind + ": there is one error")
		var error: Dictionary = recorder.last_dictionary("failed")
		harness.equal(error.get("code"), network.get("code"), kind + ": it says what is wrong")
		harness.equal(error.get("retry"), true, kind + ": it is worth another try")
		var status: Dictionary = recorder.updater.get_status()
		harness.equal(status.get("installed"), false, kind + ": nothing is installed")
		recorder.free()
	var recorder: Recorder = harness.recorder("broken")
	harness.check(recorder.updater.open(), "mended: the folder opens")
	harness.check(await recorder.operate(&"update"), "mended: the install goes on and ends well")
	var plan: Dictionary = recorder.last_dictionary("plan_ready")
	var progress: Dictionary = recorder.every("progress_changed")[0][0]
	harness.check(int(progress.get("done_bytes")) > 0, "mended: it goes on where it stopped")
	harness.check(int(plan.get("download_bytes")) > 0, "mended: there was a plan")
	harness.check(await recorder.operate(&"verify"), "mended: it can be verified")
	var damaged: PackedStringArray = recorder.last_dictionary("verified").get("damaged")
	harness.equal(damaged, PackedStringArray(), "mended: every byte is right")
	recorder.free()
