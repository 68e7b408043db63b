# SPDX-License-Identifier: MIT
## The export presets of a project that releases can be made of.
@tool
extends RefCounted

const FILE: String = "res://export_presets.cfg"


## Returns dictionaries with `name` and `platform` (as releases call it).
static func read(p_file: String) -> Array[Dictionary]:
	var config: ConfigFile = ConfigFile.new()
	var found: Array[Dictionary] = []
	if config.load(p_file) != OK:
		return found
	var number: int = 0
	while config.has_section("preset.%d" % number):
		var section: String = "preset.%d" % number
		var system: String = str(config.get_value(section, "platform", ""))
		var options: String = section + ".options"
		var machine: String = str(config.get_value(options, "binary_format/architecture", ""))
		var platform: String = _platform(system, machine)
		if not platform.is_empty():
			var name: String = str(config.get_value(section, "name", ""))
			found.append({"name": name, "platform": platform})
		number += 1
	return found


## Returns the name of a title's program in a build.
static func program_file(p_title: String, p_platform: String) -> String:
	if p_platform.begins_with("windows"):
		return p_title + ".exe"
	return p_title + (".app" if p_platform.begins_with("macos") else "")


static func _platform(p_system: String, p_machine: String) -> String:
	match [p_system, p_machine]:
		["Linux", "x86_64"]:
			return "linux-x86_64"
		["Linux", "arm64"]:
			return "linux-arm64"
		["Windows Desktop", "x86_64"]:
			return "windows-x86_64"
		["macOS", _]:
			return "macos-universal"
	return ""
