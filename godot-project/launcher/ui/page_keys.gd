# SPDX-License-Identifier: MIT
## Keys and gamepad buttons that turn the launcher's pages.
class_name PageKeys
extends RefCounted

const NEXT: StringName = &"launcher_next_page"
const PREVIOUS: StringName = &"launcher_previous_page"


## Makes the actions, once.
static func register() -> void:
	if InputMap.has_action(NEXT):
		return
	_add(NEXT, KEY_PAGEDOWN, JOY_BUTTON_RIGHT_SHOULDER)
	_add(PREVIOUS, KEY_PAGEUP, JOY_BUTTON_LEFT_SHOULDER)


static func _add(action: StringName, key: Key, button: JoyButton) -> void:
	InputMap.add_action(action)
	var key_event: InputEventKey = InputEventKey.new()
	key_event.keycode = key
	key_event.ctrl_pressed = true
	InputMap.action_add_event(action, key_event)
	var button_event: InputEventJoypadButton = InputEventJoypadButton.new()
	button_event.button_index = button
	button_event.device = -1
	InputMap.action_add_event(action, button_event)
