# SPDX-License-Identifier: MIT
## The stand-in for the engine is like the engine, so that what the tests of the window show holds.
extends "res://tests/test_case.gd"

const FakeUpdater: GDScript = preload("res://tests/fake_updater.gd")
const ENGINE: StringName = &"VSekaiUpdater"
## What only the stand-in has.
const OWN: PackedStringArray = ["finish", "give_token"]


func test_the_stand_in_has_the_methods_of_the_engine() -> void:
	# `cargo xtask test` runs these tests with the library, a look from the source tree may be without.
	if not ClassDB.class_exists(ENGINE):
		return
	var engine: Dictionary[String, int] = _arguments(ClassDB.class_get_method_list(ENGINE, true))
	for method: Dictionary in FakeUpdater.get_script_method_list():
		var name: String = method["name"]
		if name.begins_with("_") or name.begins_with("@") or name in OWN:
			continue
		check(engine.has(name), "the engine has no %s" % name)
		equal(engine.get(name, -1), (method["args"] as Array).size(), name)


func test_the_stand_in_has_the_signals_and_properties_of_the_engine() -> void:
	if not ClassDB.class_exists(ENGINE):
		return
	var engine: Dictionary[String, int] = _arguments(ClassDB.class_get_signal_list(ENGINE, true))
	var ours: Dictionary[String, int] = _arguments(FakeUpdater.get_script_signal_list())
	equal(ours, engine)
	for property: String in [
		"server_url", "title", "channel", "install_path", "trusted_root", "allow_http"
	]:
		var names: Array = ClassDB.class_get_property_list(ENGINE, true).map(
			func(entry: Dictionary) -> String: return entry["name"]
		)
		check(names.has(property), "the engine has no %s" % property)


## The number of arguments of each, by name, in the order of the names.
func _arguments(list: Array[Dictionary]) -> Dictionary[String, int]:
	var found: Dictionary[String, int] = {}
	for entry: Dictionary in list:
		found[str(entry["name"])] = (entry["args"] as Array).size()
	found.sort()
	return found
