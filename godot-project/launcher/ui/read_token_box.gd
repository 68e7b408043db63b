# SPDX-License-Identifier: MIT
## The token for the server's private channels: typed, pasted or from a file, and never shown again.
class_name ReadTokenBox
extends VBoxContainer

## Something to say about what was entered: a translation key, or empty to take it back.
signal told(key: String)

var _session: LauncherSession
var _question: Question

@onready var _field: LineEdit = %TokenField
@onready var _use: Button = %UseTokenButton
@onready var _from_file: Button = %TokenFileButton
@onready var _forget: Button = %ForgetTokenButton
@onready var _given: Control = %Given


func start(session: LauncherSession, question: Question) -> void:
	_session = session
	_question = question
	_field.text_changed.connect(_show_use.unbind(1))
	_field.text_submitted.connect(_on_used.unbind(1))
	_use.pressed.connect(_on_used)
	_from_file.pressed.connect(_choose_file)
	_forget.pressed.connect(_ask_forget)
	visibility_changed.connect(empty)


func first_focus() -> Control:
	return _field


## What was typed and not used is not left lying about; emptied this way nothing brings it back.
func empty() -> void:
	_field.clear()
	_show_use()


func show_model(model: LauncherModel, busy: bool) -> void:
	_field.editable = not busy
	_from_file.disabled = busy
	_forget.disabled = busy
	_given.visible = model.has_read_token
	_show_use()


func _show_use() -> void:
	_use.disabled = not _field.editable or _field.text.strip_edges().is_empty()


func _on_used() -> void:
	if _use.disabled:
		return
	var token: String = _field.text.strip_edges()
	empty()
	_take_outcome(_session.use_read_token(token))


func _choose_file() -> void:
	var start_folder: String = OS.get_system_dir(OS.SYSTEM_DIR_DOCUMENTS)
	FolderDialogs.open_file(self, "TOKEN_CHOOSE", start_folder, _on_file_chosen)


func _on_file_chosen(path: String) -> void:
	_take_outcome(_session.use_read_token_file(path))


## Says what is `wrong`. What the server makes of a token is told by the home page.
func _take_outcome(wrong: String) -> void:
	told.emit(wrong)
	if wrong.is_empty():
		_session.page_wanted.emit("home", "")


func _ask_forget() -> void:
	told.emit("")
	var sure: bool = await _question.ask(
		tr("TOKEN_FORGET_TITLE"), tr("TOKEN_FORGET_WORDS"), tr("TOKEN_FORGET_YES"), tr("ANSWER_NO")
	)
	if sure:
		_field.grab_focus()
		_session.start("forget_read_token")
