# SPDX-License-Identifier: MIT
## What each setting can be, as the engine and the launcher write it and as people read it. Pure.
##
## A value that is none of the usual ones, set by the command line for example, is offered too, so
## that the window never shows something else than what counts.
class_name SettingChoices
extends RefCounted

const WORDS: Dictionary[String, PackedStringArray] = {
	"updates": ["automatic", "ask", "manual"],
	"metered": ["auto", "yes", "no"],
	"theme": ["system", "light", "dark"],
	"motion": ["system", "full", "reduced"],
	"after-start": ["stay", "close"],
	"autostart": ["no", "yes"],
	"links": ["no", "yes"],
}
## Bytes, or bytes a second.
const SIZES: Dictionary[String, PackedStringArray] = {
	"rate-limit": ["none", "262144", "524288", "1048576", "2097152", "5242880", "10485760"],
	"metered-size": ["0", "5242880", "20000000", "104857600", "524288000"],
	"while-playing": ["pause", "262144", "1048576", "continue"],
}
const KEEP: PackedStringArray = ["0", "1", "2", "3", "5"]
const LANGUAGE_NAMES: Dictionary[String, String] = {"en": "English", "es": "Español", "ja": "日本語"}
const NO_HOURS: String = "none"


## One thing that a setting can be.
class Choice:
	extends RefCounted
	var value: String = ""
	var label: Message = null

	func _init(written: String, words: Message) -> void:
		value = written
		label = words


## What the setting `name` can be, `current` among it.
static func of(name: String, current: String) -> Array[Choice]:
	var values: PackedStringArray = _usual(name)
	if not values.has(current) and not current.is_empty():
		values.append(current)
	var choices: Array[Choice] = []
	for value: String in values:
		choices.append(Choice.new(value, _label(name, value)))
	return choices


## The first window of the engine's `quiet-hours`, as two times; both empty if there is none.
static func quiet_window(quiet_hours: String) -> PackedStringArray:
	var window: PackedStringArray = quiet_hours.get_slice(",", 0).split("-")
	if window.size() != 2 or quiet_hours == NO_HOURS:
		return PackedStringArray(["", ""])
	return PackedStringArray([_time(window[0]), _time(window[1])])


## The engine's `quiet-hours` for one window. A window that begins when it ends is none.
static func quiet_hours(from: String, to: String) -> String:
	return NO_HOURS if from.is_empty() or to.is_empty() or from == to else "%s-%s" % [from, to]


static func _usual(name: String) -> PackedStringArray:
	match name:
		"quiet-from":
			return PackedStringArray([""]) + _hours()
		"quiet-to":
			return _hours()
		"keep-versions":
			return KEEP
		"language":
			return LauncherSettings.LANGUAGES
		"text":
			var sizes: PackedStringArray = []
			for size: int in LauncherSettings.TEXT_SCALES:
				sizes.append(str(size))
			return sizes
	return WORDS.get(name, SIZES.get(name, PackedStringArray()))


static func _hours() -> PackedStringArray:
	var hours: PackedStringArray = []
	for hour: int in 24:
		hours.append("%02d:00" % hour)
	return hours


static func _label(name: String, value: String) -> Message:
	if value.is_valid_int():
		return _number(name, value.to_int())
	match name:
		"quiet-from" when value.is_empty():
			return Message.of("QUIET_NONE")
		"language" when value.is_empty():
			return Message.of("LANGUAGE_SYSTEM")
		"language":
			return Message.plain(LANGUAGE_NAMES.get(value, value))
		"rate-limit":
			return Message.of("RATE_NONE")
		"while-playing", "updates", "metered", "theme", "motion", "after-start":
			return Message.of(("%s_%s" % [name.replace("-", "_"), value]).to_upper())
		"autostart", "links":
			return Message.of("ANSWER_YES" if value == "yes" else "ANSWER_NO")
	return Message.plain(Printable.line(value, 40))


static func _number(name: String, amount: int) -> Message:
	match name:
		"rate-limit":
			return Message.plain(Formats.speed(amount))
		"while-playing":
			return Message.of("WHILE_PLAYING_SLOW", [Formats.speed(amount)])
		"metered-size" when amount == 0:
			return Message.of("METERED_SIZE_NONE")
		"metered-size":
			return Message.of("METERED_SIZE", [Formats.bytes(amount)])
		"keep-versions" when amount == 0:
			return Message.of("KEEP_NONE")
		"keep-versions":
			return Message.counted("KEEP_ONE", "KEEP_MANY", amount)
	return Message.plain("%d %%" % amount)


static func _time(text: String) -> String:
	var parts: PackedStringArray = text.strip_edges().split(":")
	if parts.size() != 2 or not (parts[0].is_valid_int() and parts[1].is_valid_int()):
		return ""
	return "%02d:%02d" % [clampi(parts[0].to_int(), 0, 23), clampi(parts[1].to_int(), 0, 59)]
