# SPDX-License-Identifier: MIT
## The publisher's dock: what it shows and asks for. All work is done by the native class.
@tool
extends VBoxContainer

const Choices = preload("choices.gd")
const Language = preload("language.gd")
const Library = preload("library.gd")
const Presets = preload("presets.gd")
const Words = preload("words.gd")
const Tables = preload("tables.gd")

const LOG_LINES: int = 2000
## Of a question, before the editor's scale.
const QUESTION_SIZE: Vector2 = Vector2(420, 120)
const LEVEL_COLOURS: Dictionary[String, StringName] = {
	"warning": &"warning_color",
	"info": &"success_color",
	"failed": &"error_color",
}

var _choices: Choices = Choices.new()
var _publisher: Node
var _presets: Array[Dictionary] = []
var _build_folder: String = ""
## The release that is taken back once the developer agrees.
var _asked_about: Dictionary = {}
var _local: Dictionary = {}

@onready var _fields: Dictionary[Control, StringName] = {
	%Title: &"title",
	%Channel: &"channel",
	%Address: &"server_url",
	%Keys: &"keys_folder",
	%Token: &"token_file",
	%UserPaths: &"user_paths",
	%MinimumEngine: &"minimum_engine",
	%Arguments: &"arguments",
}


func _ready() -> void:
	if is_part_of_edited_scene():
		return
	var problem: String = Library.load_if_needed()
	%Missing.visible = not problem.is_empty()
	%Split.visible = problem.is_empty()
	if not problem.is_empty():
		%MissingText.text = problem
		%MissingCommand.text = Library.get_command()
		return
	_choices.load_kept()
	%Version.text = str(ProjectSettings.get_setting("application/config/version", "0.1.0"))
	Tables.prepare(
		%Updates, [Language.say("From"), Language.say("Download"), Language.say("Files")]
	)
	Tables.prepare(%Resources, [Language.say("Resource"), "", Language.say("Size")])
	Tables.prepare(%Releases, [Language.say("Version"), Language.say("Channel"), ""])
	# What it says itself is not the dock's to translate.
	%Browser.set_translation_domain(&"godot.editor")
	_make_publisher()
	_show_choices()
	_read_presets()
	_connect_controls()
	_update_controls()


func _make_publisher() -> void:
	_publisher = ClassDB.instantiate(Library.CLASS)
	_publisher.project_folder = ProjectSettings.globalize_path("res://")
	_publisher.connect(&"progress_changed", _on_progress_changed)
	_publisher.connect(&"logged", _on_logged)
	_publisher.connect(&"failed", _on_failed)
	_publisher.connect(&"finished", _on_finished)
	_publisher.connect(&"server_changed", _on_server_changed)
	_publisher.connect(&"exported", _on_exported)
	_publisher.connect(&"previewed", _on_previewed)
	_publisher.connect(&"published", _on_published)
	_publisher.connect(&"releases_listed", _on_releases_listed)
	add_child(_publisher)


func _connect_controls() -> void:
	for field: Control in _fields:
		var changed: Callable = _on_field_changed.bind(field)
		# A line tells its text, a text of several lines does not.
		field.connect(&"text_changed", changed.unbind(1) if field is LineEdit else changed)
	%LocalServer.toggled.connect(_on_local_server_toggled)
	%KeysBrowse.pressed.connect(_browse.bind(%Keys, FileDialog.FILE_MODE_OPEN_DIR))
	%TokenBrowse.pressed.connect(_browse.bind(%Token, FileDialog.FILE_MODE_OPEN_FILE))
	%Preset.item_selected.connect(func(_index: int) -> void: _on_preset_chosen())
	%Preset.get_popup().about_to_popup.connect(_read_presets)
	%Export.pressed.connect(_on_export_pressed)
	%Compare.pressed.connect(_on_compare_pressed)
	%PublishNow.pressed.connect(_on_publish_pressed)
	%Refresh.pressed.connect(func() -> void: _begin("list_releases", []))
	%Promote.pressed.connect(_on_promote_pressed)
	%Withdraw.pressed.connect(_on_withdraw_pressed)
	%Sure.confirmed.connect(_withdraw)
	%Releases.item_selected.connect(_update_controls)
	%TryPlayer.pressed.connect(_on_try_pressed)
	%Cancel.pressed.connect(func() -> void: _publisher.cancel())


func _show_choices() -> void:
	for field: Control in _fields:
		field.set(&"text", _choices.get(_fields[field]))


