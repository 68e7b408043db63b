# SPDX-License-Identifier: MIT
## The player's settings. Each change is kept and takes effect at once: what is about updates by the
## engine, in the install folder, and what is about the window by the launcher.
class_name SettingsPage
extends VBoxContainer

## Language, colours, text size or motion changed.
signal appearance_changed

## Name and label of the choices, in the order they are shown.
const UPDATE_CHOICES: Dictionary[String, String] = {
	"updates": "SETTING_MODE",
	"channel": "SETTING_CHANNEL",
	"rate-limit": "SETTING_RATE",
	"quiet-from": "SETTING_QUIET_FROM",
	"quiet-to": "SETTING_QUIET_TO",
	"metered": "SETTING_METERED",
	"metered-size": "SETTING_METERED_SIZE",
	"while-playing": "SETTING_WHILE_PLAYING",
	"keep-versions": "SETTING_KEEP",
}
const WINDOW_CHOICES: Dictionary[String, String] = {
	"language": "SETTING_LANGUAGE",
	"theme": "SETTING_THEME",
	"text": "SETTING_TEXT",
	"motion": "SETTING_MOTION",
	"after-start": "SETTING_AFTER_START",
	"autostart": "SETTING_AUTOSTART",
	"links": "SETTING_LINKS",
}
## What an engine without preferences still takes from the launcher.
const ALWAYS: PackedStringArray = ["updates", "channel", "rate-limit"]
const LOOKS: PackedStringArray = ["language", "theme", "text", "motion"]

var _session: LauncherSession
var _settings: LauncherSettings
var _choices: Dictionary[String, SettingChoice] = {}
var _channels_asked: bool = false

@onready var _scroll: ScrollContainer = %Scroll
@onready var _updates: GridContainer = %UpdatesGrid
@onready var _window: GridContainer = %WindowGrid
@onready var _note: Label = %UpdatesNote
@onready var _place: PlaceSection = %Place


func start(session: LauncherSession, question: Question) -> void:
	_session = session
	_settings = session.settings
	for setting: String in UPDATE_CHOICES:
		_add(_updates, setting, UPDATE_CHOICES[setting])
	for setting: String in WINDOW_CHOICES:
		_add(_window, setting, WINDOW_CHOICES[setting])
	for setting: String in ["autostart", "links"]:
		_choices[setting].set_shown(DesktopEntries.are_used_here())
	_place.start(session, question)
	_place.told.connect(_tell)
	_place.server_changed.connect(func() -> void: _channels_asked = false)
	visibility_changed.connect(_ask_channels)
	_refill()


func first_focus() -> Control:
	_scroll_to_top.call_deferred()
	return _choices["updates"]


## The control of a setting, by its name.
func choice(setting: String) -> SettingChoice:
	return _choices[setting]


## Shows what depends on the install.
func show_model(model: LauncherModel) -> void:
	var busy: bool = not model.operation.is_empty() or model.game_running
	_show_channels(model, busy)
	_show_preferences(model)
	_place.show_model(model, busy)


func _notification(what: int) -> void:
	if what == NOTIFICATION_TRANSLATION_CHANGED and _session != null:
		_refill()


func _add(grid: GridContainer, setting: String, words: String) -> void:
	_choices[setting] = SettingChoice.add_to(grid, setting, words)
	_choices[setting].chosen.connect(_on_chosen)


## The focus would scroll the first heading out of sight.
func _scroll_to_top() -> void:
	await get_tree().process_frame
	_scroll.scroll_vertical = 0


func _refill() -> void:
	_choices["language"].show_value(_settings.language)
	_choices["theme"].show_value(_settings.theme)
	_choices["text"].show_value(str(_settings.text_scale))
	_choices["motion"].show_value(_settings.motion)
	_choices["after-start"].show_value(_settings.after_start)
	_choices["autostart"].show_value("yes" if DesktopEntries.starts_with_system() else "no")
	_choices["links"].show_value("yes" if DesktopEntries.opens_links() else "no")
	_show_preferences(_session.model)


func _show_preferences(model: LauncherModel) -> void:
	var known: bool = not model.facts.preferences.is_empty()
	for setting: String in UPDATE_CHOICES:
		_choices[setting].set_shown(known or setting in ALWAYS)
		if setting in ["channel", "quiet-from", "quiet-to"] or _choices[setting].is_open():
			continue
		_choices[setting].show_value(_session.preference(setting))
	var quiet: PackedStringArray = SettingChoices.quiet_window(_session.preference("quiet-hours"))
	_choices["quiet-from"].show_value(quiet[0])
	_choices["quiet-to"].show_value(quiet[1] if quiet[1] else "07:00")
	_choices["quiet-to"].disabled = quiet[0].is_empty()


func _show_channels(model: LauncherModel, busy: bool) -> void:
	var names: PackedStringArray = model.channels.duplicate()
	if not model.channel.is_empty() and not names.has(model.channel):
		names.append(model.channel)
	var choices: Array[SettingChoices.Choice] = []
	for channel: String in names:
		choices.append(SettingChoices.Choice.new(channel, Message.plain(channel)))
	_choices["channel"].disabled = busy or names.size() < 2
	_choices["channel"].show_choices(choices, model.channel)


func _ask_channels() -> void:
	if is_visible_in_tree() and not _channels_asked and not _session.is_busy():
		_channels_asked = true
		_session.list_channels()


func _on_chosen(setting: String, value: String) -> void:
	_tell("")
	match setting:
		"channel":
			_session.switch_channel(value)
		"quiet-from", "quiet-to":
			_set_quiet(setting, value)
		"autostart", "links":
			_set_desktop_entry(setting, value == "yes")
		_ when setting in UPDATE_CHOICES:
			_session.set_preference(setting, value)
		_:
			_set_window(setting, value)


func _set_quiet(setting: String, value: String) -> void:
	var quiet: PackedStringArray = SettingChoices.quiet_window(_session.preference("quiet-hours"))
	var to: String = quiet[1] if quiet[1] else "07:00"
	if setting == "quiet-from":
		# A window needs some length; the night is what most people mean.
		to = "07:00" if to == value and value != "07:00" else to
		_session.set_preference("quiet-hours", SettingChoices.quiet_hours(value, to))
	else:
		_session.set_preference("quiet-hours", SettingChoices.quiet_hours(quiet[0], value))


func _set_desktop_entry(setting: String, wanted: bool) -> void:
	var outcome: Error = (
		DesktopEntries.start_with_system(wanted, _session.config.launcher_name)
		if setting == "autostart"
		else DesktopEntries.open_links(wanted, _session.config.launcher_name)
	)
	if outcome != OK:
		_tell("SETTINGS_NOT_SAVED")
	_refill()


func _set_window(setting: String, value: String) -> void:
	match setting:
		"language":
			_settings.language = value
		"theme":
			_settings.theme = value
		"text":
			_settings.text_scale = value.to_int()
		"motion":
			_settings.motion = value
		"after-start":
			_settings.after_start = value
	if _settings.save() != OK:
		_tell("SETTINGS_NOT_SAVED")
	if setting in LOOKS:
		appearance_changed.emit()


func _tell(key: String) -> void:
	_note.visible = not key.is_empty()
	_note.text = tr(key) if key else ""
