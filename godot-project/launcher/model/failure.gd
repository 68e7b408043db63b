# SPDX-License-Identifier: MIT
## Something that went wrong: one sentence, the next step, and details for those who want them.
class_name Failure
extends RefCounted

## Codes with sentences of their own.
const KNOWN_CODES: Array[String] = [
	"offline",
	"server",
	"refused",
	"private",
	"token-refused",
	"not-found",
	"damaged",
	"damaged-download",
	"damaged-record",
	"damaged-version",
	"disk-full",
	"locked",
	"permission",
	"disk",
	"wrong-platform",
	"bad-release",
	"launcher-too-old",
	"no-previous",
	"launch",
	"library-missing",
	"untrusted",
	"expired",
	"rolled-back",
	"clock",
	"trust-state",
	"not-installed",
	"game-running",
	"invalid-input",
]
## Nothing of the install is in doubt: what is there can be played.
const HARMLESS_CODES: Array[String] = [
	"offline",
	"server",
	"refused",
	"private",
	"token-refused",
	"not-found",
	"untrusted",
	"expired",
	"rolled-back",
	"clock",
	"trust-state",
	"launcher-too-old",
	"damaged-download",
	"damaged-record",
	"damaged-version",
	"bad-release",
	"wrong-platform",
]

const MAX_SENTENCE: int = 600
const MAX_DETAIL: int = 8000
const MAX_DETAIL_LINES: int = 60

var code: String = ""
## It is the start of the game that did not work.
var stops_the_game: bool = false

var _repair_helps: bool = false
var _message: String = ""
var _hint: String = ""
var _detail: String = ""


## Damage that no repair mends is not of the installed files: it came from the server, and trying
## again may help, or it is of the launcher's own records. `with_token` tells a read token that the
## server does not take from none at all.
static func from(values: Dictionary, with_token: bool = false) -> Failure:
	var failure: Failure = Failure.new()
	failure.code = Printable.line(str(values.get("code", "internal")), 40)
	failure._repair_helps = Values.flag(values, "repair")
	if failure.code == "damaged" and not failure._repair_helps:
		var may_pass: bool = Values.flag(values, "retry", true)
		failure.code = "damaged-download" if may_pass else "damaged-record"
	if failure.code == "private" and with_token:
		failure.code = "token-refused"
	failure._message = Printable.line(str(values.get("message", "")), MAX_SENTENCE)
	failure._hint = Printable.line(str(values.get("hint", "")), MAX_SENTENCE)
	failure._detail = _cut(str(values.get("detail", "")))
	return failure


## What happened, in one sentence.
func sentence() -> Message:
	if KNOWN_CODES.has(code):
		return Message.of(_key("ERROR_"))
	return Message.of("ERROR_INTERNAL")


## What to do next; where only the engine knows what is wrong, its own sentence.
func next_step() -> Message:
	if KNOWN_CODES.has(code) and code != "invalid-input":
		return Message.of(_key("NEXT_"))
	if _message.is_empty():
		return Message.of("NEXT_INTERNAL")
	var starts_with_a_name: bool = _message.get_slice(" ", 0).contains(":")
	var first: String = _message.left(1) if starts_with_a_name else _message.left(1).to_upper()
	return Message.plain(first + _message.substr(1) + ".")


## The engine's own words, not translated, for a report.
func details() -> String:
	var lines: PackedStringArray = [code]
	for line: String in [_message, _hint, _detail]:
		if line and not lines.has(line):
			lines.append(line)
	return "\n".join(lines)


## The server could not be reached, so what is installed is all there is for now.
func is_about_reaching_the_server() -> bool:
	return code in ["offline", "server"]


func wants_repair() -> bool:
	return _repair_helps or code == "launch"


## What is installed is sound, so playing is the first thing to offer.
func leaves_the_game_alone() -> bool:
	return HARMLESS_CODES.has(code) and not stops_the_game


func wants_newer_launcher() -> bool:
	return code in ["launcher-too-old", "library-missing"]


## The server wants a read token, or another one.
func wants_token() -> bool:
	return code in ["private", "token-refused"]


## Another version in the folder cannot be used, which no repair of the current one mends.
func is_about_another_version() -> bool:
	return code == "damaged-version"


func is_about_space() -> bool:
	return code == "disk-full"


## The action that shows the settings which may help: another address, channel or folder; empty if
## none do.
func settings_action() -> String:
	if code in ["offline", "not-found"]:
		return "settings_network"
	if wants_token():
		return "settings_updates"
	var is_about_the_place: bool = code in ["disk-full", "permission", "disk", "damaged-record"]
	return "settings_place" if is_about_the_place else ""


## A wall of letters takes a label minutes to lay out, so there are only so many, in lines.
static func _cut(detail: String) -> String:
	var lines: PackedStringArray = []
	for words: String in detail.left(MAX_DETAIL).split("\n"):
		lines.append(Printable.line(words, MAX_SENTENCE))
	return "\n".join(lines.slice(0, MAX_DETAIL_LINES))


func _key(prefix: String) -> String:
	return prefix + code.replace("-", "_").to_upper()
