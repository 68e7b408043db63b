# SPDX-License-Identifier: MIT
## One installed version in the library, with what can be done about it.
class_name VersionRow
extends PanelContainer

## A button of the row was pressed: what it does, and to which version.
signal wanted(action: String, row: LibraryView.Row)

var _row: LibraryView.Row

@onready var _version_label: Label = %VersionLabel
@onready var _standing: Label = %StandingLabel
@onready var _facts: Label = %FactsLabel
@onready var _story: Label = %StoryLabel
@onready var _buttons: Array[Button] = [%Button1, %Button2, %Button3]


func _ready() -> void:
	for button: Button in _buttons:
		button.pressed.connect(_on_pressed.bind(button))


func show_row(row: LibraryView.Row) -> void:
	_row = row
	_version_label.text = row.version
	_standing.text = row.standing.text()
	_standing.theme_type_variation = &"Tag" if row.current else &"Soft"
	_facts.text = row.facts.text()
	_facts.visible = not row.facts.is_empty()
	_story.text = row.story.text()
	_story.visible = not row.story.is_empty()
	for place: int in _buttons.size():
		var used: bool = place < row.actions.size()
		_show_action(_buttons[place], row.actions[place] if used else null)


func first_button() -> Button:
	for button: Button in _buttons:
		if button.visible and not button.disabled:
			return button
	return null


func _show_action(button: Button, action: HomeView.Action) -> void:
	button.visible = action != null
	if action == null:
		return
	button.text = action.label.text()
	# Several rows have a button of the same words, which a listener cannot tell apart by place.
	button.accessibility_name = "%s, %s" % [button.text, _row.version]
	button.icon = Pictures.named(action.icon)
	button.disabled = not action.enabled
	button.set_meta(&"action", action.name)


func _on_pressed(button: Button) -> void:
	wanted.emit(str(button.get_meta(&"action", "")), _row)
