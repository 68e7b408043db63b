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
	HELD_BACK,
	READY,
	WORKING,
	PAUSED,
	FAILED,
	PLAYING,
	CRASHED,
}

## Phases in which nothing runs.
const RESTING_PHASES: Array[String] = ["NoUpdateFound", "UpdateAvailable", ""]

## Operations that fetch another version.
const UPDATES: Array[String] = ["update", "update_by_settings", "adopt"]
## Operations on all that is installed, which have no phases of their own.
const WHOLE_GAME_OPERATIONS: Array[String] = [
	"verify", "verify_quick", "repair", "move_to", "uninstall"
]

var game_name: String = ""
var install_path: String = ""
## Updates are only looked for when the player asks.
var manual: bool = false

var state: String = "Idle"
var phase: String = ""
var installed: bool = false
var version: String = ""
var previous_version: String = ""
var channel: String = ""
var platform: String = ""
var installed_bytes: int = 0
## When that was installed, in seconds since 1970; 0 if nobody knows.
var installed_at: int = 0
var notes: String = ""
var game_running: bool = false
var vr_offered: bool = false
## There is a token for the server's private channels, whether it takes it or not.
var has_read_token: bool = false
## What the install folder remembers and cannot be used, in the engine's own words: it is damaged,
## cannot be read now, or is a newer launcher's.
var damage: PackedStringArray = []
## A repair mends some of that.
var repair_helps: bool = false
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
## The picture that goes with the notice.
var notice_picture: String = "info"
## The game's last end was a crash that nobody has reacted to yet.
var crashed: bool = false
var exit_code: int = 0
## What lies in the folder, and what the engine can do with it.
var facts: InstallFacts = InstallFacts.new()
## The operation to run again for "Try again".
var last_attempt: String = "check"
## A link that waits for the game to take it along; empty if none.
var link: String = ""

## Files that were written to since they were installed, which a quick check cannot judge.
var files_to_check: int = 0
## What the engine refuses at once is told by whoever asked for it, and is no failure of what runs
## meanwhile.
var hears_failures: bool = true

var _request: String = ""
## The engine has left a version by itself since the last start of the game.
var _went_back: bool = false
var _automatic: AutomaticUpdates = AutomaticUpdates.new()
var _activity: Array[Message] = []


func screen() -> Screen:
	if operation in WHOLE_GAME_OPERATIONS or _is_at_work():
		return Screen.WORKING
	if state == "Paused":
		return Screen.PAUSED
	if game_running:
		return Screen.PLAYING
	return _troubled_screen() if failure != null or crashed else _calm_screen()


## An update is running that would stop if the window closed.
func would_lose_by_closing() -> bool:
	return screen() in [Screen.WORKING, Screen.PAUSED]


## The game can be started for a link: it is there, and no update waits for an answer.
func is_ready_for_link() -> bool:
	if not installed:
		return false
	match screen():
		Screen.READY, Screen.HELD_BACK:
			return checked or manual
		Screen.FAILED:
			return failure.leaves_the_game_alone()
	return false


## Returns what the model wants done by itself, once: `update_by_settings` or nothing.
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
	crashed = false
	notice = Message.new()
	notice_picture = "info"
	progress = UpdateProgress.new()
	if name in UPDATES:
		# What a copy of the game gave is kept, so an update goes on with it.
		last_attempt = "update"
	elif name in ["check", "verify", "verify_quick", "repair"]:
		last_attempt = name
	if name != "check":
		files_to_check = 0


func on_state_changed(new_state: String, new_phase: String) -> void:
	if state == new_state and phase == new_phase:
		return
	var was_paused: bool = state == "Paused"
	if was_paused and plan != null:
		plan.hold = null
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
			if operation == "update_by_settings":
				_automatic.turn_down()
			notice = Message.of("NOTICE_CANCELLED")
			_note("ACTIVITY_CANCELLED")
		"RolledBack":
			_on_rolled_back()


func on_plan_ready(values: Dictionary) -> void:
	var known: bool = plan != null and plan.version == str(values.get("version", ""))
	plan = UpdatePlan.from(values)
	if not known:
		_note("ACTIVITY_FOUND", [plan.version, Formats.bytes(plan.download_bytes)])


## What the player's settings, which the engine keeps, make of the plan. A first install asks.
func on_decided(values: Dictionary) -> void:
	if plan == null or not installed:
		return
	var action: String = Values.line(values, "action", "take")
	plan.hold = UpdateHold.from(
		action, Values.line(values, "reason"), Values.line(values, "until"), plan
	)
	if action == "take" and not operation in UPDATES and _automatic.is_due(plan.version):
		_request = "update_by_settings"


func on_progress_changed(values: Dictionary) -> void:
	progress = UpdateProgress.from(values)


func on_status_changed(values: Dictionary) -> void:
	installed = Values.flag(values, "installed")
	version = Values.line(values, "version")
	previous_version = Values.line(values, "previous_version")
	channel = Values.line(values, "channel", channel)
	platform = Values.line(values, "platform")
	install_path = str(values.get("install_path", install_path))
	installed_bytes = Values.count(values, "installed_bytes")
	installed_at = Values.time(values, "installed_at")
	notes = str(values.get("notes", ""))
	game_running = Values.flag(values, "game_running")
	vr_offered = Values.flag(values, "has_vr")
	has_read_token = Values.flag(values, "has_read_token")
	damage = Values.texts(values, "damage")
	repair_helps = Values.flag(values, "repair")


