# SPDX-License-Identifier: MIT
## The native library of the plugin, loaded when the dock opens. Godot does not know of it before:
## it is in no list of extensions that an exported game would follow.
@tool
extends RefCounted

const Language = preload("language.gd")

const CLASS: StringName = &"VSekaiPublisher"
const FOLDER: String = "res://addons/vsekai_publisher/bin/"
const DESCRIPTION: String = FOLDER + "vsekai_publisher.gdextension"
const LIBRARIES: Dictionary[String, String] = {
	"Linux x86_64": "linux/libvsekai_godot_editor.so",
	"Linux arm64": "linux-arm64/libvsekai_godot_editor.so",
	"Windows x86_64": "windows/vsekai_godot_editor.dll",
	"macOS": "macos/libvsekai_godot_editor.dylib",
}


## Returns what is wrong, in words for the developer, or nothing once the class is there.
static func load_if_needed() -> String:
	if ClassDB.class_exists(CLASS):
		return ""
	var library: String = FOLDER + LIBRARIES.get(_machine(), "")
	if library == FOLDER:
		return Language.say("V-Sekai Publisher has no library for {0}.").format([_machine()])
	if not FileAccess.file_exists(library) or not FileAccess.file_exists(DESCRIPTION):
		return "%s %s" % [Language.say("The library {0} is missing.").format([library]), _way()]
	var status: GDExtensionManager.LoadStatus = GDExtensionManager.load_extension(DESCRIPTION)
	if status != GDExtensionManager.LOAD_STATUS_OK or not ClassDB.class_exists(CLASS):
		return Language.say("Godot cannot load {0}; its output says why.").format([library])
	return ""


static func get_command() -> String:
	return 'cargo xtask addon publisher --project "%s"' % ProjectSettings.globalize_path("res://")


static func _way() -> String:
	return (
		Language
		. say(
			"Get it with this command in the sources of V-Sekai Launcher, then switch the plugin on again."
		)
	)


static func _machine() -> String:
	if OS.get_name() == "macOS":
		return "macOS"
	return "%s %s" % [OS.get_name(), Engine.get_architecture_name()]
