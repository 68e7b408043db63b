# SPDX-License-Identifier: MIT
## Drives the publisher's dock in a real editor, by its fields and buttons alone.
##
## Arguments after `--`: the file with the settings of the run. The last line printed is
## `editor: N passed, N failed`.
@tool
extends EditorPlugin

const PLUGIN: String = "res://addons/vsekai_publisher/plugin.cfg"
const PATIENCE_SECONDS: float = 90.0
## Pixels in which the dock fits beside others.
const NARROW: int = 300

var _config: Dictionary = {}
var _dock: Control
var _passed: int = 0
var _failed: int = 0


func _enter_tree() -> void:
	var arguments: PackedStringArray = OS.get_cmdline_user_args()
	if arguments.size() == 1:
		_config = JSON.parse_string(FileAccess.get_file_as_string(arguments[0]))
		_drive.call_deferred()


func _drive() -> void:
	while EditorInterface.get_resource_filesystem().is_scanning():
		await get_tree().process_frame
	# The editor opens what was open before, which may take it some frames.
	for _frame: int in 10:
		await get_tree().process_frame
	_dock = _find_dock()
	_check(_dock != null, "the dock is there")
	if _dock != null:
		await call(_config.case)
	print("editor: %d passed, %d failed" % [_passed, _failed])
	get_tree().quit(0 if _failed == 0 else 1)


func missing_library() -> void:
	_check(_control("Missing").visible, "the dock says that its library is missing")
	_check(_control("MissingText").text.contains("is missing"), _control("MissingText").text)
	_check(
		_control("MissingCommand").text.begins_with("cargo xtask addon publisher"),
		"and how to get it"
	)


func publishing() -> void:
	await publish_twice()
	await try_as_player()
	await try_in_a_private_channel()
	await take_back_and_offer_again()
	await cancel_a_game()
	await refuse_secrets_in_the_project()
	await switch_off_and_on()


func window() -> void:
	await open_dock()
	await publish_twice()
	await _show_from("Build")
	await _picture()


## Scrolls a section of the dock to the top.
func _show_from(p_section: String) -> void:
	var scroll: ScrollContainer = _control("Scroll")
	scroll.scroll_vertical = int(_control(p_section).position.y)
	await get_tree().process_frame


func language() -> void:
	await open_dock()
	var shown: Dictionary = _config.shown
	for name: String in shown:
		var control: Control = _control(name)
		var text: String = control.get("title") if control is FoldableContainer else control.text
		_check(control.atr(text) == shown[name], "%s shows %s" % [name, control.atr(text)])
	var titles: Array = range(2).map(
		func(column: int) -> String: return _control("Releases").get_column_title(column)
	)
	_check(titles == _config.titles, "titles: %s" % [titles])
	_check(
		_dock.get_combined_minimum_size().x <= NARROW,
		"it is %d wide" % _dock.get_combined_minimum_size().x
	)
	_button("Refresh").pressed.emit()
	_check(_control("ProblemText").text.contains(_config.hint), _control("ProblemText").text)
	await serve()
	_check(_log_text().contains(_config.said + " http://127.0.0.1:"), _log_text())


func publish_twice() -> void:
	await serve()
	await export_version("0.1.0")
	_type("Notes", "The first version.")
	_type("UserPaths", "mods/\n./settings.cfg\n")
	_type("MinimumEngine", "0.1.0")
	await _press("PublishNow", "publish")
	_check(_releases() == ["0.1.0 stable offered"], "it is published: %s" % [_releases()])
	change_the_game()
	await export_version("0.2.0")
	await compare()
	await _press("PublishNow", "publish")


func cancel_a_game() -> void:
	_control("Log").clear()
	_type("Arguments", "--headless")
	# The game runs until somebody ends it.
	_button("TryPlayer").pressed.emit()
	await _wait_for("the game", func() -> bool: return _log_text().contains("0.2.0 started"))
	await _press("Cancel", "try_player", false)
	_check(not _control("Problem").visible, "a cancelled operation is no problem")
	_check(not _control("Busy").visible, "nothing runs any more")


func open_dock() -> void:
	var dock: EditorDock = _dock.get_parent()
	dock.make_visible()
	await get_tree().process_frame
	_check(
		DisplayServer.get_name() == "headless" or _dock.is_visible_in_tree(), "the dock is shown"
	)


func serve() -> void:
	_type("Title", "editor-game")
	await _press("LocalServer", "start_server")
	_check(_control("Address").text.begins_with("http://127.0.0.1:"), _control("Address").text)
	_check(not _control("Address").editable, "the local server's address is not to be typed")
	await _wait_for("the list", func() -> bool: return not _publisher().is_busy())


func export_version(p_version: String) -> void:
	_type("Version", p_version)
	await _press("Export", "export_build")
	var folder: String = _control("BuildFolder").text
	_check(folder.contains(p_version), "exported to %s" % folder)
	_check(not folder.begins_with(ProjectSettings.globalize_path("res://")), "not into the project")


