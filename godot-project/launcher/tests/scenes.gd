# SPDX-License-Identifier: MIT
## Every state of the home page, as the signals that lead to it.
extends RefCounted

const NAMES: Array[String] = [
	"starting",
	"checking",
	"nothing_offered",
	"offer_install",
	"offer_update",
	"little_space",
	"held_quiet",
	"held_metered",
	"held_pinned",
	"held_skipped",
	"held_failed_starts",
	"held_left_before",
	"held_playing",
	"held_download",
	"ready",
	"preparing",
	"downloading",
	"paused",
	"applying",
	"finalizing",
	"updated",
	"cancelled",
	"verifying",
	"sound",
	"quick",
	"written",
	"damaged",
	"offline",
	"offline_first",
	"server_down",
	"not_found",
	"refused",
	"private",
	"private_first",
	"token_refused",
	"untrusted",
	"expired",
	"clock",
	"trust_state",
	"launcher_too_old",
	"wrong_platform",
	"permission",
	"locked",
	"game_running",
	"disk_full",
	"internal",
	"playing",
	"crashed",
	"rolled_back",
	"switched",
	"went_back",
	"link",
	"moving",
]
## The code of each failure; what is not here has its own name for one.
const CODES: Dictionary[String, String] = {
	"offline_first": "offline",
	"server_down": "server",
	"private_first": "private",
	"token_refused": "private",
}
## Those of a first start, where nothing is installed.
const FIRST: Array[String] = [
	"starting", "nothing_offered", "offer_install", "offline_first", "private_first", "preparing"
]
const NOTES: String = """**A night sky.**

- Aurora and stars around the mark, in place of the plain evening sky
- The camera stands lower and looks up
- The rings on the ground are gone
- `controls.txt` says how to leave
"""
const MIB: int = 1048576
## When the server was last asked, in pictures.
const CHECKED_AT: int = 1764086400
## Lines of the activity page: when, and what in which words.
const STORY: Array[Array] = [
	[1764000000, "ACTIVITY_UPDATED", ["0.1.0"]],
	[1764000060, "ACTIVITY_STARTED", ["0.1.0"]],
	[1764003600, "ACTIVITY_EXITED", [0]],
	[1764018000, "ACTIVITY_STARTED", ["0.1.0"]],
	[1764020000, "ACTIVITY_CRASHED", [139]],
	[1764084000, "ACTIVITY_NOTHING_NEW", []],
	[1764086400, "ACTIVITY_FOUND", ["0.2.0", "4.2 MiB"]],
]


## Plays the signals of `scene` on `updater`, which has just been opened.
static func play(scene: String, updater: Node) -> void:
	var fresh: bool = scene in FIRST
	updater.status = status(not fresh)
	updater.status["has_read_token"] = scene == "token_refused"
	updater.status_changed.emit(updater.status)
	match scene:
		"starting", "checking":
			updater.state_changed.emit("CheckForUpdates", "Checking")
		"nothing_offered", "ready":
			_checked(updater)
		"offer_install", "offer_update", "little_space":
			_offer(updater, plan(fresh))
		"preparing", "downloading", "paused", "applying", "finalizing", "updated", "cancelled":
			_update(scene, updater, fresh)
		"verifying", "sound", "quick", "written", "damaged":
			_verify(scene, updater)
		"held_download":
			_update("paused", updater, false)
			updater.decided.emit(decision("quiet"))
		_:
			_play_rare(scene, updater)


## What the engine does not signal: the player's own wishes, and what the launcher sees by itself.
static func prepare(scene: String, model: LauncherModel) -> void:
	match scene:
		"verifying":
			model.on_requested("verify")
		"quick", "written":
			model.on_requested("verify_quick")
		"rolled_back", "switched":
			model.on_requested("rollback_to")
		"moving":
			model.on_requested("move_to")
		"link":
			model.on_link("v-sekai://v-sekai.org/alice/home?key=secret")
	model.facts.free_bytes = room(scene)
	if scene == "disk_full":
		model.on_plan_ready(plan(false))


