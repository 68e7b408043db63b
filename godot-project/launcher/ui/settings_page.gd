# SPDX-License-Identifier: MIT
## The player's settings. Each change is saved and takes effect at once.
class_name SettingsPage
extends VBoxContainer

## Language, colours, text size or motion changed.
signal appearance_changed

var _session: LauncherSession
var _settings: LauncherSettings
var _question: Question
var _channels_asked: bool = false
var _asking: bool = false

@onready var _scroll: ScrollContainer = %Scroll
@onready var _mode: OptionButton = %ModeChoice
@onready var _channel: OptionButton = %ChannelChoice
@onready var _rate: OptionButton = %RateChoice
@onready var _server: LineEdit = %ServerField
@onready var _folder: LineEdit = %FolderField
@onready var _folder_button: Button = %FolderButton
@onready var _note: Label = %UpdatesNote
@onready var _language: OptionButton = %LanguageChoice
@onready var _theme_choice: OptionButton = %ThemeChoice
@onready var _text: OptionButton = %TextChoice
@onready var _motion: OptionButton = %MotionChoice
@onready var _game: Control = %Game
@onready var _game_words: Label = %GameWords
@onready var _verify: Button = %VerifyButton
@onready var _repair: Button = %RepairButton
@onready var _rollback: Button = %RollbackButton
@onready var _open_folder: Button = %OpenFolderButton
@onready var _dialog: FileDialog = %FolderDialog


func start(session: LauncherSession, question: Question) -> void:
	_session = session
	_settings = session.settings
	_question = question
	_fill_choices()
	_server.text = session.server_url()
	_folder.text = session.install_path()
	_server.text_submitted.connect(_set_server)
	_server.focus_exited.connect(func() -> void: _set_server(_server.text))
	_folder_button.pressed.connect(_choose_folder)
	_dialog.dir_selected.connect(_set_folder)
	_verify.pressed.connect(_work.bind("verify"))
	_repair.pressed.connect(_work.bind("repair"))
	_rollback.pressed.connect(_ask_rollback)
	_open_folder.pressed.connect(_show_folder)
	visibility_changed.connect(_ask_channels)


func first_focus() -> Control:
	_scroll_to_top.call_deferred()
	return _mode


## Shows what depends on the install.
func show_model(model: LauncherModel) -> void:
	var busy: bool = not model.operation.is_empty() or model.game_running
	_game.visible = model.installed
	_game_words.text = (tr("GAME_WORDS").format(
		[model.version, Formats.bytes(model.installed_bytes)]
	))
	_verify.disabled = busy
	_repair.disabled = busy
	_rollback.disabled = busy
	_rollback.visible = not model.previous_version.is_empty()
	_rollback.text = tr("ACTION_ROLLBACK").format([model.previous_version])
	_server.editable = not busy
	_folder_button.disabled = busy
	_show_channels(model, busy)


## The focus would scroll the first heading out of sight.
func _scroll_to_top() -> void:
	await get_tree().process_frame
	_scroll.scroll_vertical = 0


func _fill_choices() -> void:
	_fill(
		_mode,
		["MODE_AUTOMATIC", "MODE_ASK"],
		LauncherSettings.UPDATE_MODES.find(_settings.update_mode)
	)
	_fill(
		_language,
		["LANGUAGE_SYSTEM", "English", "Español", "日本語"],
		LauncherSettings.LANGUAGES.find(_settings.language)
	)
	_fill(
		_theme_choice,
		["THEME_SYSTEM", "THEME_LIGHT", "THEME_DARK"],
		LauncherSettings.THEMES.find(_settings.theme)
	)
	_fill(
		_motion,
		["MOTION_SYSTEM", "MOTION_FULL", "MOTION_REDUCED"],
		LauncherSettings.MOTIONS.find(_settings.motion)
	)
	var sizes: Array[String] = []
	for size_in_percent: int in LauncherSettings.TEXT_SCALES:
		sizes.append("%d %%" % size_in_percent)
	_fill(_text, sizes, LauncherSettings.TEXT_SCALES.find(_settings.text_scale))
	_fill_rates()
	_mode.item_selected.connect(_on_mode_selected)
	_rate.item_selected.connect(_on_rate_selected)
	_channel.item_selected.connect(_on_channel_selected)
	_language.item_selected.connect(_on_look_selected)
	_theme_choice.item_selected.connect(_on_look_selected)
	_text.item_selected.connect(_on_look_selected)
	_motion.item_selected.connect(_on_look_selected)


