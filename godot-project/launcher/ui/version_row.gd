# SPDX-License-Identifier: MIT
## One installed version in the library, with what can be done about it.
class_name VersionRow
extends ReaderGroup

## A button of the row was pressed: what it does, and to which version.
signal wanted(action: String, row: LibraryView.Row)

var _row: LibraryView.Row

@onready var _version_label: Label = %VersionLabel
@onready var _standing: Label = %StandingLabel
@onready var _facts: Label = %FactsLabel
@onready var _story: Label = %StoryLabel
@onready var _buttons: Array[ActionButton] = [%Button1, %Button2, %Button3]


func _ready() -> void:
	for button: ActionButton in _buttons:
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
		var button: ActionButton = _buttons[place]
		button.show_action(row.actions[place] if used else null)
		# Several rows have a button of the same words, which a listener cannot tell apart by place. The
		# engine says the words of a button after its name.
		button.accessibility_name = row.version


func first_button() -> Button:
	return ActionButton.first_usable(_buttons)


func _on_pressed(button: ActionButton) -> void:
	wanted.emit(button.action, _row)
