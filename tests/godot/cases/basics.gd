# SPDX-License-Identifier: MIT
extends RefCounted
## What needs no server: opening, refusing, a server that does not answer.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")
const ERROR_KEYS: Array = ["code", "message", "hint", "detail", "retry", "repair"]
const STATUS_KEYS: Array = [
	"installed",
	"version",
	"previous_version",
	"channel",
	"platform",
	"install_path",
	"version_path",
	"installed_bytes",
	"installed_at",
	"notes",
	"offered_version",
	"game_running",
	"title",
	"server_url",
	"has_vr",
	"gave_up",
	"has_read_token",
	"damage",
	"repair",
]


func run(harness: Harness) -> void:
	_opens_an_empty_folder(harness)
	_refuses_what_makes_no_sense(harness)
	await _wants_consent_to_a_server_without_encryption(harness)
	await _says_offline_when_no_server_answers(harness)


func _opens_an_empty_folder(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("empty")
	var updater: VSekaiUpdater = recorder.updater
	harness.equal(updater.get_status(), {}, "there is no status before open")
	harness.check(updater.open(), "an empty folder opens")
	var status: Dictionary = updater.get_status()
	harness.equal(status.keys(), STATUS_KEYS, "the status has the documented keys in order")
	harness.equal(status.get("installed"), false, "nothing is installed in it")
	harness.equal(
		status.get("install_path"), harness.install_path("empty"), "the status names the folder"
	)
	harness.equal(status.get("channel"), "stable", "the status names the channel")
	harness.check(not updater.is_busy(), "nothing runs after open")
	harness.check(not updater.launcher_version.is_empty(), "the library knows its version")
	harness.check(updater.open(), "it opens a second time")
	recorder.free()


func _refuses_what_makes_no_sense(harness: Harness) -> void:
	for setting: Array in [
		["install_path", "relative/path"],
		["install_path", ""],
		["title", "No Such Title!"],
		["channel", "../stable"],
	]:
		var recorder: Recorder = harness.recorder("refused")
		recorder.updater.set(setting[0], setting[1])
		var promise: String = '%s "%s" is refused' % setting
		harness.check(not recorder.updater.open(), promise)
		harness.equal(recorder.names, PackedStringArray(["failed"]), promise + " with one signal")
		var error: Dictionary = recorder.last_dictionary("failed")
		harness.equal(error.get("code"), "invalid-input", promise + " as invalid input")
		harness.equal(error.keys(), ERROR_KEYS, promise + " with the documented keys")
		recorder.free()


func _wants_consent_to_a_server_without_encryption(harness: Harness) -> void:
	# An address that is set aside for documentation: nobody can be reached there.
	var recorder: Recorder = harness.recorder("plain", "http://192.0.2.1:9")
	harness.check(recorder.updater.open(), "plain: the folder opens")
	harness.check(not await recorder.operate(&"check"), "plain: the server is not asked")
	var error: Dictionary = recorder.last_dictionary("failed")
	harness.equal(error.get("code"), "invalid-input", "plain: consent is wanted first")
	recorder.updater.allow_http = true
	harness.check(recorder.updater.open(), "plain: the folder opens with consent")
	recorder.clear()
	harness.check(recorder.updater.check(), "plain: then the server is asked")
	await harness.seconds(0.3)
	recorder.updater.cancel()
	harness.check(await recorder.until("finished"), "plain: which can be cancelled")
	recorder.free()


func _says_offline_when_no_server_answers(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("offline", harness.text("dead_server"))
	harness.check(recorder.updater.open(), "a folder opens without a network")
	harness.check(recorder.updater.check(), "a check starts")
	harness.check(recorder.updater.is_busy(), "it is busy while it checks")
	harness.check(await recorder.until("finished"), "the check ends")
	harness.equal(recorder.last("finished"), ["check", false], "it did not work")
	harness.equal(recorder.names.count("failed"), 1, "there is one error")
	var error: Dictionary = recorder.last_dictionary("failed")
	harness.equal(error.get("code"), "offline", 'the error is "offline"')
	harness.equal(error.get("retry"), true, "it is worth another try")
	harness.check(not str(error.get("hint")).is_empty(), "it says what to do next")
	harness.equal(
		recorder.states(),
		PackedStringArray(["CheckForUpdates.Checking", "Failed"]),
		"the states are Checking and Failed"
	)
	harness.check(not recorder.updater.is_busy(), "it is not busy afterwards")
	recorder.free()
