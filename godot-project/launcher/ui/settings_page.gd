# SPDX-License-Identifier: MIT
## The player's settings, in sections of which one is shown. Each change is kept and takes effect at
## once: what is about updates by the engine, in the install folder, and what is about the window by
## the launcher.
class_name SettingsPage
extends LauncherPage

## Sections by their names, with their labels, in the order they are shown.
const SECTIONS: Dictionary[String, String] = {
	"updates": "SETTINGS_UPDATES",
	"network": "SETTINGS_NETWORK",
	"place": "SETTINGS_PLACE",
	"launcher": "SETTINGS_LAUNCHER",
}
## Name and label of the choices in each section, in the order they are shown. The quiet hours come
## after the channel.
const UPDATE_CHOICES: Dictionary[String, String] = {
	"updates": "SETTING_MODE",
	"channel": "SETTING_CHANNEL",
}
const MORE_UPDATE_CHOICES: Dictionary[String, String] = {
	"while-playing": "SETTING_WHILE_PLAYING",
	"keep-versions": "SETTING_KEEP",
}
const NETWORK_CHOICES: Dictionary[String, String] = {
	"rate-limit": "SETTING_RATE",
	"metered": "SETTING_METERED",
	"metered-size": "SETTING_METERED_SIZE",
}
const LAUNCHER_CHOICES: Dictionary[String, String] = {
	"language": "SETTING_LANGUAGE",
	"theme": "SETTING_THEME",
	"text": "SETTING_TEXT",
	"motion": "SETTING_MOTION",
	"after-start": "SETTING_AFTER_START",
	"autostart": "SETTING_AUTOSTART",
	"links": "SETTING_LINKS",
}
const LOOKS: PackedStringArray = ["language", "theme", "text", "motion"]

var _session: LauncherSession
var _settings: LauncherSettings
var _choices: Dictionary[String, SettingChoice] = {}
var _tabs: Dictionary[String, Button] = {}
var _quiet: QuietHours
var _channels_asked: bool = false
## The section that is shown.
var _section: String = "updates"
## What has the focus once the page is shown, beside the tab of its section; null for that.
var _wanted: Control = null

@onready var _tab_row: HFlowContainer = %Tabs
@onready var _scroll: ScrollContainer = %Scroll
@onready var _note: Label = %Note
@onready var _metered_note: Label = %MeteredNote
@onready var _network: NetworkSection = %NetworkSection
@onready var _place: PlaceSection = %PlaceSection
@onready var _sections: Dictionary[String, Control] = {
	"updates": %UpdatesSection,
	"network": _network,
	"place": _place,
	"launcher": %LauncherSection,
}


func start(session: LauncherSession, question: Question) -> void:
	_session = session
	_settings = session.settings
	_add_tabs()
	_add_choices(%UpdatesGrid as GridContainer, UPDATE_CHOICES)
	_quiet = QuietHours.add_to(%UpdatesGrid as GridContainer)
	_quiet.chosen.connect(_on_chosen)
	_add_choices(%UpdatesGrid as GridContainer, MORE_UPDATE_CHOICES)
	_add_choices(%NetworkGrid as GridContainer, NETWORK_CHOICES)
	_add_choices(%LauncherGrid as GridContainer, LAUNCHER_CHOICES)
	for setting: String in ["autostart", "links"]:
		_choices[setting].set_shown(DesktopEntries.are_used_here())
	_network.start(session, question)
	_place.start(session, question)
	_network.told.connect(_tell)
	_place.told.connect(_tell)
	_network.server_changed.connect(func() -> void: _channels_asked = false)
	visibility_changed.connect(_ask_channels)
	_refill()
	show_section(_section)


## What was asked for by name has the focus once; whoever comes back later begins at the tab.
func first_focus() -> Control:
	var wanted: Control = _wanted if _wanted != null else _tabs[_section]
	_wanted = null
	return wanted


## The control of a setting, by its name.
func choice(setting: String) -> SettingChoice:
	return _choices[setting]


## Shows one of `SECTIONS`, or with "token" the field for the read token; an empty name leaves the
## one that is shown.
func show_section(section: String) -> void:
	_wanted = _network.token_field() if section == "token" else null
	section = "network" if section == "token" else section
	_section = section if SECTIONS.has(section) else _section
	for name: String in SECTIONS:
		_sections[name].visible = name == _section
		_tabs[name].set_pressed_no_signal(name == _section)
	_join_focus()
	_keep_focus()
	_scroll.scroll_vertical = 0
	_tell("")
	if _wanted != null:
		_bring_into_view(%ReadTokenBox as Control)


