# SPDX-License-Identifier: MIT
extends Node
## Holds a `VSekaiUpdater` and writes down every signal with the frame and thread it came in.

## Longest time an operation may take, in milliseconds; generous, because the machine may be busy.
const PATIENCE: int = 120_000

var updater: VSekaiUpdater
## Names of signals in the order they came.
var names: PackedStringArray = []
## Their arguments.
var values: Array[Array] = []
## Frames they came in.
var frames: PackedInt64Array = []
## Signals that did not come on the main thread.
var strays: int = 0
## Durations of frames in milliseconds while an operation ran, or before the first signal;
var frame_times: PackedFloat64Array = []
## What the updater and the handlers of its signals took of them, in milliseconds.
var spent: PackedFloat64Array = []
var _last_tick: int = 0


func _init(p_updater: VSekaiUpdater) -> void:
	updater = p_updater
	add_child(updater)
	# Children are processed in their order, after this node: the mark comes right after the updater.
	var mark: Mark = Mark.new()
	mark.reached.connect(_on_updater_processed)
	add_child(mark)
	updater.state_changed.connect(_on_two.bind("state_changed"))
	updater.plan_ready.connect(_on_one.bind("plan_ready"))
	updater.progress_changed.connect(_on_one.bind("progress_changed"))
	updater.status_changed.connect(_on_one.bind("status_changed"))
	updater.failed.connect(_on_one.bind("failed"))
	updater.finished.connect(_on_two.bind("finished"))
	updater.verified.connect(_on_one.bind("verified"))
	updater.noticed.connect(_on_three.bind("noticed"))
	for one: String in [
		"decided",
		"preferences_changed",
		"network_changed",
		"versions_listed",
		"switched",
		"uninstalled",
		"moved",
	]:
		updater.connect(one, _on_one.bind(one))
	updater.channels_listed.connect(_on_two.bind("channels_listed"))
	updater.game_started.connect(_on_one.bind("game_started"))
	updater.game_exited.connect(_on_two.bind("game_exited"))


func _process(_delta: float) -> void:
	var now: int = Time.get_ticks_usec()
	if _last_tick > 0 and (updater.is_busy() or names.is_empty()):
		frame_times.append((now - _last_tick) / 1000.0)
	_last_tick = now


func _on_updater_processed() -> void:
	if updater.is_busy():
		spent.append((Time.get_ticks_usec() - _last_tick) / 1000.0)


func clear() -> void:
	names.clear()
	values.clear()
	frames.clear()


## Waits until the signal `wanted` has come `times` times since `clear`; false if it does not.
func until(wanted: String, times: int = 1) -> bool:
	var deadline: int = Time.get_ticks_msec() + PATIENCE
	while names.count(wanted) < times:
		if Time.get_ticks_msec() > deadline:
			return false
		await get_tree().process_frame
	return true


## Waits until the state is `state` in `phase`; false if it never is.
func until_state(state: String, phase: String) -> bool:
	var deadline: int = Time.get_ticks_msec() + PATIENCE
	while last("state_changed") != [state, phase]:
		if Time.get_ticks_msec() > deadline:
			return false
		await get_tree().process_frame
	return true


## Starts the operation `method` and waits for its end; returns what `finished` said of it.
func operate(method: StringName, arguments: Array = []) -> bool:
	clear()
	if not updater.callv(method, arguments):
		return false
	if not await until("finished"):
		return false
	var end: Array = last("finished")
	return end[0] == String(method) and end[1] == true


## Returns the arguments of the last signal `wanted`, or an empty array.
func last(wanted: String) -> Array:
	var index: int = names.rfind(wanted)
	return values[index] if index >= 0 else []


## Returns the dictionary that came last with the signal `wanted`, or an empty one.
func last_dictionary(wanted: String) -> Dictionary:
	var found: Array = last(wanted)
	return found[0] if not found.is_empty() else {}


## Returns the arguments of every signal `wanted`.
func every(wanted: String) -> Array[Array]:
	var found: Array[Array] = []
	for index: int in names.size():
		if names[index] == wanted:
			found.append(values[index])
	return found


## Returns the states as `State` or `State.Phase`, in order.
func states() -> PackedStringArray:
	var found: PackedStringArray = []
	for value: Array in every("state_changed"):
		found.append(value[0] if str(value[1]).is_empty() else "%s.%s" % value)
	return found


## Returns the most signals `wanted` that came in one frame.
func most_in_a_frame(wanted: String) -> int:
	var counts: Dictionary[int, int] = {}
	for index: int in names.size():
		if names[index] == wanted:
			counts[frames[index]] = counts.get(frames[index], 0) + 1
	return 0 if counts.is_empty() else counts.values().max()


## Returns durations as people read them.
static func figures(times: PackedFloat64Array) -> String:
	var shown: Array = [
		times.size(), percentile(times, 50), percentile(times, 99), percentile(times, 100)
	]
	return "%d, half below %.3f, 99 of 100 below %.3f, the longest %.3f" % shown


## Returns the duration that `percent` of 100 do not exceed.
static func percentile(times: PackedFloat64Array, percent: int) -> float:
	var sorted: PackedFloat64Array = times.duplicate()
	sorted.sort()
	@warning_ignore("integer_division")
	var index: int = mini(sorted.size() * percent / 100, sorted.size() - 1)
	return sorted[index] if index >= 0 else 0.0


func _on_one(value: Variant, signal_name: String) -> void:
	_note(signal_name, [value])


func _on_two(first: Variant, second: Variant, signal_name: String) -> void:
	_note(signal_name, [first, second])


func _on_three(first: Variant, second: Variant, third: Variant, signal_name: String) -> void:
	_note(signal_name, [first, second, third])


func _note(signal_name: String, arguments: Array) -> void:
	names.append(signal_name)
	values.append(arguments)
	frames.append(Engine.get_process_frames())
	if OS.get_thread_caller_id() != OS.get_main_thread_id():
		strays += 1


class Mark:
	extends Node
	## Tells when it is processed.

	signal reached

	func _process(_delta: float) -> void:
		reached.emit()
