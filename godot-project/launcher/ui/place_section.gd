# SPDX-License-Identifier: MIT
## Where the game lies: its folder, moving it, and removing it.
class_name PlaceSection
extends ReaderGroup

## Something to say about what was entered: a translation key, or empty to take it back.
signal told(key: String)

var _session: LauncherSession
var _question: Question

@onready var _folder: LineEdit = %FolderField
@onready var _folder_button: Button = %FolderButton
@onready var _uninstall: Button = %UninstallButton


func start(session: LauncherSession, question: Question) -> void:
	_session = session
	_question = question
	_show_path()
	_folder_button.pressed.connect(_choose_folder)
	_uninstall.pressed.connect(_ask_uninstall)


func show_model(model: LauncherModel, busy: bool) -> void:
	_folder_button.disabled = busy
	_folder_button.text = "ACTION_MOVE" if model.installed else "ACTION_CHOOSE"
	_show_path()
	_uninstall.visible = model.installed
	_uninstall.disabled = busy


## The end of a path tells more than its beginning.
func _show_path() -> void:
	if _folder.text != _session.install_path():
		_folder.text = _session.install_path()
		_folder.caret_column = _folder.text.length()


func _choose_folder() -> void:
	FolderDialogs.open(self, "SETTING_FOLDER", _session.install_path().get_base_dir(), _set_folder)


## The engine takes an installed game along to another folder.
func _set_folder(path: String) -> void:
	var chosen: String = InstallFolder.inside(path, _session.config.title)
	if chosen == _session.install_path():
		return
	if not _session.model.installed:
		_take_outcome(_session.use_folder(chosen))
		return
	var sure: bool = await _question.ask(
		tr("MOVE_TITLE").format([_session.config.game_name]),
		tr("MOVE_WORDS").format([chosen]),
		tr("MOVE_YES"),
		tr("ANSWER_NO")
	)
	if sure:
		_session.page_wanted.emit("home", "")
		_session.move_to(chosen)


func _ask_uninstall() -> void:
	var sure: bool = await _question.ask(
		tr("UNINSTALL_TITLE").format([_session.config.game_name]),
		tr("UNINSTALL_WORDS"),
		tr("UNINSTALL_YES"),
		tr("ANSWER_NO")
	)
	if sure:
		_session.page_wanted.emit("home", "")
		_session.start("uninstall", [false])


func _take_outcome(outcome: Error) -> void:
	_show_path()
	if outcome != OK:
		told.emit("SETTINGS_NOT_SAVED")
