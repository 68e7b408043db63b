# SPDX-License-Identifier: MIT
## A question over the window with two answers. The safe one has the focus, and Escape gives it.
class_name Question
extends Control

signal answered(yes: bool)

var _focus_before: Control

@onready var _title: Label = %QuestionTitle
@onready var _words: Label = %QuestionWords
@onready var _yes: Button = %QuestionYes
@onready var _no: Button = %QuestionNo


func _ready() -> void:
	hide()
	_yes.pressed.connect(_answer.bind(true))
	_no.pressed.connect(_answer.bind(false))
	for pair: Array[Button] in [[_yes, _no] as Array[Button], [_no, _yes] as Array[Button]]:
		for side: Side in [SIDE_LEFT, SIDE_RIGHT, SIDE_TOP, SIDE_BOTTOM]:
			pair[0].set_focus_neighbor(side, pair[0].get_path_to(pair[1]))
		pair[0].focus_next = pair[0].get_path_to(pair[1])
		pair[0].focus_previous = pair[0].get_path_to(pair[1])


## Asks and returns whether the answer was yes. A second question while one is open is answered no.
func ask(title: String, words: String, yes: String, no: String) -> bool:
	if visible:
		return false
	_title.text = title
	_words.text = words
	_yes.text = yes
	_no.text = no
	# Whoever does not see the question hears it with the answer that has the focus.
	for button: Button in [_yes, _no]:
		button.accessibility_description = "%s %s" % [title, words]
	accessibility_name = title
	_focus_before = get_viewport().gui_get_focus_owner()
	show()
	_no.grab_focus()
	return await answered


## Gives up the question, if one is open, which answers it no.
func dismiss() -> void:
	if visible:
		_answer(false)


## A dialog to screen readers: they say that it came, and do not wander off into the page behind it.
func _notification(what: int) -> void:
	if what == NOTIFICATION_ACCESSIBILITY_UPDATE:
		var element: RID = get_accessibility_element()
		DisplayServer.accessibility_update_set_role(element, DisplayServer.ROLE_DIALOG)
		DisplayServer.accessibility_update_set_flag(element, DisplayServer.FLAG_MODAL, true)


func _unhandled_input(event: InputEvent) -> void:
	if visible and event.is_action_pressed(&"ui_cancel"):
		accept_event()
		_answer(false)


func _answer(yes: bool) -> void:
	hide()
	if is_instance_valid(_focus_before) and _focus_before.is_visible_in_tree():
		_focus_before.grab_focus()
	answered.emit(yes)
