# SPDX-License-Identifier: MIT
## What happened and when: kept as lines of JSON in `user://activity.jsonl`, newest last. Whoever
## adds to it saves it.
class_name ActivityLog
extends RefCounted

const PATH: String = "user://activity.jsonl"
const MAX_ENTRIES: int = 200
## The longest text of a line; no sentence of the launcher or the engine comes near.
const MAX_TEXT: int = 600
## The longest line that is read: every letter of its text may be an escaped one.
const MAX_LINE: int = 2 * MAX_TEXT + 200
## How much of a log is read, from its end: a letter takes four bytes at most. What is more was not
## written by the launcher.
const MAX_BYTES: int = MAX_ENTRIES * (4 * MAX_TEXT + 200)
## Names of accounts that say nothing about a person.
const COMMON_NAMES: PackedStringArray = ["root", "user", "admin", "player", "game"]
## Keys of the lines that tell of something that went wrong.
const PROBLEMS: PackedStringArray = [
	"ACTIVITY_FAILED", "ACTIVITY_DAMAGED", "ACTIVITY_CRASHED", "ACTIVITY_WENT_BACK"
]


## One line of the log.
class Entry:
	extends RefCounted
	## Seconds since 1970.
	var time: int = 0
	var text: String = ""
	## It tells of something that went wrong.
	var is_problem: bool = false


var entries: Array[Entry] = []

var _path: String = PATH


## Reads the end of the log; lines that make no sense are left out.
static func read(path: String = PATH) -> ActivityLog:
	var log: ActivityLog = ActivityLog.new()
	log._path = path
	WholeFile.settle(path)
	var file: FileAccess = FileAccess.open(path, FileAccess.READ)
	if file == null:
		return log
	if file.get_length() > MAX_BYTES:
		file.seek(file.get_length() - MAX_BYTES)
		# That may be in the middle of one.
		file.get_line()
	while not file.eof_reached():
		log._take_line(file.get_line().left(MAX_LINE))
	return log


## Adds a line; one that says the same as the last takes its place.
func add(time: int, text: String, is_problem: bool = false) -> void:
	var entry: Entry = Entry.new()
	entry.time = time
	entry.text = text.left(MAX_TEXT)
	entry.is_problem = is_problem
	# Looks for updates that find nothing would push out all that happened.
	if not entries.is_empty() and entries[-1].text == entry.text:
		entries.pop_back()
	entries.append(entry)
	if entries.size() > MAX_ENTRIES:
		entries.pop_front()


## All lines, or those that tell of a problem, the newest first.
func newest(only_problems: bool) -> Array[Entry]:
	var found: Array[Entry] = []
	for entry: Entry in entries:
		if entry.is_problem or not only_problems:
			found.append(entry)
	found.reverse()
	return found


## Writes the log; one that cannot be written is still shown.
func save() -> void:
	var lines: PackedStringArray = []
	for entry: Entry in entries:
		var line: Dictionary = {"time": entry.time, "text": entry.text}
		if entry.is_problem:
			line["problem"] = true
		lines.append(JSON.stringify(line))
	WholeFile.write(_path, "\n".join(lines) + "\n")


## The whole log as text, without the player's own folders.
func report(header: String) -> String:
	var lines: PackedStringArray = [header, ""]
	for entry: Entry in entries:
		lines.append(
			"%s  %s" % [Time.get_datetime_string_from_unix_time(entry.time, true), entry.text]
		)
	return without_private_paths("\n".join(lines) + "\n")


## Replaces the home folder, and the user's name where it stands as a word of its own.
static func without_private_paths(text: String) -> String:
	var out: String = text
	for variable: String in ["HOME", "USERPROFILE"]:
		var folder: String = OS.get_environment(variable)
		if folder.length() > 1:
			out = out.replace(folder.replace("\\", "/"), "~").replace(folder, "~")
	for variable: String in ["USER", "USERNAME", "LOGNAME"]:
		out = without_name(out, OS.get_environment(variable))
	return out


## `text` with `name` as "(user)". Names of two letters would take half of every sentence along.
static func without_name(text: String, name: String) -> String:
	if name.length() < 3 or name in COMMON_NAMES:
		return text
	var letters: String = RegEx.create_from_string("[^\\w]").sub(name, "\\$0", true)
	return RegEx.create_from_string("(?i)(?<!\\w)%s(?!\\w)" % letters).sub(text, "(user)", true)


func _take_line(words: String) -> void:
	var parser: JSON = JSON.new()
	if words.is_empty() or parser.parse(words) != OK or not parser.data is Dictionary:
		return
	var line: Dictionary = parser.data
	if line.get("text") is String:
		var text: String = Printable.line(line["text"] as String, MAX_TEXT)
		add(Values.time(line, "time"), text, Values.flag(line, "problem"))
