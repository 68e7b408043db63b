# SPDX-License-Identifier: MIT
## What the launcher knows, from the engine's signals and the player's wishes. Pure: no nodes, no
## files, no clock.
##
## Feed it the `on_*` events, then ask `screen()` what to show and `take_request()` what to do by
## itself. `HomePresenter` turns it into words.
class_name LauncherModel
extends RefCounted

enum Screen {
	STARTING,
	CHECKING,
	NOTHING_OFFERED,
	OFFER_INSTALL,
	OFFER_UPDATE,
	READY,
	WORKING,
	PAUSED,
	FAILED,
	PLAYING,
}

## Phases in which the files of the game change hands and a cancel comes too late.
const LATE_PHASES: Array[String] = ["FinalizingUpdate", "UpdateSuccessful"]
## Phases in which nothing runs.
const RESTING_PHASES: Array[String] = ["NoUpdateFound", "UpdateAvailable", ""]

var game_name: String = ""
var install_path: String = ""
## Updates of an installed game start without asking. A first install always asks.
var automatic: bool = false

var state: String = "Idle"
var phase: String = ""
var installed: bool = false
var version: String = ""
var previous_version: String = ""
var channel: String = ""
var platform: String = ""
var installed_bytes: int = 0
var notes: String = ""
var game_running: bool = false
var vr_offered: bool = false
var channels: PackedStringArray = []
## The offer, or null when there is none.
var plan: UpdatePlan = null
var progress: UpdateProgress = UpdateProgress.new()
## What went wrong last and still stands, or null.
var failure: Failure = null
## Something to tell beside the state, such as a crash of the game; empty if nothing.
var notice: Message = Message.new()
## The operation that runs, by the name of the engine's method; empty if none.
var operation: String = ""
## A check has come to an end since the start.
var checked: bool = false

var _last_attempt: String = "check"
var _request: String = ""
var _auto_tried_version: String = ""
var _activity: Array[Message] = []


func screen() -> Screen:
	if operation in ["verify", "repair"] or _is_at_work():
		return Screen.WORKING
	if state == "Paused":
		return Screen.PAUSED
	if game_running:
		return Screen.PLAYING
	if failure != null:
		return Screen.FAILED
	if phase == "Checking":
		return Screen.CHECKING
	return _resting_screen()


## An update is running that would stop if the window closed.
func would_lose_by_closing() -> bool:
	return screen() in [Screen.WORKING, Screen.PAUSED]


func can_cancel() -> bool:
	return not is_late()


## The new version is taking its place.
func is_late() -> bool:
	return phase in LATE_PHASES or state == "Updating"


## The last progress report belongs to what runs now.
func progress_is_current() -> bool:
	match phase:
		"PreparingUpdate":
			return false
		"DownloadingUpdate":
			return progress.step == "download"
		"ApplyingUpdate":
			return progress.step == "apply"
	return true


func can_pause() -> bool:
	return phase == "DownloadingUpdate"


## The operation to run again for "Try again".
func retry_operation() -> String:
	return _last_attempt


## Returns what the model wants done by itself, once: `update` or nothing.
func take_request() -> String:
	var request: String = _request
	_request = ""
	return request


## Returns what happened since the last call, for the activity page.
func take_activity() -> Array[Message]:
	var activity: Array[Message] = _activity
	_activity = []
	return activity


## The player, or the launcher, asked for `name`.
func on_requested(name: String) -> void:
	operation = name
	failure = null
	notice = Message.new()
	progress = UpdateProgress.new()
	if name in ["check", "update", "verify", "repair"]:
		_last_attempt = name


func on_state_changed(new_state: String, new_phase: String) -> void:
	if state == new_state and phase == new_phase:
		return
	var was_paused: bool = state == "Paused"
	state = new_state
	phase = new_phase
	match new_phase if new_state == "CheckForUpdates" else new_state:
		"NoUpdateFound":
			plan = null
			_note("ACTIVITY_NOTHING_NEW")
		"DownloadingUpdate":
			_note("ACTIVITY_RESUMED" if was_paused else "ACTIVITY_DOWNLOADING")
		"ApplyingUpdate":
			_note("ACTIVITY_APPLYING")
		"Paused":
			_note("ACTIVITY_PAUSED")
		"Cancelled":
			notice = Message.of("NOTICE_CANCELLED")
			_note("ACTIVITY_CANCELLED")
		"RolledBack":
			plan = null
			notice = Message.of("NOTICE_ROLLED_BACK")


