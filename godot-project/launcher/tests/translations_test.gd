# SPDX-License-Identifier: MIT
## Every text the launcher shows is there in every language.
extends "res://tests/test_case.gd"

const LANGUAGES: Array[String] = ["en", "es", "ja"]
const FOLDERS: Array[String] = ["core", "model", "ui"]
## Keys that are put together in code.
const COMPOSED: Array[String] = [
	"ERROR_",
	"NEXT_",
	"LINK_",
	"HELD_",
	"WAY_",
	"NETWORK_",
	"UPDATES_",
	"METERED_",
	"WHILE_PLAYING_",
	"THEME_",
	"MOTION_",
	"AFTER_START_",
	"ROLLBACK_",
	"REMOVE_",
]
## The engine's own words in the dialog for folders, which are the keys to themselves.
const ENGINE_WORDS: Array[String] = [
	"Path:",
	"Drive",
	"Go to previous folder.",
	"Go to next folder.",
	"Go to parent folder.",
	"Refresh files.",
	"Create a new folder.",
	"Directories & Files:",
	"File:",
	"All Files",
	"Create Folder",
	"Name:",
	"Cancel",
	"OK",
	"Alert!",
	"Could not create folder.",
]
const KEY_PATTERN: String = '"([A-Z]+(?:_[A-Z0-9]+)+|DECIMAL_SIGN)"'


func test_every_key_in_scenes_and_scripts_is_translated() -> void:
	for language: String in LANGUAGES:
		var known: Dictionary[String, String] = _messages(language)
		for key: String in _used_keys():
			check(known.has(key), "%s lacks %s" % [language, key])


func test_every_language_has_the_same_keys_and_none_is_empty() -> void:
	var english: Dictionary[String, String] = _messages("en")
	check(english.size() > 100, "only %d keys" % english.size())
	for language: String in LANGUAGES:
		var other: Dictionary[String, String] = _messages(language)
		equal(other.size(), english.size(), language)
		for key: String in english:
			check(other.has(key), "%s lacks %s" % [language, key])
			check(not other.get(key, "").is_empty(), "%s has nothing for %s" % [language, key])


func test_no_key_is_there_for_nothing() -> void:
	var used: Dictionary[String, bool] = _used_keys()
	for key: String in _messages("en"):
		var composed: bool = COMPOSED.any(
			func(prefix: String) -> bool: return key.begins_with(prefix)
		)
		check(composed or used.has(key) or key in ENGINE_WORDS, "%s is not used" % key)


func test_the_dialog_of_the_engine_speaks_the_language_of_the_player() -> void:
	var shown: Dictionary[String, bool] = {}
	for mode: FileDialog.FileMode in [
		FileDialog.FILE_MODE_OPEN_DIR, FileDialog.FILE_MODE_OPEN_FILE
	]:
		var dialog: FileDialog = FolderDialogs.SCENE.instantiate()
		dialog.use_native_dialog = false
		dialog.file_mode = mode
		tree.root.add_child(dialog)
		dialog.show()
		for control: Control in _controls_of(dialog):
			for words: String in _words_of(control):
				shown[words] = control.is_visible_in_tree() or shown.get(words, false)
		dialog.free()
	var known: Dictionary[String, String] = _messages("en")
	for words: String in shown:
		# A drive is called as it is.
		if shown[words] and words.length() > 1:
			check(known.has(words), "%s stays English" % words)
	for words: String in ENGINE_WORDS:
		check(shown.has(words), "%s is not among the words of the dialog" % words)


func test_translations_keep_their_places_for_values() -> void:
	var english: Dictionary[String, String] = _messages("en")
	for language: String in ["es", "ja"] as Array[String]:
		var other: Dictionary[String, String] = _messages(language)
		for key: String in english:
			equal(_places(other[key]), _places(english[key]), "%s %s" % [language, key])


func test_plural_forms_follow_the_number() -> void:
	var expected: Dictionary[String, Array] = {
		"en": ["1 minute left", "5 minutes left"],
		"es": ["queda 1 minuto", "quedan 5 minutos"],
		"ja": ["残り 1 分", "残り 5 分"],
	}
	for language: String in expected:
		TranslationServer.set_locale(language)
		equal(Formats.time_left(60).text(), expected[language][0])
		equal(Formats.time_left(300).text(), expected[language][1])
	TranslationServer.set_locale("en")


func test_every_letter_is_in_the_fonts() -> void:
	for language: String in LANGUAGES:
		for text: String in _messages(language).values() as Array[String]:
			for letter: String in text:
				for font: Font in [ThemeFactory.REGULAR, ThemeFactory.BOLD]:
					check(font.has_char(letter.unicode_at(0)), "%s of %s" % [letter, language])


func _controls_of(node: Node) -> Array[Control]:
	var found: Array[Control] = []
	for child: Node in node.get_children(true):
		if child is Control:
			found.append(child as Control)
		found.append_array(_controls_of(child))
	return found


func _words_of(control: Control) -> PackedStringArray:
	var words: PackedStringArray = [control.tooltip_text, control.accessibility_name]
	if control is Label or control is Button:
		words.append(str(control.get("text")).trim_suffix(" (*.*)"))
	# Its own title is given by whoever opens it.
	if not control.get_window() is FileDialog:
		words.append(control.get_window().title)
	return words


## Keys with their text; the plural key stands beside the singular one.
func _messages(language: String) -> Dictionary[String, String]:
	var messages: Dictionary[String, String] = {}
	var key: String = ""
	for line: String in FileAccess.get_file_as_string("res://i18n/%s.po" % language).split("\n"):
		var text: String = line.get_slice(" ", 0)
		var value: String = line.substr(text.length() + 1).trim_prefix('"').trim_suffix('"')
		if text == "msgid":
			key = value
		elif text == "msgid_plural":
			messages[value] = value
		elif text in ["msgstr", "msgstr[0]"] and key:
			messages[key] = value
	return messages


func _used_keys() -> Dictionary[String, bool]:
	var keys: Dictionary[String, bool] = {}
	var pattern: RegEx = RegEx.create_from_string(KEY_PATTERN)
	for folder: String in FOLDERS:
		for file: String in DirAccess.get_files_at("res://" + folder):
			if not file.get_extension() in ["gd", "tscn"]:
				continue
			var text: String = FileAccess.get_file_as_string("res://%s/%s" % [folder, file])
			for found: RegExMatch in pattern.search_all(text):
				keys[found.get_string(1)] = true
	for other: String in ["VSEKAI_SERVER", "VSEKAI_INSTALL_DIR"] as Array[String]:
		keys.erase(other)
	return keys


func _places(text: String) -> String:
	var places: PackedStringArray = []
	for found: RegExMatch in RegEx.create_from_string("\\{\\d\\}").search_all(text):
		places.append(found.get_string())
	places.sort()
	return "".join(places)
