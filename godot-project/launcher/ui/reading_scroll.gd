# SPDX-License-Identifier: MIT
## What can be read at length, scrolled by keys and gamepad too: it takes the focus only while there
## is more than fits, and gives it on at its ends.
class_name ReadingScroll
extends ScrollContainer

const STEP: int = 72


func _ready() -> void:
	follow_focus = true
	horizontal_scroll_mode = ScrollContainer.SCROLL_MODE_DISABLED
	draw_focus_border = true
	get_v_scroll_bar().changed.connect(_fit_focus)
	_fit_focus()


func _gui_input(event: InputEvent) -> void:
	if not has_focus():
		return
	if event.is_action_pressed(&"ui_down", true):
		_scroll_by(STEP)
	elif event.is_action_pressed(&"ui_up", true):
		_scroll_by(-STEP)
	elif event.is_action_pressed(&"ui_page_down", true):
		_scroll_by(int(size.y))
	elif event.is_action_pressed(&"ui_page_up", true):
		_scroll_by(-int(size.y))


func _scroll_by(pixels: int) -> void:
	var before: int = scroll_vertical
	scroll_vertical += pixels
	if scroll_vertical != before:
		accept_event()


func _fit_focus() -> void:
	var bar: VScrollBar = get_v_scroll_bar()
	var overflows: bool = bar.max_value > bar.page + 1.0
	focus_mode = Control.FOCUS_ALL if overflows else Control.FOCUS_NONE
