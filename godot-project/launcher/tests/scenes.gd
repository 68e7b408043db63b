# SPDX-License-Identifier: MIT
## Every state of the home page, as the signals that lead to it.
extends RefCounted

const NAMES: Array[String] = [
	"starting",
	"checking",
	"nothing_offered",
	"offer_install",
	"offer_update",
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
	"damaged",
	"offline",
	"offline_first",
	"disk_full",
	"internal",
	"playing",
	"crashed",
	"rolled_back",
]
const NOTES: String = """**A night sky.**

- Aurora and stars around the mark, in place of the plain evening sky
- The camera stands lower and looks up
- The rings on the ground are gone
- `controls.txt` says how to leave
"""
const MIB: int = 1048576


## Plays the signals of `scene` on `updater`, which has just been opened.
static func play(scene: String, updater: Node) -> void:
	var fresh: bool = (
		scene in ["starting", "nothing_offered", "offer_install", "offline_first", "preparing"]
	)
	updater.status_changed.emit(status(not fresh))
	match scene:
		"starting", "checking":
			updater.state_changed.emit("CheckForUpdates", "Checking")
		"nothing_offered", "ready":
			_checked(updater)
		"offer_install", "offer_update":
			_offer(updater, fresh)
		"preparing", "downloading", "paused", "applying", "finalizing", "updated", "cancelled":
			_update(scene, updater, fresh)
		"verifying", "sound", "damaged":
			_verify(scene, updater)
		"offline", "offline_first", "disk_full", "internal":
			_fail(scene, updater)
		"playing", "crashed":
			_checked(updater)
			updater.game_started.emit(1)
			if scene == "crashed":
				updater.game_exited.emit(139, true)
		"rolled_back":
			_checked(updater)
			updater.state_changed.emit("RolledBack", "")


static func status(installed: bool) -> Dictionary:
	return {
		"installed": installed,
		"version": "0.1.0" if installed else "",
		"previous_version": "0.0.9" if installed else "",
		"channel": "stable",
		"platform": "linux-x86_64",
		"install_path": "/home/player/.local/share/V-Sekai/vsekai-sample",
		"installed_bytes": 86 * MIB,
		"notes":
		"**The first sample.** The three-node mark sways over its rings." if installed else "",
		"offered_version": "",
		"game_running": false,
		"has_vr": true,
	}


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


static func _offer(updater: Node, fresh: bool) -> void:
	updater.state_changed.emit("CheckForUpdates", "UpdateAvailable")
	updater.plan_ready.emit(plan(fresh))
	updater.finish("check")


static func _update(scene: String, updater: Node, fresh: bool) -> void:
	_offer(updater, fresh)
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
	var damaged: PackedStringArray = []
	if scene == "damaged":
		damaged = ["vsekai-sample.pck", "extras/LICENSE.txt"]
	var report: Dictionary = {
		"files": 1204, "bytes": 9, "damaged": damaged, "extra": PackedStringArray()
	}
	updater.verified.emit(report)
	updater.finish("verify")


static func _fail(scene: String, updater: Node) -> void:
	var code: String = {"offline_first": "offline", "disk_full": "disk-full"}.get(scene, scene)
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