func change_the_game() -> void:
	var text: String = FileAccess.get_file_as_string("res://version.gd")
	FileAccess.open("res://version.gd", FileAccess.WRITE).store_string(
		text.replace("0.1.0", "0.2.0")
	)


func compare() -> void:
	await _press("Compare", "preview")
	var summary: String = _control("CostSummary").text
	_check(summary.contains("1 resource differs from 0.1.0"), summary)
	var update: TreeItem = _tree_rows("Updates")[0]
	_check(update.get_text(0) == "0.1.0", "players of 0.1.0 are thought of")
	_check(update.get_text(1).ends_with("KiB"), "their download is small: %s" % update.get_text(1))
	var names: Array = _tree_rows("Resources").map(
		func(row: TreeItem) -> String: return row.get_text(0)
	)
	_check("version.gdc" in names, "the changed script is named: %s" % [names])
	_check("world/aurora.png" not in names, "what did not change is not")


func try_as_player() -> void:
	_type("Arguments", "--headless -- --quit-after-start")
	await _press("TryPlayer", "try_player")
	_check(_log_text().contains("V-Sekai Sample 0.2.0 started"), "the player starts 0.2.0")


func try_in_a_private_channel() -> void:
	var channel: String = "titles/editor-game/channels/stable"
	await _ask_server(HTTPClient.METHOD_PUT, channel + "/private")
	var wanted: Dictionary = {
		"label": "players", "title": "editor-game", "channel": "stable", "verbs": "read"
	}
	var made: Dictionary = await _ask_server(HTTPClient.METHOD_POST, "tokens", wanted)
	await _press("TryPlayer", "try_player", false)
	_check(_control("ProblemText").text.contains("read token"), _control("ProblemText").text)
	_control("Log").clear()
	_type("ReadToken", made.token)
	await _press("TryPlayer", "try_player")
	_check(_log_text().contains("0.2.0 started"), "with the token it starts")
	_check(not _log_text().contains(made.token), "which is not logged")
	_type("ReadToken", "")
	FileAccess.open(_config.read_token, FileAccess.WRITE).store_string(made.token)
	await _ask_server(HTTPClient.METHOD_DELETE, channel + "/private")


func take_back_and_offer_again() -> void:
	_choose_release("0.2.0")
	# What is taken back is the release of its own channel, whatever is typed above.
	_type("Channel", "elsewhere")
	await _press_after_asking("Withdraw", "withdraw")
	_type("Channel", "stable")
	_check(_releases() == ["0.2.0 stable taken back", "0.1.0 stable offered"], "%s" % [_releases()])
	_choose_release("0.2.0")
	await _press("Promote", "promote")
	_check(_releases() == ["0.2.0 stable offered", "0.1.0 stable "], "%s" % [_releases()])


func refuse_secrets_in_the_project() -> void:
	_type("ReadToken", "vsekai_0_local")
	_button("LocalServer").button_pressed = false
	await _wait_for("the server's end", func() -> bool: return _control("Address").editable)
	_check(_control("ReadToken").text.is_empty(), "its read token is for no other server")
	_type("ReadToken", "vsekai_0_other")
	_type("Token", "res://other.token")
	_type("Address", "http://127.0.0.1:1")
	_check(_control("ReadToken").text.is_empty(), "nor is one for another address")
	_check(_control("Token").text.is_empty(), "nor is the one to publish with")
	_type("Keys", ProjectSettings.globalize_path("res://keys"))
	_button("Refresh").pressed.emit()
	_check(_control("Problem").visible, "a problem is shown")
	_check(
		_control("ProblemText").text.contains("lies in the project"), _control("ProblemText").text
	)


func switch_off_and_on() -> void:
	await serve()
	EditorInterface.set_plugin_enabled(PLUGIN, false)
	await _wait_for("the dock goes", func() -> bool: return _find_dock() == null)
	EditorInterface.set_plugin_enabled(PLUGIN, true)
	await _wait_for("the dock comes", func() -> bool: return _find_dock() != null)
	_dock = _find_dock()
	# The server inside the first dock has ended, or this one could not have its data.
	await serve()
	_check(_releases() == ["0.2.0 stable offered", "0.1.0 stable "], "%s" % [_releases()])


## Presses a button that asks first, once with no and once with yes, and waits for the end of the
## operation.
func _press_after_asking(p_name: String, p_operation: String) -> void:
	var question: ConfirmationDialog = _dock.get_node("%Sure")
	for answer: Button in [question.get_cancel_button(), question.get_ok_button()]:
		await _wait_for(
			"%s can be pressed" % p_name, func() -> bool: return not _button(p_name).disabled
		)
		_button(p_name).pressed.emit()
		_check(question.visible, "%s asks first" % p_name)
		_check(question.dialog_text.contains("0.2.0"), question.dialog_text)
		_check(not _publisher().is_busy(), "nothing is done before the answer")
		if answer == question.get_ok_button():
			await _press_button(answer, p_operation)
		else:
			answer.pressed.emit()
		# It goes at the end of the frame.
		await _wait_for("the question's end", func() -> bool: return not question.visible)


