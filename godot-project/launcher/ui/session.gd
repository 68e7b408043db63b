# SPDX-License-Identifier: MIT
## Joins the engine (a `VSekaiUpdater` node) with the model: passes signals in, carries wishes out.
class_name LauncherSession
extends Node

## Something that the window shows has changed. At most once a frame.
signal changed
signal activity_added
## The player asked for a page by a button of another one.
signal page_wanted(page: String)

## How often a launcher that stays open looks for updates.
const RECHECK_SECONDS: float = 1800.0
## The engine's signals that the model takes as they are, with their number of arguments.
const MODEL_EVENTS: Dictionary[String, int] = {
	"state_changed": 2,
	"plan_ready": 1,
	"progress_changed": 1,
	"status_changed": 1,
	"failed": 1,
	"verified": 1,
	"channels_listed": 2,
}
const PLAY_ACTIONS: Array[String] = ["play", "play_vr"]

var model: LauncherModel = LauncherModel.new()
var config: LauncherConfig
var settings: LauncherSettings
var activity: ActivityLog

var _updater: Node
var _queued: String = ""
var _dirty: bool = true
var _is_open: bool = false
var _recheck: Timer = Timer.new()


func _ready() -> void:
	_recheck.wait_time = RECHECK_SECONDS
	_recheck.timeout.connect(_check_again)
	add_child(_recheck)
	_recheck.start()


func _process(_delta: float) -> void:
	if _dirty:
		_dirty = false
		changed.emit()


## `updater` has the properties, methods and signals of `VSekaiUpdater`, or is null where the
## engine's library is missing.
func setup(
	updater: Node, build: LauncherConfig, player: LauncherSettings, log: ActivityLog
) -> void:
	_updater = updater
	config = build
	settings = player
	activity = log
	model.game_name = config.game_name
	model.channel = config.channel
	if _updater == null:
		model.on_failed({"code": "library-missing"})
		return
	for event: String in MODEL_EVENTS:
		_updater.connect(event, Callable(model, "on_" + event))
		_updater.connect(event, _after_event.unbind(MODEL_EVENTS[event]))
	_updater.connect("game_started", _on_game_started)
	_updater.connect("game_exited", _on_game_exited)
	_updater.connect("finished", _on_finished)
	add_child(_updater)


## Opens the install and looks for an update. Called again when the server or folder changed.
func open() -> void:
	if _updater == null:
		return
	_updater.set("server_url", server_url())
	_updater.set("allow_http", settings.allow_http)
	_updater.set("title", config.title)
	_updater.set("channel", config.channel)
	_updater.set("install_path", install_path())
	model.install_path = install_path()
	model.automatic = settings.update_mode == "automatic"
	model.failure = null
	model.plan = null
	model.checked = false
	_is_open = _updater.call("open")
	if _is_open:
		_updater.call("set_rate_limit", settings.rate_limit_bytes())
		_request("check")
	_after_event()


func server_url() -> String:
	return settings.server_url if settings.server_url else config.server_url


func install_path() -> String:
	if settings.install_dir:
		return settings.install_dir
	return config.install_dir if config.install_dir else InstallFolder.standard(config.title)


func is_busy() -> bool:
	return _is_open and bool(_updater.call("is_busy"))


## Does what a button says, by the names in `HomeView.Action`.
func perform(action: String) -> void:
	match action:
		"pause", "resume", "cancel":
			if _is_open:
				_updater.call(action)
		"settings":
			page_wanted.emit("settings")
		"":
			pass
		_:
			_perform_operation(action)
	_after_event()


func switch_channel(channel: String) -> void:
	if is_busy() or channel == model.channel:
		return
	model.on_requested("switch_channel")
	_updater.call("switch_channel", channel)
	_after_event()


func list_channels() -> void:
	if _is_open and not is_busy():
		_updater.call("list_channels")


## Takes over settings that work at once.
func apply_settings() -> void:
	model.automatic = settings.update_mode == "automatic"
	if _is_open:
		_updater.call("set_rate_limit", settings.rate_limit_bytes())


## Marks the window as out of date, for example after a change of language.
func refresh() -> void:
	_dirty = true


func _perform_operation(action: String) -> void:
	if not _is_open:
		open()
		return
	if is_busy():
		_wait_for_turn(action)
		return
	if action in PLAY_ACTIONS:
		model.on_requested("launch")
		_updater.call("launch", PackedStringArray(), action == "play_vr")
	else:
		_request(action)


## Only a check gives way, and only to the game; a list of channels is there in a moment.
func _wait_for_turn(action: String) -> void:
	if model.operation == "check" and action in PLAY_ACTIONS:
		_queued = action
		_updater.call("cancel")
	elif model.operation.is_empty():
		_queued = action


func _request(operation: String) -> void:
	model.on_requested(operation)
	_updater.call(operation)


func _check_again() -> void:
	var resting: bool = (
		model.screen()
		in [
			LauncherModel.Screen.READY,
			LauncherModel.Screen.FAILED,
			LauncherModel.Screen.NOTHING_OFFERED,
		]
	)
	if resting and not is_busy():
		perform("check")


func _after_event() -> void:
	_dirty = true
	for message: Message in model.take_activity():
		activity.add(int(Time.get_unix_time_from_system()), message.text())
		activity_added.emit()


func _on_finished(operation: String, ok: bool) -> void:
	model.on_finished(operation, ok)
	_after_event()
	# The engine takes the next request once this signal is through.
	_go_on.call_deferred(operation, ok)


func _go_on(operation: String, ok: bool) -> void:
	var wish: String = _queued if _queued else model.take_request()
	_queued = ""
	if operation == "switch_channel" and ok:
		wish = "check"
	if wish:
		perform(wish)


func _on_game_started(_pid: int) -> void:
	model.on_game_started()
	_after_event()


func _on_game_exited(code: int, crashed: bool) -> void:
	model.on_game_exited(code, crashed)
	_after_event()
