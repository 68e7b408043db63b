# SPDX-License-Identifier: MIT
extends RefCounted
## The player's settings and what goes by them, versions, moving, uninstalling.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")
## What the launcher's Library and other programs read by name.
const VERSION_KEYS: Array = [
	"version",
	"name",
	"role",
	"current",
	"channel",
	"installed_bytes",
	"own_bytes",
	"installed_at",
	"pinned",
	"left",
	"in_use",
	"started_well",
	"failed_starts",
	"last_start",
	"given_up",
]


func run(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("chosen")
	var updater: VSekaiUpdater = recorder.updater
	harness.equal(updater.get_preferences(), {}, "there are no settings before open")
	harness.check(updater.open(), "a folder opens")
	await _settings_are_changed_by_name(harness, recorder)
	await _an_update_goes_by_the_settings(harness, recorder)
	await _versions_are_listed_and_skipped_and_pinned(harness, recorder)
	await _the_install_moves_and_goes(harness, recorder)
	harness.equal(VSekaiUpdater.report_started(), false, "no launcher waits for this program")
	harness.equal(recorder.strays, 0, "every signal came on the main thread")
	recorder.free()


func _settings_are_changed_by_name(harness: Harness, recorder: Recorder) -> void:
	var updater: VSekaiUpdater = recorder.updater
	harness.equal(updater.get_preferences().get("updates"), "ask", "updates are asked about first")
	harness.check(await recorder.until("preferences_changed"), "the settings are told")
	recorder.clear()
	updater.set_preference("quiet-hours", "00:00-12:00,12:00-00:00")
	harness.check(updater.set_preference("keep-versions", "3"), "a change is taken")
	harness.equal(updater.get_preferences().get("keep-versions"), "3", "and counts at once")
	harness.check(await recorder.until("preferences_changed", 2), "changes are told")
	harness.check(not updater.set_preference("rate-limit", "fast"), "what makes no sense is not")
	var error: Dictionary = recorder.last_dictionary("failed")
	harness.equal(error.get("code"), "invalid-input", "as input that makes no sense")


func _an_update_goes_by_the_settings(harness: Harness, recorder: Recorder) -> void:
	var updater: VSekaiUpdater = recorder.updater
	harness.check(await recorder.operate(&"check"), "a check works")
	var decision: Dictionary = recorder.last_dictionary("decided")
	harness.equal(decision.get("reason"), "quiet-hours", "it is quiet all day")
	harness.equal(decision.get("action"), "hold-back", "so the update is held back")
	var plan: Dictionary = recorder.last_dictionary("plan_ready")
	harness.equal(plan.get("decision_reason"), "quiet-hours", "the plan says so too")
	harness.check(await recorder.operate(&"update_by_settings"), "an update by the settings works")
	harness.equal(recorder.names.count("decided"), 1, "it says why nothing was done")
	harness.equal(updater.get_status().get("installed"), false, "nothing was installed")
	recorder.clear()
	updater.reset_preference("quiet-hours")
	updater.set_preference("updates", "automatic")
	harness.check(await recorder.until("preferences_changed", 2), "the settings are changed")
	updater.metered = true
	await recorder.operate(&"check")
	harness.equal(
		recorder.last_dictionary("decided").get("reason", ""),
		"",
		"the game is small enough for a metered connection"
	)
	harness.check(await recorder.operate(&"update_by_settings"), "now it is taken")
	harness.equal(updater.get_status().get("version"), "1.0.0", "and installed")


func _versions_are_listed_and_skipped_and_pinned(harness: Harness, recorder: Recorder) -> void:
	var updater: VSekaiUpdater = recorder.updater
	harness.check(await recorder.operate(&"list_versions"), "versions are listed")
	var versions: Array = recorder.last("versions_listed")[0]
	harness.equal(versions.size(), 1, "there is one")
	harness.equal((versions[0] as Dictionary).get("role"), "current", "it is the current one")
	harness.equal((versions[0] as Dictionary).keys(), VERSION_KEYS, "all of it is told")
	harness.check(await recorder.operate(&"skip_version", ["2.0.0"]), "a version is skipped")
	harness.check(await recorder.operate(&"skip_version", ["1.5"]), "and another one")
	harness.check(await recorder.operate(&"unskip_version", ["1.5"]), "the other no longer")
	harness.check(await recorder.operate(&"pin_version", [""]), "the installed one is pinned")
	harness.equal(recorder.names.count("preferences_changed"), 1, "that is told")
	var preferences: Dictionary = updater.get_preferences()
	harness.equal(preferences.get("skipped"), PackedStringArray(["2.0.0"]), "one is skipped")
	harness.equal(preferences.get("pinned"), "1.0.0", "the installed one is pinned")
	harness.check(
		not await recorder.operate(&"remove_version", ["1.0.0"]), "the current one is not removed"
	)
	harness.check(await recorder.operate(&"verify_quick"), "a quick check works")
	harness.equal(recorder.last_dictionary("verified").get("bytes"), 0, "it reads no file")


func _the_install_moves_and_goes(harness: Harness, recorder: Recorder) -> void:
	var updater: VSekaiUpdater = recorder.updater
	var elsewhere: String = harness.install_path("elsewhere")
	harness.check(await recorder.operate(&"move_to", [elsewhere]), "the install moves")
	harness.equal(recorder.last_dictionary("moved").get("to"), elsewhere, "it says where to")
	harness.equal(updater.get_status().get("installed"), false, "it is not here any more")
	updater.install_path = elsewhere
	harness.check(updater.open(), "it opens there")
	harness.equal(updater.get_status().get("version"), "1.0.0", "with the same version")
	harness.equal(updater.get_preferences().get("pinned"), "1.0.0", "and the same settings")
	harness.check(await recorder.operate(&"uninstall", [false]), "it is removed")
	harness.equal(recorder.last_dictionary("uninstalled").get("left"), PackedStringArray(), "whole")
	harness.check(not DirAccess.dir_exists_absolute(elsewhere), "and nothing is left")