## Presses a button where it is, and waits for the end of the operation.
func _press(p_name: String, p_operation: String, p_ok: bool = true) -> void:
	await _wait_for(
		"%s can be pressed" % p_name, func() -> bool: return not _button(p_name).disabled
	)
	await _press_button(_button(p_name), p_operation, p_ok)


func _press_button(p_button: BaseButton, p_operation: String, p_ok: bool = true) -> void:
	var ends: Array = []
	var note: Callable = func(operation: String, ok: bool) -> void: ends.append([operation, ok])
	_publisher().finished.connect(note)
	if DisplayServer.get_name() == "headless":
		_click_without_a_pointer(p_button)
	else:
		await _click(p_button)
	await _wait_for(
		"the end of %s" % p_operation, func() -> bool: return [p_operation, p_ok] in ends
	)
	_publisher().finished.disconnect(note)
	_check(
		[p_operation, p_ok] in ends,
		"%s ends well: %s" % [p_operation, _control("ProblemText").text]
	)


func _click(p_button: BaseButton) -> void:
	var scroll: ScrollContainer = _control("Scroll")
	if scroll.is_ancestor_of(p_button):
		scroll.ensure_control_visible(p_button)
	# What was shown or scrolled just now has its place after that.
	for _frame: int in 2:
		await get_tree().process_frame
	var place: Vector2 = p_button.get_global_rect().get_center()
	for is_pressed: bool in [true, false]:
		var event: InputEventMouseButton = InputEventMouseButton.new()
		event.button_index = MOUSE_BUTTON_LEFT
		event.pressed = is_pressed
		event.position = place
		event.global_position = place
		Input.parse_input_event(event)
		await get_tree().process_frame


func _click_without_a_pointer(p_button: BaseButton) -> void:
	if p_button.toggle_mode:
		p_button.button_pressed = not p_button.button_pressed
	else:
		p_button.pressed.emit()


func _type(p_name: String, p_text: String) -> void:
	_control(p_name).text = p_text
	if _control(p_name) is LineEdit:
		_control(p_name).text_changed.emit(p_text)
	else:
		_control(p_name).text_changed.emit()


func _choose_release(p_version: String) -> void:
	for row: TreeItem in _tree_rows("Releases"):
		if row.get_text(0) == p_version:
			row.select(0)


func _releases() -> Array:
	return _tree_rows("Releases").map(
		func(row: TreeItem) -> String:
			return "%s %s %s" % [row.get_text(0), row.get_text(1), row.get_text(2)]
	)


func _tree_rows(p_name: String) -> Array:
	var root: TreeItem = _control(p_name).get_root()
	return [] if root == null else root.get_children()


func _find_dock() -> Control:
	return EditorInterface.get_base_control().find_child("VSekaiPublisherDock", true, false)


func _log_text() -> String:
	return _control("Log").get_parsed_text()


## Asks the local server, as whoever runs it.
func _ask_server(
	p_method: HTTPClient.Method, p_path: String, p_body: Dictionary = {}
) -> Dictionary:
	var request: HTTPRequest = HTTPRequest.new()
	add_child(request)
	var token: String = FileAccess.get_file_as_string(_control("Token").text).strip_edges()
	var heads: PackedStringArray = [
		"Authorization: Bearer " + token, "Content-Type: application/json"
	]
	var body: String = "" if p_body.is_empty() else JSON.stringify(p_body)
	request.request(_control("Address").text.path_join("api/v1/" + p_path), heads, p_method, body)
	var answer: Array = await request.request_completed
	request.queue_free()
	var status: int = answer[1]
	_check(status >= 200 and status < 300, "%s answers %d" % [p_path, status])
	var said: String = (answer[3] as PackedByteArray).get_string_from_utf8()
	return {} if said.is_empty() else JSON.parse_string(said)


## Keeps a picture of the editor for people to look at.
func _picture() -> void:
	if _config.has("picture"):
		await RenderingServer.frame_post_draw
		_dock.get_viewport().get_texture().get_image().save_png(_config.picture)


func _wait_for(p_what: String, p_is_there: Callable) -> void:
	var deadline: int = Time.get_ticks_msec() + int(PATIENCE_SECONDS * 1000)
	while not p_is_there.call():
		if Time.get_ticks_msec() > deadline:
			_check(false, "%s does not come; the log:\n%s" % [p_what, _log_text()])
			return
		await get_tree().process_frame


func _publisher() -> Node:
	return _dock._publisher


func _button(p_name: String) -> BaseButton:
	return _control(p_name)


func _control(p_name: String) -> Control:
	return _dock.get_node("%" + p_name)


func _check(p_is_so: bool, p_what: String) -> void:
	if p_is_so:
		_passed += 1
	else:
		_failed += 1
		print("FAILED: ", p_what)