func _on_field_changed(p_field: Control) -> void:
	if p_field == %Address:
		# A token is one server's, and no other gets to see it.
		%ReadToken.clear()
		%Token.clear()
		_choices.token_file = ""
	# What the local server says is not the developer's choice.
	if _local.is_empty() or p_field not in [%Address, %Keys, %Token]:
		_choices.set(_fields[p_field], p_field.get(&"text"))
		_choices.keep()


func _read_presets() -> void:
	_presets = Presets.read(Presets.FILE)
	%Preset.clear()
	for preset: Dictionary in _presets:
		%Preset.add_item("%s (%s)" % [preset.name, preset.platform])
		if preset.name == _choices.preset:
			%Preset.select(%Preset.item_count - 1)
	_on_preset_chosen()
	_show_build()


func _show_build() -> void:
	if not _build_folder.is_empty():
		%BuildFolder.text = _build_folder
	elif _presets.is_empty():
		%BuildFolder.text = Language.say(
			"Add a preset for Linux, Windows or macOS in Project, Export."
		)
	else:
		%BuildFolder.text = Language.say("Nothing is exported yet.")


func _on_preset_chosen() -> void:
	_choices.preset = _preset().get("name", "")
	_choices.keep()


func _preset() -> Dictionary:
	return {} if %Preset.selected < 0 else _presets[%Preset.selected]


func _browse(p_field: LineEdit, p_mode: FileDialog.FileMode) -> void:
	var browser: FileDialog = %Browser
	browser.file_mode = p_mode
	for connection: Dictionary in browser.dir_selected.get_connections():
		browser.dir_selected.disconnect(connection.callable)
	for connection: Dictionary in browser.file_selected.get_connections():
		browser.file_selected.disconnect(connection.callable)
	var choose: Callable = func(p_path: String) -> void:
		p_field.text = p_path
		p_field.text_changed.emit(p_path)
	browser.dir_selected.connect(choose)
	browser.file_selected.connect(choose)
	browser.popup_centered_ratio(0.5)


func _on_local_server_toggled(p_on: bool) -> void:
	if not p_on:
		_publisher.stop_server()
	elif _local.is_empty() and not _begin("start_server", [_choices.get_local_data()]):
		%LocalServer.set_pressed_no_signal(false)


func _on_export_pressed() -> void:
	var preset: Dictionary = _preset()
	var name: String = preset.get("name", "")
	var program: String = Presets.program_file(%Title.text, preset.get("platform", ""))
	var editor: String = OS.get_executable_path()
	_begin("export_build", [editor, name, %Version.text, _choices.get_builds(), program])


func _on_compare_pressed() -> void:
	_begin("preview", [_build_folder, %Version.text])


func _on_publish_pressed() -> void:
	_begin("publish", [_build_folder, %Version.text, %Notes.text])


## Offers the chosen release in the channel that is named above, which may be another than its
## own.
func _on_promote_pressed() -> void:
	var chosen: Dictionary = Tables.get_chosen(%Releases)
	if _begin("promote", [chosen.version], {&"platform": chosen.platform}):
		_log("info", Language.say("Offering {0} in {1}").format([chosen.version, %Channel.text]))


## Every player of the release is concerned, and the button is beside the one that offers.
func _on_withdraw_pressed() -> void:
	_asked_about = Tables.get_chosen(%Releases)
	var what: Array = [_asked_about.version, _asked_about.channel]
	var words: String = Language.say(
		"Take {0} back from {1}? Its players go back to the release before it."
	)
	%Sure.dialog_text = words.format(what)
	%Sure.popup_centered(Vector2i(QUESTION_SIZE * EditorInterface.get_editor_scale()))
	%Sure.get_cancel_button().grab_focus()


func _withdraw() -> void:
	var where: Dictionary = {&"channel": _asked_about.channel, &"platform": _asked_about.platform}
	if _begin("withdraw", [_asked_about.version], where):
		var what: Array = [_asked_about.version, _asked_about.channel]
		_log("info", Language.say("Taking {0} back from {1}").format(what))


func _on_try_pressed() -> void:
	_begin("try_player", [%Arguments.text.split(" ", false)])


