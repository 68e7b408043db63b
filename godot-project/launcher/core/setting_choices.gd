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


## The windows of the engine's `quiet-hours`, each as two times; what is none is left out.
static func quiet_windows(hours: String) -> Array[PackedStringArray]:
	var windows: Array[PackedStringArray] = []
	for part: String in hours.split(",", false):
		var ends: PackedStringArray = part.split("-")
		var window: PackedStringArray = [_time(ends[0]), _time(ends[-1])]
		if ends.size() == 2 and not window.has("") and window[0] != window[1]:
			windows.append(window)
	return windows


## The engine's `quiet-hours` for `windows`.
static func quiet_hours(windows: Array[PackedStringArray]) -> String:
	var parts: PackedStringArray = []
	for window: PackedStringArray in windows:
		parts.append("-".join(window))
	return ",".join(parts) if parts else NO_HOURS


## The time of the day an hour after `time`.
static func an_hour_after(time: String) -> String:
	var parts: PackedStringArray = time.split(":")
	return "%02d:%s" % [(parts[0].to_int() + 1) % 24, parts[-1]]


static func _usual(name: String) -> PackedStringArray:
	match name:
		"quiet-time":
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
