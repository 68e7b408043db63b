# SPDX-License-Identifier: MIT
## Stands in for a `VSekaiUpdater` that keeps preferences and several versions.
extends "res://tests/fake_updater.gd"

signal versions_listed(versions: Array[Dictionary])
signal preferences_changed(preferences: Dictionary)

var preferences: Dictionary = {}


func rollback_to(version: String) -> void:
	_begin("rollback_to " + version)


func remove_version(version: String) -> void:
	_begin("remove_version " + version)


func skip_version(version: String) -> void:
	_begin("skip_version " + version)


func unskip_version(version: String) -> void:
	_begin("unskip_version " + version)


func pin_version(version: String) -> void:
	_begin("pin_version " + version)


func unpin_version() -> void:
	_begin("unpin_version")


func uninstall(_remove_own_files: bool) -> void:
	_begin("uninstall")


func move_to(path: String) -> void:
	_begin("move_to " + path)


func get_preferences() -> Dictionary:
	return preferences


func set_preference(preference: String, value: String) -> bool:
	calls.append("set_preference %s %s" % [preference, value])
	preferences[preference] = value
	return true
