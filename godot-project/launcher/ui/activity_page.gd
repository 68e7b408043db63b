# SPDX-License-Identifier: MIT
## What happened, newest first, all of it or the problems alone, and a report of all to copy.
class_name ActivityPage
extends LauncherPage

const COPIED_SECONDS: float = 4.0

var _session: LauncherSession
## Runs while the player is told that the report was copied.
var _copied_for: Timer = Timer.new()

@onready var _problems: Button = %ProblemsTab
@onready var _text: RichTextLabel = %ActivityText
@onready var _copy: Button = %CopyButton
@onready var _copied: Label = %CopiedLabel


func start(session: LauncherSession, _question: Question) -> void:
	_session = session
	_session.activity_added.connect(_show_entries)
	_copy.pressed.connect(_copy_report)
	_copied_for.one_shot = true
	_copied_for.wait_time = COPIED_SECONDS
	_copied_for.timeout.connect(_copied.hide)
	add_child(_copied_for)
	_problems.toggled.connect(_show_entries.unbind(1))
	visibility_changed.connect(_show_entries)
	_text.get_v_scroll_bar().accessibility_name = _text.accessibility_name


func first_focus() -> Control:
	return _copy


func _show_entries() -> void:
	if not is_visible_in_tree():
		return
	_text.clear()
	var only_problems: bool = _problems.button_pressed
	var entries: Array[ActivityLog.Entry] = _session.activity.newest(only_problems)
	if entries.is_empty():
		_text.add_text(tr("ACTIVITY_NO_PROBLEMS" if only_problems else "ACTIVITY_NONE"))
	for entry: ActivityLog.Entry in entries:
		_text.push_color(get_theme_color("font_color", "Soft"))
		_text.add_text(Formats.date_and_time(entry.time))
		_text.pop()
		_text.add_text("  " + ActivityLog.without_private_paths(entry.text) + "\n")


func _copy_report() -> void:
	var model: LauncherModel = _session.model
	var header: String = (
		"%s %s, %s %s (%s, %s), %s, Godot %s"
		% [
			_session.config.launcher_name,
			ProjectSettings.get_setting("application/config/version"),
			_session.config.title,
			model.version if model.installed else "-",
			model.platform,
			model.channel,
			OS.get_distribution_name(),
			Engine.get_version_info()["string"],
		]
	)
	var report: String = _session.activity.report(header)
	if model.failure != null:
		report += "\n" + ActivityLog.without_private_paths(model.failure.details()) + "\n"
	DisplayServer.clipboard_set(report)
	_copied.show()
	_copied_for.start()
