# SPDX-License-Identifier: MIT
## Hours of every day in which nothing comes by itself: any number of windows, each with its begin
## and its end.
class_name QuietHours
extends VBoxContainer

## The player changed the windows; `value` is what the engine's setting `name` becomes.
signal chosen(name: String, value: String)

const SETTING: String = "quiet-hours"
const MAX_WINDOWS: int = 6
## What most people mean, and what is added first.
const NIGHT: PackedStringArray = ["22:00", "07:00"]
const NOON: PackedStringArray = ["12:00", "13:00"]

## The windows that are shown, each as two times.
var _windows: Array[PackedStringArray] = []
var _rows: VBoxContainer = VBoxContainer.new()
var _add: Button = Button.new()


## Adds the windows with their label to `grid`.
static func add_to(grid: GridContainer) -> QuietHours:
	var hours: QuietHours = QuietHours.new()
	hours.name = "QuietHours"
	var label: Label = SettingChoice.label("QuietLabel", "SETTING_QUIET")
	# Beside the first of several rows.
	label.size_flags_vertical = Control.SIZE_SHRINK_BEGIN
	label.theme_type_variation = &"BesideField"
	grid.add_child(label)
	grid.add_child(hours)
	return hours


func _ready() -> void:
	_add.name = "AddButton"
	_add.size_flags_horizontal = Control.SIZE_SHRINK_BEGIN
	_add.auto_translate_mode = Node.AUTO_TRANSLATE_MODE_DISABLED
	_add.pressed.connect(_add_window)
	add_child(_rows)
	add_child(_add)
	show_words()


## Shows the windows of the engine's setting `value`, unless they are shown already.
func show_value(value: String) -> void:
	var windows: Array[PackedStringArray] = SettingChoices.quiet_windows(value)
	if windows != _windows:
		_windows = windows
		_show_rows()


## Shows everything in the current language.
func show_words() -> void:
	_add.text = tr("ACTION_ADD_QUIET")
	_add.accessibility_name = tr("SETTING_QUIET")
	_show_rows()


func _show_rows() -> void:
	_add.visible = _windows.size() < MAX_WINDOWS
	while _rows.get_child_count() > _windows.size():
		var last: Node = _rows.get_child(-1)
		_rows.remove_child(last)
		last.queue_free()
	while _rows.get_child_count() < _windows.size():
		_add_row(_rows.get_child_count())
	for place: int in _windows.size():
		_show_row(_rows.get_child(place), place)
	_rows.visible = not _windows.is_empty()


func _add_row(place: int) -> void:
	var row: HFlowContainer = HFlowContainer.new()
	row.name = "Window%d" % (place + 1)
	for side: int in NIGHT.size():
		var time: SettingChoice = SettingChoice.new()
		time.setting = "quiet-time"
		time.name = "From" if side == 0 else "To"
		time.auto_translate_mode = Node.AUTO_TRANSLATE_MODE_DISABLED
		time.chosen.connect(
			func(_setting: String, value: String) -> void: _set_time(place, side, value)
		)
		row.add_child(time)
	var remove: Button = Button.new()
	remove.name = "RemoveButton"
	remove.auto_translate_mode = Node.AUTO_TRANSLATE_MODE_DISABLED
	remove.pressed.connect(_remove_window.bind(place))
	row.add_child(remove)
	_rows.add_child(row)


## Several rows have the same controls, which a listener cannot tell apart by their place.
func _show_row(row: Node, place: int) -> void:
	var names: PackedStringArray = ["QUIET_FROM_NAME", "QUIET_TO_NAME"]
	for side: int in names.size():
		var time: SettingChoice = row.get_child(side)
		time.accessibility_name = tr(names[side]).format([place + 1])
		time.tooltip_text = time.accessibility_name
		if not time.is_open():
			time.show_value(_windows[place][side])
	var remove: Button = row.get_child(2)
	remove.text = tr("ACTION_REMOVE")
	remove.accessibility_name = tr("QUIET_REMOVE_NAME").format([place + 1])


func _add_window() -> void:
	_windows.append(NOON if _windows.has(NIGHT) else NIGHT)
	_tell()
	_rows.get_child(-1).get_child(0).call("grab_focus")


func _remove_window(place: int) -> void:
	_windows.remove_at(place)
	_tell()
	_add.grab_focus()


## A window needs some length, so one that would have none ends an hour after it begins.
func _set_time(place: int, side: int, value: String) -> void:
	var window: PackedStringArray = _windows[place].duplicate()
	window[side] = value
	if window[0] == window[1]:
		window[1] = SettingChoices.an_hour_after(window[0])
	_windows[place] = window
	_tell()


func _tell() -> void:
	_show_rows()
	chosen.emit(SETTING, SettingChoices.quiet_hours(_windows))