## Room on the disk, which is not that of whoever runs the tests.
static func room(scene: String) -> int:
	return 12 * MIB if scene in ["little_space", "disk_full"] else 52 * 1024 * MIB


static func _play_rare(scene: String, updater: Node) -> void:
	if scene.begins_with("held_"):
		var offered: Dictionary = plan(false)
		offered["failed_starts"] = 3
		offered["pinned_version"] = "0.1.0"
		updater.state_changed.emit("CheckForUpdates", "UpdateAvailable")
		updater.plan_ready.emit(offered)
		updater.decided.emit(decision(scene.trim_prefix("held_").replace("_", "-")))
		updater.finish("check")
		return
	match scene:
		"playing", "crashed":
			_checked(updater)
			updater.game_started.emit(1)
			if scene == "crashed":
				updater.game_exited.emit(139, true)
		"rolled_back", "switched", "went_back":
			if scene == "went_back":
				_checked(updater)
			updater.state_changed.emit("RolledBack", "")
			if scene != "went_back":
				updater.switched.emit(switched(scene == "switched"))
				updater.finish("rollback_to")
		"link":
			_offer(updater, plan(false))
		"moving":
			pass
		_:
			_fail(CODES.get(scene, scene.replace("_", "-")), updater)


## What the engine says of a plan that its settings hold back.
static func decision(reason: String) -> Dictionary:
	return {
		"action": "ask" if reason in ["metered", "left-before"] else "hold-back",
		"reason": "quiet-hours" if reason == "quiet" else reason,
		"until": "07:00" if reason == "quiet" else "",
		"message": "held back until 07:00" if reason == "quiet" else "held back",
	}


## What the engine says of a change to another version that lies in the folder.
static func switched(to_newer: bool) -> Dictionary:
	var from: String = "0.0.9" if to_newer else "0.2.0"
	return {"from_version": from, "version": "0.1.0", "newer": to_newer}


## Versions as the engine lists them.
static func versions() -> Array[Dictionary]:
	return [
		{
			"version": "0.0.9",
			"name": "0.0.9-a",
			"role": "kept",
			"installed_bytes": 80 * MIB,
			"own_bytes": 7 * MIB,
			"installed_at": 1763000000,
		},
		{
			"version": "0.1.0",
			"name": "0.1.0-b",
			"role": "current",
			"installed_bytes": 86 * MIB,
			"own_bytes": 1,
			"installed_at": 1764000000,
		},
		{
			"version": "0.2.0",
			"name": "0.2.0-c",
			"role": "previous",
			"installed_bytes": 92 * MIB,
			"own_bytes": 31 * MIB,
			"installed_at": 1764086400,
			"given_up": "it crashed while starting, 3 times in a row",
			"failed_starts": 3,
		},
	]


## Update settings as the engine keeps them.
static func preferences() -> Dictionary:
	return {
		"updates": "ask",
		"quiet-hours": "22:00-07:00,12:00-13:30",
		"metered": "auto",
		"metered-size": "20000000",
		"rate-limit": "2097152",
		"while-playing": "pause",
		"keep-versions": "2",
		"keep-size": "none",
		"failed-starts": "3",
		"start-seconds": "30",
		"mirrors": "https://mirror.example.org",
	}


static func status(installed: bool) -> Dictionary:
	return {
		"installed": installed,
		"version": "0.1.0" if installed else "",
		"previous_version": "0.0.9" if installed else "",
		"channel": "stable",
		"platform": "linux-x86_64",
		"install_path": "/home/player/.local/share/V-Sekai/vsekai-sample",
		"installed_bytes": 86 * MIB,
		"installed_at": 1764000000 if installed else 0,
		"notes":
		"**The first sample.** The three-node mark sways over its rings." if installed else "",
		"offered_version": "",
		"game_running": false,
		"has_vr": true,
	}


