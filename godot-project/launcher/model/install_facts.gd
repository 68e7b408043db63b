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


## The version that the install stays at; empty if there is none.
func pinned_version() -> String:
	return Printable.line(preferences.get("pinned", ""))
