# SPDX-License-Identifier: MIT
## What the engine and the disk have told of the install folder and the connection.
class_name InstallFacts
extends RefCounted

## What lies in the folder, as far as the engine has listed it.
var versions: Array[InstalledVersion] = []
## The engine's update settings by their names, as text; empty before a folder is open.
var preferences: Dictionary[String, String] = {}
## Room on the disk of the folder; -1 if nobody can tell.
var free_bytes: int = -1
## When the server last said what is new, in seconds since 1970; 0 if it has not yet.
var checked_at: int = 0
## What the system says of the connection: `metered`, `unmetered` or `unknown`.
var network: String = "unknown"


func on_versions_listed(list: Array) -> void:
	versions = InstalledVersion.all_from(list)


func on_preferences_changed(values: Dictionary) -> void:
	preferences.clear()
	for name: Variant in values:
		if values[name] is String:
			preferences[str(name)] = values[name]


func on_network_changed(kind: String) -> void:
	network = kind


## When `version` was installed, in seconds since 1970; 0 as long as nobody knows.
func installed_at(version: String) -> int:
	for listed: InstalledVersion in versions:
		if listed.version == version:
			return listed.installed_at
	return 0


## Whether `version` came before `other`: by the times they were installed at, or by their names
## where those are not known.
func is_earlier(version: String, other: String) -> bool:
	var time: int = installed_at(version)
	var other_time: int = installed_at(other)
	if time > 0 and other_time > 0 and time != other_time:
		return time < other_time
	return version.naturalnocasecmp_to(other) < 0


## The version that the install stays at; empty if there is none.
func pinned_version() -> String:
	return Printable.line(preferences.get("pinned", ""))
