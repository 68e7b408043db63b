# SPDX-License-Identifier: MIT
extends RefCounted
## Installing, pausing, cancelling, updating, rolling back, with a real server.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")
const PLAN_KEYS: Array = [
	"version",
	"from_version",
	"notes",
	"download_bytes",
	"write_bytes",
	"disk_bytes",
	"reused_bytes",
	"staged_bytes",
	"network_bytes",
	"files_added",
	"files_changed",
	"files_removed",
	"files_moved",
	"installed_bytes",
	"left_before",
	"failed_starts",
	"decision",
	"decision_reason",
	"decision_until",
	"pinned_version",
]
const PROGRESS_KEYS: Array = [
	"step", "done_bytes", "total_bytes", "bytes_per_second", "seconds_left", "network_bytes"
]
## Slow enough to act in the middle of a download, in bytes per second.
const SLOW: int = 500_000


func run(harness: Harness) -> void:
	var recorder: Recorder = harness.recorder("game")
	harness.check(recorder.updater.open(), "the folder opens")
	await _a_check_makes_a_plan_and_changes_nothing(harness, recorder)
	await _an_install_goes_through_every_state(harness, recorder)
	await _a_second_check_finds_nothing(harness, recorder)
	await _channels_are_listed_and_switched(harness, recorder)
	await _a_download_pauses_resumes_and_is_cancelled(harness, recorder)
	await _an_update_follows_the_new_channel(harness, recorder)
	await _a_rollback_goes_back_without_the_network(harness, recorder)
	harness.equal(recorder.strays, 0, "every signal came on the main thread")
	recorder.free()


func _a_check_makes_a_plan_and_changes_nothing(harness: Harness, recorder: Recorder) -> void:
	harness.check(await recorder.operate(&"check"), "a check works")
	harness.equal(
		recorder.states(),
		PackedStringArray(["CheckForUpdates.Checking", "CheckForUpdates.UpdateAvailable"]),
		"a check ends with UpdateAvailable"
	)
	harness.equal(recorder.names.count("plan_ready"), 1, "there is one plan")
	var plan: Dictionary = recorder.last_dictionary("plan_ready")
	harness.equal(plan.keys(), PLAN_KEYS, "the plan has the documented keys in order")
	harness.equal(plan.get("version"), "1.0.0", "the plan names the version")
	harness.equal(plan.get("from_version"), "", "the plan is an install")
	harness.equal(plan.get("notes"), harness.text("notes"), "the plan has the notes")
	harness.check(int(plan.get("download_bytes")) > 10_000_000, "the plan tells the cost")
	harness.check(
		int(plan.get("disk_bytes")) >= int(plan.get("installed_bytes")), "the plan tells the space"
	)
	var status: Dictionary = recorder.updater.get_status()
	harness.equal(status.get("offered_version"), "1.0.0", "the status tells what is offered")
	harness.equal(status.get("installed"), false, "a check installs nothing")


func _an_install_goes_through_every_state(harness: Harness, recorder: Recorder) -> void:
	recorder.clear()
	recorder.updater.set_rate_limit(4_000_000)
	harness.check(recorder.updater.update(), "an install starts")
	harness.check(not recorder.updater.check(), "a second operation does not start meanwhile")
	harness.check(await recorder.until("finished"), "the install ends")
	await harness.seconds(0.1)
	recorder.updater.set_rate_limit(0)
	harness.equal(
		recorder.every("finished"), [["update", true]] as Array[Array], "it ends once and well"
	)
	_check_install_states(harness, recorder.states())
	harness.equal(recorder.names.count("failed"), 0, "nothing failed")
	_check_progress(harness, recorder)
	var status: Dictionary = recorder.updater.get_status()
	harness.equal(status.get("installed"), true, "something is installed")
	harness.equal(status.get("version"), "1.0.0", "the offered version is installed")
	harness.check(int(status.get("installed_at", 0)) > 0, "it is known since when")
	harness.equal(status.get("offered_version"), "", "nothing more is offered")
	harness.equal(
		recorder.last_dictionary("status_changed"), status, "the last status signal says the same"
	)
	var end: int = recorder.names.rfind("finished")
	harness.equal(end, recorder.names.size() - 1, "finished is the last signal")


func _check_install_states(harness: Harness, states: PackedStringArray) -> void:
	var expected: PackedStringArray = []
	for phase: String in [
		"PreparingUpdate",
		"DownloadingUpdate",
		"ApplyingUpdate",
		"FinalizingUpdate",
		"UpdateSuccessful",
	]:
		expected.append("CheckForUpdates." + phase)
	expected.append_array(["Updating", "Idle"])
	var start: int = states.find(expected[0])
	harness.equal(states.slice(maxi(start, 0)), expected, "the states of an install come in order")


func _check_progress(harness: Harness, recorder: Recorder) -> void:
	var seen: Dictionary[String, int] = {}
	var grows: bool = true
	var bounded: bool = true
	for value: Array in recorder.every("progress_changed"):
		var progress: Dictionary = value[0]
		var step: String = progress.get("step")
		var done: int = progress.get("done_bytes")
		grows = grows and done >= seen.get(step, 0)
		bounded = bounded and done <= int(progress.get("total_bytes"))
		seen[step] = done
	harness.check(seen.has("download"), "there is progress of the download")
	harness.check(grows, "progress never goes back")
	harness.check(bounded, "progress never exceeds the total")
	harness.equal(recorder.most_in_a_frame("progress_changed"), 1, "there is one progress a frame")
	var progress: Dictionary = recorder.last_dictionary("progress_changed")
	harness.equal(progress.keys(), PROGRESS_KEYS, "progress has the documented keys in order")