## Starts an operation with what is in the fields, but for what `p_where` says instead; returns
## whether it did.
func _begin(p_method: String, p_arguments: Array, p_where: Dictionary = {}) -> bool:
	%Problem.hide()
	_publisher.server_url = %Address.text
	_publisher.title = %Title.text
	_publisher.channel = p_where.get(&"channel", %Channel.text)
	_publisher.platform = p_where.get(&"platform", _preset().get("platform", ""))
	_publisher.user_paths = %UserPaths.text.split("\n", false)
	_publisher.minimum_engine = %MinimumEngine.text
	_publisher.keys_folder = %Keys.text
	_publisher.token_file = %Token.text
	_publisher.set_passphrase(%Passphrase.text)
	_publisher.set_read_token(%ReadToken.text)
	var started: bool = _publisher.callv(p_method, p_arguments)
	if started:
		%Step.text = Language.say("Working")
		%Bar.indeterminate = true
	_update_controls()
	return started


func _update_controls() -> void:
	var is_busy: bool = _publisher.is_busy()
	var has_build: bool = not _build_folder.is_empty()
	%Busy.visible = is_busy
	%Export.disabled = is_busy or _preset().is_empty()
	%Compare.disabled = is_busy or not has_build
	%PublishNow.disabled = is_busy or not has_build
	%Refresh.disabled = is_busy
	%TryPlayer.disabled = is_busy
	%LocalServer.disabled = is_busy
	var is_chosen: bool = not Tables.get_chosen(%Releases).is_empty()
	%Promote.disabled = is_busy or not is_chosen
	%Withdraw.disabled = is_busy or not is_chosen
	for field: LineEdit in [%Address, %Keys, %Token, %Title]:
		field.editable = _local.is_empty()
	%KeysBrowse.disabled = not _local.is_empty()
	%TokenBrowse.disabled = not _local.is_empty()


func _on_progress_changed(p_progress: Dictionary) -> void:
	%Step.text = Words.step(p_progress.step)
	%Bar.indeterminate = p_progress.total == 0
	%Bar.max_value = maxf(1.0, p_progress.total)
	%Bar.value = p_progress.done


## What programs print stays as it is; the publisher's own words are said in the editor's language.
func _on_logged(p_level: String, p_text: String, p_values: PackedStringArray) -> void:
	var is_own: bool = p_level != "output"
	_log(p_level, Language.say(p_text).format(Array(p_values)) if is_own else p_text)


func _log(p_level: String, p_text: String) -> void:
	var lines: RichTextLabel = %Log
	if lines.get_paragraph_count() > LOG_LINES:
		lines.remove_paragraph(0)
	if LEVEL_COLOURS.has(p_level):
		lines.push_color(get_theme_color(LEVEL_COLOURS[p_level], &"Editor"))
	else:
		lines.push_color(get_theme_color(&"font_color", &"Editor"))
	lines.add_text(p_text)
	lines.pop()
	lines.newline()


func _on_failed(p_error: Dictionary) -> void:
	var text: String = Words.problem(p_error)
	%ProblemText.text = text
	%Problem.show()
	_log("failed", text)
	if not p_error.detail.is_empty():
		_log("output", p_error.detail)


func _on_finished(p_operation: String, p_ok: bool) -> void:
	if p_operation == "start_server" and not p_ok:
		%LocalServer.set_pressed_no_signal(false)
	_update_controls()
	if p_operation == "start_server" and p_ok:
		_begin("list_releases", [])


func _on_server_changed(p_server: Dictionary) -> void:
	_local = p_server if p_server.running else {}
	%ReadToken.clear()
	%LocalServer.set_pressed_no_signal(p_server.running)
	if p_server.running:
		%Address.text = p_server.url
		%Keys.text = p_server.keys_folder
		%Token.text = p_server.token_file
	else:
		_show_choices()
	_update_controls()


func _on_exported(p_folder: String) -> void:
	_build_folder = p_folder
	_show_build()
	_update_controls()


func _on_previewed(p_preview: Dictionary) -> void:
	%CostSummary.text = Words.preview(p_preview)
	Tables.fill_updates(%Updates, p_preview.updates)
	Tables.fill_resources(%Resources, p_preview.resources)
	%CostSummary.show()
	%Updates.visible = not p_preview.updates.is_empty()
	%Resources.visible = not p_preview.resources.is_empty()


func _on_published(p_release: Dictionary) -> void:
	%Notes.text = ""
	var text: String = Words.published(p_release)
	_log("info", text)
	EditorInterface.get_editor_toaster().push_toast(text)


func _on_releases_listed(p_releases: Array[Dictionary]) -> void:
	Tables.fill_releases(%Releases, p_releases)
	_update_controls()
