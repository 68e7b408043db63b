# SPDX-License-Identifier: MIT
## A text of many thousand lines, taken up and let go of a piece at a time, so that no frame waits
## for all of it.
class_name LongText
extends RichTextLabel

## Lines that are taken up in a frame.
const LINES_TAKEN: int = 300
## Lines that are let go of in a frame.
const LINES_DROPPED: int = 400

## Lines that are to be shown; empty if none are.
var _lines: PackedStringArray = []
var _next: int = 0


func _ready() -> void:
	set_process(false)


## Shows `words` from the beginning.
func take_up(words: String) -> void:
	clear()
	_lines = words.split("\n")
	_next = 0
	set_process(true)


## Shows nothing: the lines laid out are worth a good deal of memory.
func let_go() -> void:
	_lines.clear()
	set_process(true)


## All of the text is there and laid out, or gone.
func is_settled() -> bool:
	return not is_processing() and is_finished()


func _process(_delta: float) -> void:
	if _lines.is_empty():
		_drop_piece()
	elif is_finished():
		# While lines are laid out on the engine's thread, adding some would wait for it.
		_take_piece()


func _take_piece() -> void:
	# A screen reader is told of all lines anew after each piece.
	var is_read: bool = get_tree().is_accessibility_enabled()
	var end: int = _lines.size() if is_read else mini(_next + LINES_TAKEN, _lines.size())
	add_text("\n".join(_lines.slice(_next, end)))
	_next = end
	if _next < _lines.size():
		newline()
	else:
		set_process(false)


func _drop_piece() -> void:
	for _line: int in mini(LINES_DROPPED, get_paragraph_count() - 1):
		remove_paragraph(get_paragraph_count() - 1, true)
	if get_paragraph_count() <= 1:
		clear()
		set_process(false)
