# SPDX-License-Identifier: MIT
## The read token of private channels: entered in the settings, handed to the engine, and not kept
## or shown anywhere by the launcher.
extends "res://tests/window_case.gd"

const TOKEN: String = "vsekai_0_fedcba9876543210"


func test_a_private_channel_leads_to_the_field_for_its_token() -> void:
	for scene: String in ["private_first", "token_refused"] as Array[String]:
		await open(Vector2i(960, 540), "es", 150)
		await play(scene)
		shell.session().perform("settings_token")
		await frames(3)
		check(_field().is_visible_in_tree(), scene)
		equal(viewport.gui_get_focus_owner(), _field(), scene)
		var scroll: Control = _page().get_node("%Scroll")
		check(scroll.get_global_rect().encloses(_field().get_global_rect()), scene + ": in view")
		shell.show_page("home")
		shell.show_page("settings")
		check(viewport.gui_get_focus_owner() is Button, scene + ": the tab the next time")
		await close()


func test_a_token_goes_to_the_engine_which_looks_with_it_at_once() -> void:
	await open(SIZE, "en", 100)
	await play("private_first")
	await _show_network()
	check(_button("UseTokenButton").disabled, "nothing is typed")
	_type("  %s\n" % TOKEN)
	check(not _button("UseTokenButton").disabled, "typed")
	updater.calls.clear()
	_button("UseTokenButton").pressed.emit()
	await frames(3)
	var called: String = "set_read_token of %d characters" % TOKEN.length()
	equal(updater.calls, PackedStringArray([called, "check"]))
	check((shell.get_node("%HomePage") as Control).visible, "the home page tells what came of it")
	check(shell.session().model.failure == null, "and no longer that there is none")
	await close()


func test_a_token_in_a_file_is_read_by_the_engine() -> void:
	await open(SIZE, "en", 100)
	await play("private")
	await _show_network()
	_button("TokenFileButton").pressed.emit()
	await frames(2)
	var dialog: FileDialog = _page().find_children("*", "FileDialog", true, false)[0]
	equal(dialog.file_mode, FileDialog.FILE_MODE_OPEN_FILE)
	updater.calls.clear()
	dialog.file_selected.emit("/keys/token")
	await frames(3)
	equal(updater.calls, PackedStringArray(["set_read_token_file /keys/token", "check"]))
	await close()


func test_what_is_no_token_is_told_once_and_changes_nothing() -> void:
	await open(SIZE, "en", 100)
	await play("private")
	await _show_network()
	_type("two words")
	updater.calls.clear()
	_field().text_submitted.emit(_field().text)
	await frames(2)
	check(not updater.calls.has("check"), "nothing to look with")
	var note: Label = _page().get_node("%Note")
	check(note.visible and note.text == note.tr("TOKEN_UNUSABLE"), note.text)
	check(shell.session().model.notice.is_empty(), "not on the home page too")
	await close()


func test_what_is_no_token_is_no_failure_of_what_runs_meanwhile() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	shell.session().perform("check")
	equal(shell.session().use_read_token("two words"), "TOKEN_UNUSABLE")
	check(shell.session().model.failure == null, "the look for updates goes on")
	check(shell.session().model.notice.is_empty(), "told beside the field alone")
	await close()


func test_a_file_without_a_token_is_not_one_that_cannot_be_read() -> void:
	await open(SIZE, "en", 100)
	var there: String = "user://two words"
	FileAccess.open(there, FileAccess.WRITE).store_string("two words")
	equal(shell.session().use_read_token_file(there), "TOKEN_UNUSABLE")
	DirAccess.remove_absolute(there)
	equal(shell.session().use_read_token_file(there), "TOKEN_UNREADABLE")
	await close()
	await open(SIZE, "en", 100, false)
	equal(shell.session().use_read_token(TOKEN), "TOKEN_NO_ENGINE")
	await close()


func test_a_token_is_never_shown_again_and_can_be_removed() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	await _show_network()
	check(not _button("ForgetTokenButton").is_visible_in_tree(), "there is none")
	check(_field().secret, "dots")
	_type(TOKEN)
	await show_stop("settings place")
	await _show_network()
	equal(_field().text, "", "what was typed and left is gone")
	_field().menu_option(LineEdit.MENU_UNDO)
	equal(_field().text, "", "for good")
	updater.give_token()
	await frames(2)
	check(_button("ForgetTokenButton").is_visible_in_tree(), "there is one")
	updater.calls.clear()
	for sure: bool in [false, true] as Array[bool]:
		_button("ForgetTokenButton").pressed.emit()
		await frames(2)
		var question: Question = shell.get_node("%Question")
		check(question.visible, "asked")
		equal(updater.calls.size(), 0, "not before the answer")
		(question.get_node("%QuestionYes" if sure else "%QuestionNo") as Button).pressed.emit()
		await frames(2)
	equal(updater.calls, PackedStringArray(["forget_read_token"]))
	await close()


func test_a_token_typed_for_one_server_is_not_left_for_another() -> void:
	await open(SIZE, "en", 100)
	await play("private_first")
	await _show_network()
	var server: LineEdit = _page().get_node("%ServerField")
	# No address, one to be asked about, and one that is used at once.
	var addresses: Array[String] = ["updates", "http://a.example.org", "https://a.example.org"]
	for address: String in addresses:
		_type(TOKEN)
		check(not _button("UseTokenButton").disabled, address + ": typed")
		server.text = address
		server.text_submitted.emit(address)
		await frames(2)
		equal(_field().text, "", address)
		check(_button("UseTokenButton").disabled, address + ": nothing to use")
		var question: Question = shell.get_node("%Question")
		if question.visible:
			(question.get_node("%QuestionNo") as Button).pressed.emit()
			await frames(2)
	equal(updater.server_url, "https://a.example.org")
	DirAccess.remove_absolute(SETTINGS)
	await close()


func test_neither_the_log_nor_the_settings_nor_the_report_hold_a_token() -> void:
	await open(SIZE, "en", 100)
	await play("private_first")
	await _show_network()
	_type(TOKEN)
	_button("UseTokenButton").pressed.emit()
	await frames(3)
	updater.finish("check")
	shell.session().settings.save()
	await show_stop("activity")
	for file: String in [SETTINGS, LOG]:
		check(not FileAccess.get_file_as_string(file).contains(TOKEN), file)
	for entry: ActivityLog.Entry in shell.session().activity.entries:
		check(not entry.text.contains(TOKEN), entry.text)
	check(FileAccess.get_file_as_string(LOG).contains("A read token was entered"), "but that")
	for control: Control in visible_controls(shell):
		check(not str(control.get("text")).contains(TOKEN), control.name)
	DirAccess.remove_absolute(SETTINGS)
	DirAccess.remove_absolute(LOG)
	await close()


## With the list of channels, which the settings ask for, come.
func _show_network() -> void:
	await show_stop("settings network")
	updater.finish("list_channels")
	await frames(2)


func _page() -> SettingsPage:
	return shell.page("settings")


func _field() -> LineEdit:
	return _page().get_node("%TokenField")


func _button(name: String) -> Button:
	return _page().get_node("%" + name)


func _type(text: String) -> void:
	_field().text = text
	_field().text_changed.emit(text)
