# SPDX-License-Identifier: MIT
## Where updates come from and where the game lies: server, mirrors, folder, move and removal.
class_name PlaceSection
extends VBoxContainer

## Something to say about what was entered: a translation key, or empty to take it back.
signal told(key: String)
signal server_changed

const MAX_MIRRORS: int = 16

var _session: LauncherSession
var _question: Question
var _asking: bool = false

@onready var _server: LineEdit = %ServerField
@onready var _mirrors_label: Label = %MirrorsLabel
@onready var _mirrors: LineEdit = %MirrorsField
@onready var _folder: LineEdit = %FolderField
@onready var _folder_button: Button = %FolderButton
@onready var _uninstall: Button = %UninstallButton
@onready var _dialog: FileDialog = %FolderDialog


func start(session: LauncherSession, question: Question) -> void:
	_session = session
	_question = question
	_server.text = session.server_url()
	_folder.text = session.install_path()
	_server.text_submitted.connect(_set_server)
	_server.focus_exited.connect(func() -> void: _set_server(_server.text))
	_mirrors.text_submitted.connect(_set_mirrors)
	_mirrors.focus_exited.connect(func() -> void: _set_mirrors(_mirrors.text))
	_folder_button.pressed.connect(_choose_folder)
	_dialog.dir_selected.connect(_set_folder)
	_uninstall.pressed.connect(_ask_uninstall)


func show_model(model: LauncherModel, busy: bool) -> void:
	_server.editable = not busy
	_folder_button.disabled = busy
	_folder_button.text = "ACTION_MOVE" if _would_move() else "ACTION_CHOOSE"
	_mirrors.visible = not model.facts.preferences.is_empty()
	_mirrors_label.visible = _mirrors.visible
	_mirrors.editable = not busy
	if not _mirrors.has_focus():
		_mirrors.text = _mirrors_in_use()
	if not _server.has_focus():
		_server.text = _session.server_url()
	_folder.text = _session.install_path()
	_uninstall.visible = model.installed and _session.can("uninstall")
	_uninstall.disabled = busy


func _set_server(address: String) -> void:
	var wanted: String = address.strip_edges()
	if _asking or wanted == _session.server_url():
		return
	told.emit("")
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


## The engine takes an installed game along to another folder.
func _would_move() -> bool:
	return _session.model.installed and _session.can("move_to")


func _choose_folder() -> void:
	_dialog.current_dir = _session.install_path().get_base_dir()
	_dialog.popup_centered_clamped(Vector2i(760, 460))


func _set_folder(path: String) -> void:
	var chosen: String = InstallFolder.inside(path, _session.config.title)
	if chosen == _session.install_path():
		return
	if not _would_move():
		_take_outcome(_session.use_folder(chosen))
		return
	var sure: bool = await _question.ask(
		tr("MOVE_TITLE").format([_session.config.game_name]),
		tr("MOVE_WORDS").format([chosen]),
		tr("MOVE_YES"),
		tr("ANSWER_NO")
	)
	if sure:
		_session.page_wanted.emit("home")
		_session.move_to(chosen)


func _ask_uninstall() -> void:
	var sure: bool = await _question.ask(
		tr("UNINSTALL_TITLE").format([_session.config.game_name]),
		tr("UNINSTALL_WORDS"),
		tr("UNINSTALL_YES"),
		tr("ANSWER_NO")
	)
	if sure:
		_session.page_wanted.emit("home")
		_session.start("uninstall", [false])


func _take_outcome(outcome: Error) -> void:
	_folder.text = _session.install_path()
	if outcome != OK:
		told.emit("SETTINGS_NOT_SAVED")