func _a_second_check_finds_nothing(harness: Harness, recorder: Recorder) -> void:
	harness.check(await recorder.operate(&"check"), "a check of an up-to-date install works")
	var states: PackedStringArray = recorder.states()
	harness.equal(
		states[-1] if not states.is_empty() else "",
		"CheckForUpdates.NoUpdateFound",
		"nothing is new"
	)
	harness.equal(recorder.names.count("plan_ready"), 0, "there is no plan for nothing")


func _channels_are_listed_and_switched(harness: Harness, recorder: Recorder) -> void:
	harness.check(await recorder.operate(&"list_channels"), "the channels can be listed")
	harness.equal(
		recorder.last("channels_listed"),
		[PackedStringArray(["beta", "stable"]), "stable"],
		"the channels are the published ones"
	)
	harness.check(
		await recorder.operate(&"switch_channel", ["beta"]), "the channel can be switched"
	)
	harness.equal(
		recorder.updater.get_status().get("channel"), "beta", "the status tells the new channel"
	)
	recorder.clear()
	harness.check(
		not recorder.updater.switch_channel("no/channel"), "a bad channel name is refused"
	)
	harness.equal(
		recorder.last_dictionary("failed").get("code"), "invalid-input", "and the reason is given"
	)


func _a_download_pauses_resumes_and_is_cancelled(harness: Harness, recorder: Recorder) -> void:
	var updater: VSekaiUpdater = recorder.updater
	recorder.clear()
	updater.set_rate_limit(SLOW)
	harness.check(updater.update(), "an update starts")
	harness.check(await recorder.until("progress_changed", 2), "the download makes progress")
	updater.pause()
	harness.check(await recorder.until_state("Paused", "DownloadingUpdate"), "a download pauses")
	await harness.seconds(0.3)
	var before: int = recorder.last_dictionary("progress_changed").get("network_bytes", 0)
	await harness.seconds(0.7)
	var after: int = recorder.last_dictionary("progress_changed").get("network_bytes", 0)
	harness.equal(after, before, "a paused download fetches nothing")
	harness.check(updater.is_busy(), "a paused download is still an operation")
	updater.resume()
	harness.check(
		await recorder.until_state("CheckForUpdates", "DownloadingUpdate"),
		"a paused download resumes"
	)
	updater.cancel()
	harness.check(await recorder.until("finished"), "a cancelled update ends")
	harness.equal(recorder.last("finished"), ["update", false], "a cancelled update is not ok")
	harness.equal(recorder.names.count("failed"), 0, "cancelling is no error")
	var states: PackedStringArray = recorder.states()
	harness.equal(states[-1], "Cancelled", "the last state is Cancelled")
	harness.equal(updater.get_status().get("version"), "1.0.0", "the installed version stays")
	updater.set_rate_limit(0)


func _an_update_follows_the_new_channel(harness: Harness, recorder: Recorder) -> void:
	harness.check(recorder.updater.update(), "an update starts and is cancelled at once")
	recorder.clear()
	recorder.updater.cancel()
	harness.check(await recorder.until("finished"), "it ends")
	harness.equal(recorder.last("finished"), ["update", false], "an early cancel is not lost")
	harness.check(await recorder.operate(&"update"), "an update works after cancelled ones")
	var plan: Dictionary = recorder.last_dictionary("plan_ready")
	harness.equal(plan.get("from_version"), "1.0.0", "the plan names the installed version")
	harness.equal(plan.get("files_removed"), 2, "the plan counts removed files")
	harness.equal(plan.get("files_moved"), 1, "the plan counts moved files")
	harness.check(int(plan.get("reused_bytes")) > 0, "the update reuses what is there")
	var status: Dictionary = recorder.updater.get_status()
	harness.equal(status.get("version"), "2.0.0", "the new version is installed")
	harness.equal(status.get("previous_version"), "1.0.0", "the old one is kept")


func _a_rollback_goes_back_without_the_network(harness: Harness, recorder: Recorder) -> void:
	harness.check(await recorder.operate(&"rollback"), "a rollback works")
	var states: PackedStringArray = recorder.states()
	harness.equal(states[-1], "RolledBack", "the state is RolledBack")
	harness.equal(
		recorder.updater.get_status().get("version"), "1.0.0", "the earlier version is back"
	)
	harness.equal(
		recorder.last_dictionary("switched"),
		{"from_version": "2.0.0", "version": "1.0.0", "newer": false},
		"it says from which to which"
	)
	harness.check(await recorder.operate(&"check"), "a check after a rollback works")
	var plan: Dictionary = recorder.last_dictionary("plan_ready")
	harness.equal(plan.get("left_before"), true, "the plan tells that the player went back from it")
	harness.check(await recorder.operate(&"update"), "the newer version can be taken again")
	harness.equal(recorder.updater.get_status().get("version"), "2.0.0", "and is installed")