func on_failed(values: Dictionary) -> void:
	var code: String = Values.line(values, "code")
	if not hears_failures or code == "cancelled":
		return
	if operation.is_empty() and code == "invalid-input":
		# A setting that the engine does not take; nothing else is the matter.
		_tell("warning", Message.of("NOTICE_SETTING_REFUSED"))
		return
	failure = Failure.from(values, has_read_token)
	failure.stops_the_game = operation == "launch"
	_note("ACTIVITY_FAILED", [failure.sentence(), failure.code])


func on_finished(name: String, ok: bool) -> void:
	if operation == name:
		operation = ""
	match name:
		"check":
			checked = true
		"update", "update_by_settings", "adopt" when (
			ok and (plan == null or version == plan.version)
		):
			plan = null
			checked = true
			_tell("done", Message.of("NOTICE_UPDATED", [version]))
			_note("ACTIVITY_UPDATED", [version])
		"repair" when ok:
			_tell("done", Message.of("NOTICE_REPAIRED"))
			_note("ACTIVITY_REPAIRED")
		"forget_read_token" when ok:
			_note("ACTIVITY_TOKEN_FORGOTTEN")
		"remove_version" when ok:
			_note("ACTIVITY_REMOVED")
		"move_to" when ok:
			_note("ACTIVITY_MOVED")
		"uninstall" when ok:
			plan = null
			facts.versions.clear()
			_note("ACTIVITY_UNINSTALLED")
		"switch_channel" when ok:
			plan = null
			checked = false


func on_verified(report: Dictionary) -> void:
	var damaged: PackedStringArray = Values.texts(report, "damaged")
	var files: int = Values.count(report, "files")
	files_to_check = Values.texts(report, "modified").size()
	if not damaged.is_empty():
		failure = Failure.from({"code": "damaged", "repair": true, "detail": "\n".join(damaged)})
		_note("ACTIVITY_DAMAGED", [damaged.size()])
	elif files_to_check > 0:
		_tell(
			"warning",
			Message.counted("NOTICE_FILE_WRITTEN", "NOTICE_FILES_WRITTEN", files_to_check)
		)
		_note("ACTIVITY_WRITTEN", [files_to_check])
	elif operation == "verify_quick":
		_tell("done", Message.counted("NOTICE_FILE_THERE", "NOTICE_FILES_THERE", files))
		_note("ACTIVITY_THERE", [files])
	else:
		_tell("done", Message.counted("NOTICE_FILE_SOUND", "NOTICE_FILES_SOUND", files))
		_note("ACTIVITY_SOUND", [files])


## The player chose another version in the folder, which may be the newer one.
func on_switched(report: Dictionary) -> void:
	var versions: Array = [Values.line(report, "version"), Values.line(report, "from_version")]
	if Values.flag(report, "newer"):
		_tell("done", Message.of("NOTICE_SWITCHED", versions))
		_note("ACTIVITY_SWITCHED", versions)
	else:
		_tell("back", Message.of("NOTICE_ROLLED_BACK", versions))
		_note("ACTIVITY_ROLLED_BACK", versions)


func on_uninstalled(report: Dictionary) -> void:
	var kept: String = Printable.line(str(report.get("kept_in", "")), 400)
	if not kept.is_empty():
		_tell("folder", Message.of("NOTICE_FILES_KEPT", [kept]))


func on_channels_listed(names: PackedStringArray, current: String) -> void:
	channels = names
	channel = current


func on_game_started() -> void:
	game_running = true
	crashed = false
	_went_back = false
	link = ""
	notice = Message.new()
	_note("ACTIVITY_STARTED", [version])


func on_game_exited(code: int, badly: bool) -> void:
	game_running = false
	# What the engine has gone back from by itself is told already, and is not played again.
	crashed = badly and not _went_back
	exit_code = code
	_note("ACTIVITY_CRASHED" if badly else "ACTIVITY_EXITED", [code])


## A link came in, from a browser or a second start of the launcher.
func on_link(address: String) -> void:
	link = address
	_note("ACTIVITY_LINK")


func _troubled_screen() -> Screen:
	return Screen.FAILED if failure != null else Screen.CRASHED


func _calm_screen() -> Screen:
	if phase == "Checking":
		return Screen.CHECKING
	if plan != null and plan.version != version:
		if not installed:
			return Screen.OFFER_INSTALL
		return Screen.OFFER_UPDATE if plan.hold == null else Screen.HELD_BACK
	if installed:
		return Screen.READY
	return Screen.NOTHING_OFFERED if checked else Screen.STARTING


func _is_at_work() -> bool:
	return (
		state == "Updating"
		or state == "CheckForUpdates" and phase != "Checking" and not phase in RESTING_PHASES
	)


## By the player's wish, which is told once it is done, or by the engine because the newer version
## did not start.
func _on_rolled_back() -> void:
	plan = null
	if operation.begins_with("rollback"):
		return
	crashed = false
	_went_back = true
	_tell("back", Message.of("NOTICE_WENT_BACK", [version]))
	_note("ACTIVITY_WENT_BACK", [version])


func _tell(picture: String, words: Message) -> void:
	notice = words
	notice_picture = picture


func _note(key: String, arguments: Array = []) -> void:
	_activity.append(Message.of(key, arguments))