func _fill(choice: OptionButton, names: Array[String], chosen: int) -> void:
	for name: String in names:
		choice.add_item(name)
	choice.select(maxi(chosen, 0))


func _fill_rates() -> void:
	var chosen: int = LauncherSettings.RATE_LIMITS.find(_settings.rate_limit_kib)
	_rate.clear()
	for limit: int in LauncherSettings.RATE_LIMITS:
		_rate.add_item(Formats.speed(limit * 1024) if limit > 0 else tr("RATE_NONE"))
	_rate.select(maxi(chosen, 0))


func _show_channels(model: LauncherModel, busy: bool) -> void:
	var names: PackedStringArray = model.channels.duplicate()
	if not model.channel.is_empty() and not names.has(model.channel):
		names.append(model.channel)
	_channel.disabled = busy or names.size() < 2
	if _names_of(_channel) != names:
		_channel.clear()
		for name: String in names:
			_channel.add_item(name)
	if not names.is_empty():
		_channel.select(names.find(model.channel))


func _names_of(choice: OptionButton) -> PackedStringArray:
	var names: PackedStringArray = []
	for place: int in choice.item_count:
		names.append(choice.get_item_text(place))
	return names


func _ask_channels() -> void:
	if is_visible_in_tree() and not _channels_asked and not _session.is_busy():
		_channels_asked = true
		_session.list_channels()


func _on_mode_selected(place: int) -> void:
	_settings.update_mode = LauncherSettings.UPDATE_MODES[place]
	_keep()


func _on_rate_selected(place: int) -> void:
	_settings.rate_limit_kib = LauncherSettings.RATE_LIMITS[place]
	_keep()


func _on_channel_selected(place: int) -> void:
	_session.switch_channel(_channel.get_item_text(place))


func _on_look_selected(_place: int) -> void:
	_settings.language = LauncherSettings.LANGUAGES[_language.selected]
	_settings.theme = LauncherSettings.THEMES[_theme_choice.selected]
	_settings.text_scale = LauncherSettings.TEXT_SCALES[_text.selected]
	_settings.motion = LauncherSettings.MOTIONS[_motion.selected]
	_keep()
	appearance_changed.emit()
	_fill_rates()


func _set_server(address: String) -> void:
	var wanted: String = address.strip_edges()
	if _asking or wanted == _session.server_url():
		return
	_tell("")
	if not (wanted.is_empty() or ServerAddress.is_address(wanted)):
		_tell("SERVER_NOT_AN_ADDRESS")
		return
	var unprotected: bool = ServerAddress.is_unprotected(wanted)
	if unprotected and not await _agrees_to(wanted):
		_server.text = _session.server_url()
		return
	_settings.server_url = "" if wanted == _session.config.server_url else wanted
	_settings.allow_http = unprotected
	_keep()
	_server.text = _session.server_url()
	_channels_asked = false
	_session.open()


func _agrees_to(address: String) -> bool:
	_asking = true
	var agreed: bool = await _question.ask(
		tr("HTTP_TITLE"), tr("HTTP_WORDS").format([address]), tr("HTTP_YES"), tr("ANSWER_NO")
	)
	_asking = false
	return agreed


func _choose_folder() -> void:
	_dialog.current_dir = _session.install_path().get_base_dir()
	_dialog.popup_centered_clamped(Vector2i(760, 460))


func _set_folder(path: String) -> void:
	var chosen: String = InstallFolder.inside(path, _session.config.title)
	_settings.install_dir = chosen
	_folder.text = chosen
	_keep()
	_session.open()


func _work(operation: String) -> void:
	_session.page_wanted.emit("home")
	_session.perform(operation)


func _ask_rollback() -> void:
	var model: LauncherModel = _session.model
	var sure: bool = await _question.ask(
		tr("ROLLBACK_TITLE").format([model.previous_version]),
		tr("ROLLBACK_WORDS").format([model.version]),
		tr("ROLLBACK_YES"),
		tr("ANSWER_NO")
	)
	if sure:
		_work("rollback")


func _show_folder() -> void:
	OS.shell_show_in_file_manager(_session.install_path(), true)


func _keep() -> void:
	_session.apply_settings()
	if _settings.save() != OK:
		_tell("SETTINGS_NOT_SAVED")


func _tell(key: String) -> void:
	_note.visible = not key.is_empty()
	_note.text = tr(key) if key else ""
