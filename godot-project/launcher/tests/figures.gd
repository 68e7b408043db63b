# SPDX-License-Identifier: MIT
## How light the window is, with the real engine and a real server, for `cargo xtask bench window`:
##
##     godot --path . --rendering-driver opengl3 --script res://tests/figures.gd -- \
##         SERVER TITLE CHANNEL INSTALL_FOLDER
##
## It rests for a while, installs what the channel offers, and is minimised, which takes a window
## manager. The last line is JSON, times in milliseconds.
extends SceneTree

const REST_FRAMES: int = 120
## How long drawn frames are counted.
const DRAWN_SECONDS: float = 3.0
## How long the window manager has for what it was asked for.
const SETTLING_SECONDS: float = 1.0

var _meter: Meter = Meter.new()


func _initialize() -> void:
	_run.call_deferred()


func _run() -> void:
	var wishes: PackedStringArray = OS.get_cmdline_user_args()
	var config: LauncherConfig = LauncherConfig.read()
	config.server_url = wishes[0]
	config.title = wishes[1]
	config.channel = wishes[2]
	config.install_dir = wishes[3]
	var settings: LauncherSettings = LauncherSettings.read("user://figures.cfg")
	settings.motion = "full"
	var shell: Shell = (load("res://ui/shell.tscn") as PackedScene).instantiate()
	root.add_child(shell)
	root.add_child(_meter)
	var updater: Node = ClassDB.instantiate(&"VSekaiUpdater")
	shell.start(updater, config, settings, ActivityLog.read("user://figures.jsonl"))
	while shell.session().model.plan == null or shell.session().is_busy():
		await process_frame
	var figures: Dictionary = {}
	figures["rest"] = await _measure(REST_FRAMES, Callable())
	shell.session().perform("update")
	figures["update"] = await _measure(0, shell.session().is_busy)
	figures["installed"] = shell.session().model.installed
	figures["resident_bytes"] = _resident_bytes()
	figures["drawn"] = await _drawn(shell.session())
	print(JSON.stringify(figures))
	quit(0)


## Measures `count` frames, or as many as there are while `goes_on` says so.
func _measure(count: int, goes_on: Callable) -> Dictionary:
	_meter.start()
	var left: int = count
	while left > 0 or goes_on.is_valid() and goes_on.call():
		left -= 1
		await process_frame
	return _meter.stop()


## Frames that are drawn while the window is shown, and while it is minimised (null without a window
## manager to do that), with a download that tells its progress.
func _drawn(session: LauncherSession) -> Dictionary:
	session.model.on_requested("update")
	session.model.on_state_changed("CheckForUpdates", "DownloadingUpdate")
	process_frame.connect(_tell_progress.bind(session))
	var drawn: Dictionary = {"seconds": DRAWN_SECONDS, "shown": await _drawn_in(DRAWN_SECONDS)}
	root.mode = Window.MODE_MINIMIZED
	await _drawn_in(SETTLING_SECONDS)
	var is_minimised: bool = root.mode == Window.MODE_MINIMIZED
	drawn["minimised"] = await _drawn_in(DRAWN_SECONDS) if is_minimised else null
	return drawn


func _drawn_in(seconds: float) -> int:
	var before: int = Engine.get_frames_drawn()
	await create_timer(seconds).timeout
	return Engine.get_frames_drawn() - before


func _tell_progress(session: LauncherSession) -> void:
	var done: int = Engine.get_process_frames() * 1000
	session.model.on_progress_changed(
		{"step": "download", "done_bytes": done, "total_bytes": done * 2, "bytes_per_second": 1000}
	)
	session.refresh()


## Memory in use (resident), where the system tells; else 0.
func _resident_bytes() -> int:
	var status: FileAccess = FileAccess.open("/proc/self/status", FileAccess.READ)
	while status != null and not status.eof_reached():
		var line: String = status.get_line()
		if line.begins_with("VmRSS:"):
			return line.to_int() * 1024
	return 0


## Times of frames: what the scripts take, and the whole frame until it is drawn.
class Meter:
	extends Node

	var _scripts: PackedFloat64Array = []
	var _frames: PackedFloat64Array = []
	var _begin: int = 0

	func _ready() -> void:
		# The last of all nodes.
		process_priority = 1 << 20
		get_tree().process_frame.connect(func() -> void: _begin = Time.get_ticks_usec())
		RenderingServer.frame_post_draw.connect(_on_drawn)

	func start() -> void:
		_scripts.clear()
		_frames.clear()

	func stop() -> Dictionary:
		return {
			"frames": _scripts.size(),
			"scripts_longest": _share(_scripts, 100),
			"scripts_99": _share(_scripts, 99),
			"drawn": _frames.size(),
			"longest": _share(_frames, 100),
			"of_99": _share(_frames, 99),
		}

	func _process(_delta: float) -> void:
		_scripts.append((Time.get_ticks_usec() - _begin) / 1000.0)

	func _on_drawn() -> void:
		_frames.append((Time.get_ticks_usec() - _begin) / 1000.0)

	## The time that `percent` of 100 do not exceed.
	func _share(times: PackedFloat64Array, percent: int) -> float:
		var sorted: PackedFloat64Array = times.duplicate()
		sorted.sort()
		@warning_ignore("integer_division")
		var place: int = mini(sorted.size() * percent / 100, sorted.size() - 1)
		return sorted[place] if place >= 0 else 0.0
