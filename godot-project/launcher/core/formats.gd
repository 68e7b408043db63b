# SPDX-License-Identifier: MIT
## Amounts as people read them, in the current language.
class_name Formats
extends RefCounted

const UNITS: PackedStringArray = ["B", "KiB", "MiB", "GiB", "TiB"]


## `count` bytes with one digit after the point from KiB on: "61.5 MiB".
static func bytes(count: int) -> String:
	var amount: float = maxf(count, 0.0)
	var unit: int = 0
	while amount >= 1023.95 and unit < UNITS.size() - 1:
		amount /= 1024.0
		unit += 1
	var digits: String = "%d" % int(amount) if unit == 0 else "%.1f" % amount
	return "%s %s" % [localise(digits), UNITS[unit]]


static func speed(bytes_per_second: int) -> String:
	return bytes(bytes_per_second) + "/s"


## The time left, coarse on purpose: a figure that jumps every second is no help.
static func time_left(seconds: int) -> Message:
	if seconds < 0:
		return Message.of("TIME_UNKNOWN")
	if seconds < 10:
		return Message.of("TIME_FEW_SECONDS")
	if seconds < 60:
		return Message.of("TIME_SECONDS", [ceili(seconds / 10.0) * 10])
	if seconds < 3600:
		return Message.counted("TIME_MINUTE", "TIME_MINUTES", ceili(seconds / 60.0))
	@warning_ignore("integer_division")
	var hours: int = seconds / 3600
	return Message.of("TIME_HOURS", [hours, ceili((seconds % 3600) / 60.0)])


## The day of `time` (seconds since 1970) where the player is: 2026-11-25.
static func date(time: int) -> String:
	return Time.get_date_string_from_unix_time(_local(time))


## When `time` was, where the player is: 16:00 if that was today, else the day.
static func moment(time: int) -> String:
	var day: String = date(time)
	if day != Time.get_date_string_from_system():
		return day
	return Time.get_time_string_from_unix_time(_local(time)).left(5)


## The day and the time of `time` where the player is: 2026-11-25 16:00.
static func date_and_time(time: int) -> String:
	return Time.get_datetime_string_from_unix_time(_local(time), true).left(16)


## A percentage from 0 to 100, without going over.
static func percent(done: int, total: int) -> int:
	return clampi(int(100.0 * done / total), 0, 100) if total > 0 else 0


## `digits` with the decimal sign of the current language.
static func localise(digits: String) -> String:
	return digits.replace(".", Message.of("DECIMAL_SIGN").text())


## `time` as the clock of the player shows it.
static func _local(time: int) -> int:
	return time + int(Time.get_time_zone_from_system().get("bias", 0)) * 60
