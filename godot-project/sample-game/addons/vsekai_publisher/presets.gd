# SPDX-License-Identifier: MIT
## The export presets of a project that releases can be made of.
@tool
extends RefCounted

const FILE: String = "res://export_presets.cfg"


## Returns dictionaries with `name`, `platform` (as releases call it) and `program_file`.
static func read(p_file: String, p_title: String) -> Array[Dictionary]:
	var config: ConfigFile = ConfigFile.new()
	var found: Array[Dictionary] = []
	if config.load(p_file) != OK:
		return found
	var number: int = 0
	while config.has_section("preset.%d" % number):
		var section: String = "preset.%d" % number
		var system: String = str(config.get_value(section, "platform", ""))
		var machine: String = str(
			config.get_value(section + ".options", "binary_format/architecture", "")
		)
		var platform: String = _platform(system, machine)
		if not platform.is_empty():
			(
				found
				. append(
					{
						"name": str(config.get_value(section, "name", "")),
						"platform": platform,
						"program_file": p_title + _ending(platform),
					}
				)
			)
		number += 1
	return found


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


static func _ending(p_platform: String) -> String:
	if p_platform.begins_with("windows"):
		return ".exe"
	return ".app" if p_platform.begins_with("macos") else ""
