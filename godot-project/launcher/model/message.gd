# SPDX-License-Identifier: MIT
## A sentence as its translation key and what goes into it, so that the model never holds text of
## one language.
class_name Message
extends RefCounted

var key: String = ""
var plural_key: String = ""
var count: int = 0
var arguments: Array = []
## Shown as it is, for names and text from outside.
var literal: String = ""


static func of(message_key: String, message_arguments: Array = []) -> Message:
	var message: Message = Message.new()
	message.key = message_key
	message.arguments = message_arguments
	return message


## The form of the sentence for `number`, which is its first argument.
static func counted(singular: String, plural: String, number: int) -> Message:
	var message: Message = of(singular, [number])
	message.plural_key = plural
	message.count = number
	return message


static func plain(text_from_outside: String) -> Message:
	var message: Message = Message.new()
	message.literal = text_from_outside
	return message


func is_empty() -> bool:
	return key.is_empty() and literal.is_empty()


## The sentence in the current language. Arguments that are messages are translated too.
func text() -> String:
	if key.is_empty():
		return literal
	var pattern: String = TranslationServer.translate(key)
	if not plural_key.is_empty():
		pattern = TranslationServer.translate_plural(key, plural_key, count)
	var values: Array = []
	for argument: Variant in arguments:
		values.append((argument as Message).text() if argument is Message else argument)
	return pattern if values.is_empty() else pattern.format(values, "{_}")
