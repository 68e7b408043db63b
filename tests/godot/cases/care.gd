# SPDX-License-Identifier: MIT
extends RefCounted
## Finding and mending damage.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")


func run(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("damaged")
	harness.check(recorder.updater.open(), "a folder opens")
	harness.check(await recorder.operate(&"update"), "a version is installed")
	harness.equal(_noticed(recorder), {"first-use": false}, "the first root is no problem")
	harness.check(await recorder.operate(&"verify"), "an intact install is verified")
	var report: Dictionary = recorder.last_dictionary("verified")
	harness.equal(
		report.keys(),
		["files", "bytes", "damaged", "modified", "extra"],
		"the report has the documented keys"
	)
	harness.equal(report.get("damaged"), PackedStringArray(), "nothing is damaged")
	harness.check(int(report.get("files")) >= 7, "every file is counted")
	harness.check(int(report.get("bytes")) > 10_000_000, "every byte is counted")
	_flip_a_byte(harness)
	await recorder.operate(&"verify")
	report = recorder.last_dictionary("verified")
	harness.equal(
		report.get("damaged"), PackedStringArray(["data/large.bin"]), "a flipped byte is found"
	)
	harness.equal(recorder.names.count("failed"), 0, "finding damage is no error")
	harness.check(await recorder.operate(&"repair"), "the damage is repaired")
	harness.equal(recorder.names.count("plan_ready"), 0, "a repair is no offer")
	harness.equal(recorder.updater.get_status().get("offered_version"), "", "in the status neither")
	harness.check(await recorder.operate(&"verify"), "the install is verified again")
	report = recorder.last_dictionary("verified")
	harness.equal(report.get("damaged"), PackedStringArray(), "nothing is damaged any more")
	_damage_a_record(harness)
	harness.check(await recorder.operate(&"check"), "a damaged record stops no check")
	harness.equal(_noticed(recorder), {"damaged-record": true}, "it is noticed as a problem")
	harness.equal(recorder.strays, 0, "every signal came on the main thread")
	recorder.free()
	await _a_copy_is_adopted(harness)


func _a_copy_is_adopted(harness: Harness) -> void:
	var versions: String = harness.install_path("damaged").path_join("versions")
	var copy: String = versions.path_join(DirAccess.get_directories_at(versions)[0])
	var recorder: Recorder = harness.recorder("adopted")
	harness.check(recorder.updater.open(), "another folder opens")
	harness.check(await recorder.operate(&"adopt", [copy]), "a copy of the game is adopted")
	harness.equal(recorder.updater.get_status().get("version"), "1.0.0", "it is installed")
	var plan: Dictionary = recorder.last_dictionary("plan_ready")
	harness.equal(plan.get("network_bytes"), 0, "and nothing was downloaded for it")
	harness.check(not await recorder.operate(&"adopt", [copy]), "it is not adopted twice")
	recorder.free()


## What was noticed, by its code: whether that is a problem.
func _noticed(recorder: Recorder) -> Dictionary:
	var noticed: Dictionary = {}
	for arguments: Array in recorder.every("noticed"):
		noticed[arguments[0]] = arguments[2]
	return noticed


func _damage_a_record(harness: Harness) -> void:
	var record: String = harness.install_path("damaged").path_join(".vsekai/preferences.json")
	var file: FileAccess = FileAccess.open(record, FileAccess.WRITE)
	if harness.check(file != null, "the record to damage can be opened"):
		file.store_string("damaged")
		file.close()


func _flip_a_byte(harness: Harness) -> void:
	var versions: String = harness.install_path("damaged").path_join("versions")
	for version: String in DirAccess.get_directories_at(versions):
		var path: String = versions.path_join(version).path_join("data/large.bin")
		FileAccess.set_unix_permissions(
			path, FileAccess.UNIX_READ_OWNER | FileAccess.UNIX_WRITE_OWNER
		)
		var file: FileAccess = FileAccess.open(path, FileAccess.READ_WRITE)
		if not harness.check(file != null, "the file to damage can be opened"):
			return
		file.seek(100_000)
		var byte: int = file.get_8()
		file.seek(100_000)
		file.store_8(byte ^ 1)
		file.close()
