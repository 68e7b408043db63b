# SPDX-License-Identifier: MIT
## Why an update that is there is not taken by itself, in words, and the way around it.
class_name UpdateHold
extends RefCounted

## Reasons with sentences of their own.
const REASONS: Array[String] = [
	"pinned",
	"skipped",
	"failed-starts",
	"left-before",
	"manual",
	"metered",
	"quiet-hours",
	"playing",
]
const MAX_MESSAGE: int = 400

var reason: String = ""
## Local time at which it ends by itself, such as "07:00"; empty if it does not.
var until: String = ""
## Failed starts of the version that is offered.
var failed_starts: int = 0
## The version that the install stays at.
var pinned_version: String = ""


## What the engine's settings make of `plan`, or null where it only waits for an ordinary yes.
static func from(decision: Dictionary, plan: UpdatePlan, pinned: String) -> UpdateHold:
	var hold: UpdateHold = UpdateHold.new()
	hold.reason = str(decision.get("reason", ""))
	if str(decision.get("action", "take")) == "take" or not REASONS.has(hold.reason):
		return null
	var time: RegEx = RegEx.create_from_string("\\b\\d\\d:\\d\\d\\b")
	var found: RegExMatch = time.search(str(decision.get("message", "")).left(MAX_MESSAGE))
	hold.until = found.get_string() if found != null else ""
	hold.failed_starts = plan.failed_starts
	hold.pinned_version = pinned
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
	var key: String = "HELD_QUIET" if reason == "quiet-hours" else _key()
	return Message.of(key, [values.get(reason, version)])


## It ends by itself, without a word from the player.
func passes() -> bool:
	return reason == "quiet-hours" and not until.is_empty() or reason == "playing"


func _key() -> String:
	return "HELD_" + reason.replace("-", "_").to_upper()
