# SPDX-License-Identifier: MIT
## The dock's texts in the editor's language. Their keys are the English texts, which are shown
## where a language is not here, or lacks one of them.
@tool
extends RefCounted

const DOMAIN: StringName = &"addons/vsekai_publisher"
const FOLDER: String = "res://addons/vsekai_publisher/i18n/"
const LANGUAGES: Array[String] = ["es", "ja"]


static func begin() -> void:
	for language: String in LANGUAGES:
		_domain().add_translation(load(FOLDER + language + ".po"))


static func end() -> void:
	TranslationServer.remove_domain(DOMAIN)


static func say(p_text: String) -> String:
	return _domain().translate(p_text)


## Returns the form of a text that goes with a number.
static func say_many(p_one: String, p_many: String, p_number: int) -> String:
	return _domain().translate_plural(p_one, p_many, p_number)


static func _domain() -> TranslationDomain:
	return TranslationServer.get_or_add_domain(DOMAIN)
