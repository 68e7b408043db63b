# SPDX-License-Identifier: MIT
## Why an update that is there is not taken by itself, in words, and the way around it.
class_name UpdateHold
extends RefCounted

## Reasons with sentences of their own. With any other one an update only waits for an ordinary yes.
const REASONS: Array[String] = [
	"pinned",
	"skipped",
	"failed-starts",
	"left-before",
	"metered",
	"quiet-hours",
	"playing",
]

var reason: String = ""
## Local time at which it ends by itself, such as "07:00"; empty if it does not.
var until: String = ""
## Failed starts of the version that is offered.
var failed_starts: int = 0
## The version that the install stays at.
var pinned_version: String = ""


## What the engine's settings make of `plan`, or null where it only waits for an ordinary yes.
static func from(action: String, why: String, ends: String, plan: UpdatePlan) -> UpdateHold:
	if action == "take" or not REASONS.has(why):
		return null
	var hold: UpdateHold = UpdateHold.new()
	hold.reason = why
	hold.until = Printable.line(ends, 5)
	hold.failed_starts = plan.failed_starts
	hold.pinned_version = plan.pinned_version
	return hold


## The reason as one sentence about `version`, which would fetch `size`.
func sentence(version: String, size: String) -> Message:
	if reason == "failed-starts":
		return Message.counted("HELD_FAILED_START", "HELD_FAILED_STARTS", failed_starts)
	if reason == "quiet-hours" and until.is_empty():
		return Message.of("HELD_QUIET_ALWAYS")
	var values: Dictionary[String, String] = {
		"quiet-hours": until, "metered": size, "pinned": pinned_version
	}
	return Message.of(_key("HELD_"), [values.get(reason, version)])


## Where the rule behind it is changed, and what an update in spite of it does.
func way_around() -> Message:
	return Message.of(_key("WAY_"))


## It ends by itself, without a word from the player.
func passes() -> bool:
	return reason == "quiet-hours" and not until.is_empty() or reason == "playing"


## Seconds until it ends by itself where it is `now`, in seconds since midnight; -1 if nobody knows.
func seconds_left(now: int) -> int:
	var parts: PackedStringArray = until.split(":")
	if parts.size() != 2:
		return -1
	return posmod(parts[0].to_int() * 3600 + parts[1].to_int() * 60 - now, 86400)


func _key(prefix: String) -> String:
	return prefix + reason.replace("-", "_").to_upper()
