# SPDX-License-Identifier: MIT
## One version that lies in the install folder.
class_name InstalledVersion
extends RefCounted

## More are never kept.
const MAX_SHOWN: int = 64

var version: String = ""
## Its folder, by which the engine tells two builds of one version apart; empty if unknown.
var name: String = ""
## It is the one that the game starts from.
var current: bool = false
## Bytes that it takes by itself; what it shares with other versions counts for the newest.
var bytes: int = 0
## Seconds since 1970, 0 if nobody knows.
var installed_at: int = 0
## A game runs from it.
var in_use: bool = false
## The engine went back from it because it did not start.
var given_up: bool = false
var failed_starts: int = 0


## What the engine knows it by.
func id() -> String:
	return name if not name.is_empty() else version


static func from(values: Dictionary) -> InstalledVersion:
	var made: InstalledVersion = InstalledVersion.new()
	made.version = Values.line(values, "version")
	made.name = str(values.get("name", ""))
	made.current = str(values.get("role", "")) == "current"
	made.in_use = Values.flag(values, "in_use")
	# The current version has all of its files to itself as far as a player is concerned.
	var size: String = "installed_bytes" if made.current else "own_bytes"
	made.bytes = Values.count(values, size)
	made.installed_at = Values.time(values, "installed_at")
	made.failed_starts = Values.count(values, "failed_starts")
	made.given_up = not str(values.get("given_up", "")).is_empty()
	return made


## The versions in `list`, the current one first; entries that are none are left out.
static func all_from(list: Array) -> Array[InstalledVersion]:
	var versions: Array[InstalledVersion] = []
	for entry: Variant in list.slice(0, MAX_SHOWN):
		if entry is Dictionary and not str((entry as Dictionary).get("version", "")).is_empty():
			versions.append(from(entry as Dictionary))
	versions.sort_custom(
		func(one: InstalledVersion, other: InstalledVersion) -> bool:
			return one.current and not other.current
	)
	return versions
