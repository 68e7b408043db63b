# SPDX-License-Identifier: MIT
## Stands in for a `VSekaiUpdater` that keeps preferences and several versions.
extends "res://tests/fake_updater.gd"

signal versions_listed(versions: Array[Dictionary])
signal uninstalled(report: Dictionary)
signal preferences_changed(preferences: Dictionary)

var preferences: Dictionary = {}


func rollback_to(version: String) -> void:
	_begin("rollback_to " + version)


func remove_version(version: String) -> void:
	_begin("remove_version " + version)


func list_versions() -> void:
	_begin("list_versions")


func update_by_settings() -> void:
	_begin("update_by_settings")


func skip_version(version: String, skip: bool) -> void:
	calls.append("skip_version %s %s" % [version, skip])


func pin_version(version: String) -> void:
	calls.append("pin_version " + version)


func unpin_version() -> void:
	calls.append("unpin_version")


func uninstall(_remove_own_files: bool) -> void:
	_begin("uninstall")


func move_to(path: String) -> void:
	_begin("move_to " + path)


func get_preferences() -> Dictionary:
	return preferences


func set_preference(preference: String, value: String) -> void:
	calls.append("set_preference %s %s" % [preference, value])
	preferences[preference] = value
	preferences_changed.emit(preferences)