## Shows what depends on the install.
func show_model(model: LauncherModel) -> void:
	var busy: bool = not model.operation.is_empty() or model.game_running
	_show_channels(model, busy)
	_show_preferences(model)
	_network.show_model(model, busy)
	_place.show_model(model, busy)


## Scrolls to `control` once the page is shown and its words have found their lines.
func _bring_into_view(control: Control) -> void:
	for _frame: int in 2:
		await get_tree().process_frame
	_scroll.ensure_control_visible(control)


func _notification(what: int) -> void:
	if what == NOTIFICATION_TRANSLATION_CHANGED and _session != null:
		_refill()


## Down leads from every tab into the section, and up from there back to its tab: by distance alone
## the rail would be nearer.
func _join_focus() -> void:
	var first: Control = _first_in(_sections[_section])
	for name: String in SECTIONS:
		_tabs[name].focus_neighbor_bottom = _tabs[name].get_path_to(first)
	first.focus_neighbor_top = first.get_path_to(_tabs[_section])


## A screen reader presses a tab without giving it the focus, which may have been in the section
## that is gone now.
func _keep_focus() -> void:
	if is_visible_in_tree() and get_viewport().gui_get_focus_owner() == null:
		_tabs[_section].grab_focus()


## The first control in `from` that takes the focus.
func _first_in(from: Control) -> Control:
	for child: Node in from.find_children("*", "Control", true, false):
		if (child as Control).focus_mode == Control.FOCUS_ALL:
			return child
	return from


func _add_tabs() -> void:
	var group: ButtonGroup = ButtonGroup.new()
	for name: String in SECTIONS:
		var tab: Button = Button.new()
		tab.name = name.to_pascal_case() + "Tab"
		tab.text = SECTIONS[name]
		tab.theme_type_variation = &"TabButton"
		tab.toggle_mode = true
		tab.button_group = group
		tab.pressed.connect(show_section.bind(name))
		_tab_row.add_child(tab)
		_tabs[name] = tab


func _add_choices(grid: GridContainer, choices: Dictionary[String, String]) -> void:
	for setting: String in choices:
		_choices[setting] = SettingChoice.add_to(grid, setting, choices[setting])
		_choices[setting].chosen.connect(_on_chosen)


func _refill() -> void:
	_choices["language"].show_value(_settings.language)
	_choices["theme"].show_value(_settings.theme)
	_choices["text"].show_value(str(_settings.text_scale))
	_choices["motion"].show_value(_settings.motion)
	_choices["after-start"].show_value(_settings.after_start)
	_choices["autostart"].show_value("yes" if DesktopEntries.starts_with_system() else "no")
	_choices["links"].show_value("yes" if DesktopEntries.opens_links() else "no")
	_quiet.show_words()
	_show_preferences(_session.model)


func _show_preferences(model: LauncherModel) -> void:
	for setting: String in _choices:
		var is_kept_by_us: bool = LAUNCHER_CHOICES.has(setting) or setting == "channel"
		if not is_kept_by_us and not _choices[setting].is_open():
			_choices[setting].show_value(_session.preference(setting))
	_quiet.show_value(_session.preference("quiet-hours"))
	_metered_note.visible = _session.preference("metered") == "auto"
	_metered_note.text = tr("NETWORK_" + model.facts.network.to_upper())


func _show_channels(model: LauncherModel, busy: bool) -> void:
	var names: PackedStringArray = model.channels.duplicate()
	if not model.channel.is_empty() and not names.has(model.channel):
		names.append(model.channel)
	var choices: Array[SettingChoices.Choice] = []
	for channel: String in names:
		choices.append(SettingChoices.Choice.new(channel, Message.plain(channel)))
	_choices["channel"].disabled = busy or names.size() < 2
	if not _choices["channel"].is_open():
		_choices["channel"].show_choices(choices, model.channel)


func _ask_channels() -> void:
	if is_visible_in_tree() and not _channels_asked and not _session.is_busy():
		_channels_asked = true
		_session.start("list_channels")


func _on_chosen(setting: String, value: String) -> void:
	_tell("")
	match setting:
		"channel":
			_session.switch_channel(value)
		"autostart", "links":
			_set_desktop_entry(setting, value == "yes")
		_ when LAUNCHER_CHOICES.has(setting):
			_set_window(setting, value)
		_:
			_session.set_preference(setting, value)


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
		_session.appearance_changed.emit()


func _tell(key: String) -> void:
	_note.visible = not key.is_empty()
	_note.text = tr(key) if key else ""
