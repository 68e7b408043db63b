# SPDX-License-Identifier: MIT
## Versions, links and the licences of everything inside.
class_name AboutPage
extends LauncherPage

var _session: LauncherSession

@onready var _title: Label = %Title
@onready var _words: Label = %Words
@onready var _links: HFlowContainer = %Links
@onready var _licences: LongText = %LicencesText


func start(session: LauncherSession, _question: Question) -> void:
	_session = session
	_title.text = session.config.launcher_name
	for link: String in session.config.links:
		var button: Button = Button.new()
		button.text = link
		button.theme_type_variation = &"TextButton"
		button.tooltip_text = session.config.links[link]
		button.tooltip_auto_translate_mode = Node.AUTO_TRANSLATE_MODE_DISABLED
		button.pressed.connect(OS.shell_open.bind(session.config.links[link]))
		_links.add_child(button)
	visibility_changed.connect(_show_licences)
	_licences.get_v_scroll_bar().accessibility_name = _licences.accessibility_name
	_show_words()


func first_focus() -> Control:
	return _links.get_child(0) as Control if _links.get_child_count() > 0 else _licences


func _notification(what: int) -> void:
	if what == NOTIFICATION_TRANSLATION_CHANGED and is_node_ready() and _session != null:
		_show_words()


func _show_words() -> void:
	_words.text = (
		tr("ABOUT_WORDS")
		. format(
			[
				ProjectSettings.get_setting("application/config/version"),
				Engine.get_version_info()["string"],
			]
		)
	)


func _show_licences() -> void:
	if is_visible_in_tree():
		_licences.take_up(Licences.text())
	else:
		_licences.let_go()
