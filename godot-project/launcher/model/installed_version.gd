# SPDX-License-Identifier: MIT
## One version that lies in the install folder.
class_name InstalledVersion
extends RefCounted

## More are never kept.
const MAX_SHOWN: int = 64

var version: String = ""
## It is the one that the game starts from.
var current: bool = false
## Bytes that it takes by itself; what it shares with other versions counts for the newest.
var bytes: int = 0
## Seconds since 1970, 0 if nobody knows.
var installed_at: int = 0
## Updates stop at it.
var pinned: bool = false
## A game runs from it.
var in_use: bool = false
## Why the install went back from it: `player`, `failed-starts`, or empty.
var left: String = ""
var failed_starts: int = 0


static func from(values: Dictionary) -> InstalledVersion:
	var made: InstalledVersion = InstalledVersion.new()
	made.version = Printable.line(str(values.get("version", "")))
	made.left = Printable.line(str(values.get("left", "")))
	for field: String in ["current", "pinned", "in_use"]:
		made.set(field, bool(values.get(field, false)))
	for field: String in ["bytes", "installed_at", "failed_starts"]:
		made.set(field, maxi(int(values.get(field, 0)), 0))
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
