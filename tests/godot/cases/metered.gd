# SPDX-License-Identifier: MIT
extends RefCounted
## Connections that cost by the byte, as NetworkManager tells them.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")
const BUS: String = "DBUS_SYSTEM_BUS_ADDRESS"
## Printed when NetworkManager is to change its mind.
const CHANGE: String = "the connection changes now"


func run(harness: Harness) -> void:
	await _what_the_system_says_counts(harness)
	for bus: String in ["silent", "absent", "empty"] as Array[String]:
		await _without_an_answer_nothing_is_held_back(harness, bus)


func _what_the_system_says_counts(harness: Harness) -> void:
	var recorder: Recorder = _open(harness, "managed")
	harness.check(await recorder.until("network_changed"), "the system tells of the connection")
	harness.equal(recorder.last("network_changed"), ["metered"], "that it costs by the byte")
	await recorder.operate(&"check")
	harness.equal(recorder.last_dictionary("decided").get("reason"), "metered", "it is held back")
	harness.check(await recorder.operate(&"update_by_settings"), "an update by the settings ends")
	harness.equal(recorder.updater.get_status().get("installed"), false, "and installs nothing")
	recorder.updater.set_preference("metered", "no")
	await recorder.operate(&"check")
	harness.equal(
		recorder.last_dictionary("decided").get("action"), "take", "the player knows better"
	)
	recorder.updater.set_preference("metered", "auto")
	recorder.clear()
	print(CHANGE)
	harness.check(await recorder.until("network_changed"), "a change is told")
	harness.equal(recorder.last("network_changed"), ["unmetered"], "as what it is now")
	harness.check(await recorder.operate(&"update_by_settings"), "then it is taken")
	harness.equal(recorder.updater.get_status().get("version"), "1.0.0", "and installed")
	harness.equal(recorder.strays, 0, "every signal came on the main thread")
	recorder.free()


func _without_an_answer_nothing_is_held_back(harness: Harness, bus: String) -> void:
	var recorder: Recorder = _open(harness, bus)
	await recorder.operate(&"check")
	harness.equal(recorder.last_dictionary("decided").get("action"), "take", bus + ": it is taken")
	recorder.free()


func _open(harness: Harness, bus: String) -> Recorder:
	var buses: Dictionary = harness.config["buses"]
	OS.set_environment(BUS, str(buses[bus]))
	var recorder: Recorder = harness.recorder("metered-" + bus)
	harness.check(recorder.updater.open(), bus + ": a folder opens")
	recorder.updater.set_preference("updates", "automatic")
	recorder.updater.set_preference("metered-size", "0")
	return recorder