func on_plan_ready(values: Dictionary) -> void:
	var known: bool = plan != null and plan.version == str(values.get("version", ""))
	plan = UpdatePlan.from(values)
	if not known:
		_note("ACTIVITY_FOUND", [plan.version, Formats.bytes(plan.download_bytes)])
	# What the player went back from is not taken again without being asked for.
	var unwanted: bool = bool(values.get("left_before", false)) or operation == "update"
	if automatic and installed and not unwanted and plan.version != _auto_tried_version:
		_auto_tried_version = plan.version
		_request = "update"


func on_progress_changed(values: Dictionary) -> void:
	progress = UpdateProgress.from(values)


func on_status_changed(values: Dictionary) -> void:
	installed = bool(values.get("installed", false))
	version = str(values.get("version", ""))
	previous_version = str(values.get("previous_version", ""))
	channel = str(values.get("channel", channel))
	platform = str(values.get("platform", ""))
	install_path = str(values.get("install_path", install_path))
	installed_bytes = int(values.get("installed_bytes", 0))
	notes = str(values.get("notes", ""))
	game_running = bool(values.get("game_running", false))
	vr_offered = bool(values.get("has_vr", false))


func on_failed(values: Dictionary) -> void:
	if values.get("code", "") == "cancelled":
		return
	failure = Failure.from(values, operation in ["check", "update"])
	_note("ACTIVITY_FAILED", [failure.sentence(), failure.code])


func on_finished(name: String, ok: bool) -> void:
	if operation == name:
		operation = ""
	match name:
		"check":
			checked = true
		"update" when ok:
			plan = null
			checked = true
			notice = Message.of("NOTICE_UPDATED", [version])
			_note("ACTIVITY_UPDATED", [version])
		"repair" when ok:
			notice = Message.of("NOTICE_REPAIRED")
			_note("ACTIVITY_REPAIRED")
		"rollback" when ok:
			_note("ACTIVITY_ROLLED_BACK", [version])
		"switch_channel" when ok:
			plan = null
			checked = false


func on_verified(report: Dictionary) -> void:
	var damaged: PackedStringArray = report.get("damaged", PackedStringArray())
	var files: int = int(report.get("files", 0))
	if damaged.is_empty():
		notice = Message.counted("NOTICE_FILE_SOUND", "NOTICE_FILES_SOUND", files)
		_note("ACTIVITY_SOUND", [files])
		return
	failure = Failure.from({"code": "damaged", "detail": "\n".join(damaged), "retry": false})
	_note("ACTIVITY_DAMAGED", [damaged.size()])


func on_channels_listed(names: PackedStringArray, current: String) -> void:
	channels = names
	channel = current


func on_game_started() -> void:
	game_running = true
	notice = Message.new()
	_note("ACTIVITY_STARTED", [version])


func on_game_exited(code: int, crashed: bool) -> void:
	game_running = false
	if crashed:
		notice = Message.of("NOTICE_CRASHED")
	_note("ACTIVITY_CRASHED" if crashed else "ACTIVITY_EXITED", [code])


func _resting_screen() -> Screen:
	if plan != null and plan.version != version:
		return Screen.OFFER_UPDATE if installed else Screen.OFFER_INSTALL
	if installed:
		return Screen.READY
	return Screen.NOTHING_OFFERED if checked else Screen.STARTING


func _is_at_work() -> bool:
	return (
		state == "Updating"
		or state == "CheckForUpdates" and phase != "Checking" and not phase in RESTING_PHASES
	)


func _note(key: String, arguments: Array = []) -> void:
	_activity.append(Message.of(key, arguments))