## The status of an install that remembers something which cannot be used, as `words` say.
static func damaged_status(words: String, repair_helps: bool) -> Dictionary:
	var damaged: Dictionary = status(true)
	damaged["damage"] = PackedStringArray([words])
	damaged["repair"] = repair_helps
	return damaged


static func plan(fresh: bool) -> Dictionary:
	return {
		"version": "0.2.0",
		"from_version": "" if fresh else "0.1.0",
		"notes": NOTES,
		"download_bytes": 64487424 if fresh else 4404019,
		"write_bytes": 92 * MIB if fresh else 7025459,
		"disk_bytes": 120 * MIB if fresh else 31 * MIB,
		"reused_bytes": 0 if fresh else 82 * MIB,
		"files_added": 4 if fresh else 1,
		"files_changed": 0 if fresh else 2,
		"files_removed": 0 if fresh else 1,
		"installed_bytes": 92 * MIB,
	}


static func _checked(updater: Node) -> void:
	updater.state_changed.emit("CheckForUpdates", "NoUpdateFound")
	updater.finish("check")


static func _offer(updater: Node, offered: Dictionary) -> void:
	updater.state_changed.emit("CheckForUpdates", "UpdateAvailable")
	updater.plan_ready.emit(offered)
	updater.finish("check")


static func _update(scene: String, updater: Node, fresh: bool) -> void:
	_offer(updater, plan(fresh))
	updater.state_changed.emit("CheckForUpdates", "PreparingUpdate")
	if scene == "preparing":
		return
	updater.state_changed.emit("CheckForUpdates", "DownloadingUpdate")
	_progress(updater, "download")
	match scene:
		"paused":
			updater.state_changed.emit("Paused", "DownloadingUpdate")
		"applying":
			updater.state_changed.emit("CheckForUpdates", "ApplyingUpdate")
			_progress(updater, "apply")
		"finalizing":
			updater.state_changed.emit("CheckForUpdates", "FinalizingUpdate")
		"cancelled":
			updater.state_changed.emit("Cancelled", "")
			updater.finish("update", false)
		"updated":
			var done: Dictionary = status(true)
			done["version"] = "0.2.0"
			done["installed_at"] = CHECKED_AT
			done["notes"] = NOTES
			updater.state_changed.emit("Idle", "")
			updater.status_changed.emit(done)
			updater.finish("update")


static func _progress(updater: Node, step: String) -> void:
	(
		updater
		. progress_changed
		. emit(
			{
				"step": step,
				"done_bytes": 2789212,
				"total_bytes": 4404019,
				"bytes_per_second": 1363148,
				"seconds_left": 2,
				"network_bytes": 2789212,
			}
		)
	)


static func _verify(scene: String, updater: Node) -> void:
	_checked(updater)
	updater.busy = true
	if scene == "verifying":
		_progress(updater, "verify")
		return
	var paths: PackedStringArray = ["vsekai-sample.pck", "extras/LICENSE.txt"]
	var none: PackedStringArray = []
	var report: Dictionary = {
		"files": 1204,
		"bytes": 9,
		"damaged": paths if scene == "damaged" else none,
		"modified": paths if scene == "written" else none,
		"extra": none,
	}
	updater.verified.emit(report)
	updater.finish("verify_quick" if scene in ["quick", "written"] else "verify")


static func _fail(code: String, updater: Node) -> void:
	(
		updater
		. failed
		. emit(
			{
				"code": code,
				"message": "cannot reach http://127.0.0.1:8080: connection refused",
				"hint": "Check the network connection and the server address, then try again",
				"detail":
				"GET titles/vsekai-sample/channels/stable/linux-x86_64.json\nos error 111",
				"retry": true,
			}
		)
	)
	updater.state_changed.emit("Failed", "")
	updater.finish("check", false)
