# SPDX-License-Identifier: MIT
## What the engine has listed of the install folder, and what this engine can do beyond the least.
class_name InstallFacts
extends RefCounted

## What lies in the folder, as far as the engine has listed it.
var versions: Array[InstalledVersion] = []
## The engine's update settings by their names, as text; empty if it has none.
var preferences: Dictionary[String, String] = {}
## Room on the disk of the folder; -1 if nobody can tell.
var free_bytes: int = -1
## The engine decides by its settings whether an update is taken.
var decides: bool = false
var can_skip: bool = false
var can_pin: bool = false
var can_remove: bool = false
var can_choose_version: bool = false


func on_versions_listed(list: Array) -> void:
	versions = InstalledVersion.all_from(list)


func on_preferences_changed(values: Dictionary) -> void:
	preferences.clear()
	for name: Variant in values:
		if values[name] is String:
			preferences[str(name)] = values[name]


## The version that the install stays at; empty if there is none.
func pinned_version() -> String:
	return Printable.line(preferences.get("pinned", ""))
