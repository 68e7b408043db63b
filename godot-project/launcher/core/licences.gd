# SPDX-License-Identifier: MIT
## The notices of everything that is shipped in the launcher, as plain text.
class_name Licences
extends RefCounted

const FONT_LICENCES: Dictionary[String, String] = {
	"Roboto Mono": "res://fonts/LICENSE.roboto-mono.txt",
	"Zen Kaku Gothic New": "res://fonts/LICENSE.zen-kaku-gothic-new.txt",
}
## Written by the build from the lock file of the launcher's library; absent in development.
const LIBRARY_LICENCES: String = "res://bin/LICENSES.txt"
const OWN: String = """V-Sekai Launcher
MIT licence, copyright V-Sekai contributors.

The three-node mark
MIT licence, copyright V-Sekai Contributors, Lyuma & MMMaellon,
SaracenOne & K. S. Ernest (Fire) Lee.
https://github.com/V-Sekai/v-sekai-game

godot-rust (crate "godot")
Mozilla Public License 2.0. Source: https://github.com/godot-rust/gdext
"""


static func text() -> String:
	var parts: PackedStringArray = [OWN]
	if FileAccess.file_exists(LIBRARY_LICENCES):
		parts.append(FileAccess.get_file_as_string(LIBRARY_LICENCES))
	for font: String in FONT_LICENCES:
		parts.append(font + "\n" + FileAccess.get_file_as_string(FONT_LICENCES[font]))
	parts.append("Godot Engine\n" + Engine.get_license_text())
	parts.append(_third_parties())
	var licences: Dictionary = Engine.get_license_info()
	for name: String in licences:
		parts.append("%s\n\n%s" % [name, licences[name]])
	return "\n\n".join(parts)


static func _third_parties() -> String:
	var lines: PackedStringArray = ["In Godot Engine:"]
	for component: Dictionary in Engine.get_copyright_info():
		var owners: PackedStringArray = []
		var licences: PackedStringArray = []
		for part: Dictionary in component["parts"]:
			owners.append_array(part["copyright"] as PackedStringArray)
			if not licences.has(str(part["license"])):
				licences.append(str(part["license"]))
		lines.append("- %s (%s): %s" % [component["name"], ", ".join(licences), "; ".join(owners)])
	return "\n".join(lines)
