# SPDX-License-Identifier: MIT
## Where updates come from: the server, what it asks for, and its mirrors.
class_name NetworkSection
extends ReaderGroup

## Something to say about what was entered: a translation key, or empty to take it back.
signal told(key: String)
signal server_changed

const MAX_MIRRORS: int = 16

var _session: LauncherSession
var _question: Question
var _asking: bool = false

@onready var _server: LineEdit = %ServerField
@onready var _mirrors: LineEdit = %MirrorsField
@onready var _token: ReadTokenBox = %ReadTokenBox


func start(session: LauncherSession, question: Question) -> void:
	_session = session
	_question = question
	_server.text = session.server_url()
	_server.text_submitted.connect(_set_server)
	_server.focus_exited.connect(func() -> void: _set_server(_server.text))
	_token.start(session, question)
	_token.told.connect(told.emit)
	_mirrors.text_submitted.connect(_set_mirrors)
	_mirrors.focus_exited.connect(func() -> void: _set_mirrors(_mirrors.text))


func token_field() -> Control:
	return _token.first_focus()


func show_model(model: LauncherModel, busy: bool) -> void:
	_token.show_model(model, busy)
	_server.editable = not busy
	_mirrors.editable = not busy
	if not _mirrors.has_focus():
		_mirrors.text = _mirrors_in_use()
	if not _server.has_focus():
		_server.text = _session.server_url()


func _set_server(address: String) -> void:
	var wanted: String = address.strip_edges()
	if _asking or wanted == _session.server_url():
		return
	told.emit("")
	# Typed for an address that is no longer the one to be read above.
	_token.empty()
	if not (wanted.is_empty() or ServerAddress.is_address(wanted)):
		told.emit("SERVER_NOT_AN_ADDRESS")
		return
	var unprotected: bool = ServerAddress.is_unprotected(wanted)
	if unprotected and not await _agrees_to(wanted):
		_server.text = _session.server_url()
		return
	if _session.use_server(wanted, unprotected) != OK:
		told.emit("SETTINGS_NOT_SAVED")
	_server.text = _session.server_url()
	server_changed.emit()


func _agrees_to(address: String) -> bool:
	_asking = true
	var agreed: bool = await _question.ask(
		tr("HTTP_TITLE"), tr("HTTP_WORDS").format([address]), tr("HTTP_YES"), tr("ANSWER_NO")
	)
	_asking = false
	return agreed


func _set_mirrors(text: String) -> void:
	var addresses: PackedStringArray = text.strip_edges().split(" ", false)
	if " ".join(addresses) == _mirrors_in_use():
		return
	told.emit("")
	for address: String in addresses:
		if not ServerAddress.is_address(address) or addresses.size() > MAX_MIRRORS:
			told.emit("MIRRORS_NOT_ADDRESSES")
			return
	_session.set_preference("mirrors", " ".join(addresses) if addresses else "none")


func _mirrors_in_use() -> String:
	var mirrors: String = _session.preference("mirrors")
	return "" if mirrors == "none" else mirrors
