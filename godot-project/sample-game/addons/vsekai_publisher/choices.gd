# SPDX-License-Identifier: MIT
## What the developer typed and chose, kept in the editor's notes about the project (below
## `.godot/`): names, addresses and paths, never a secret.
@tool
extends RefCounted

const SECTION: String = "vsekai_publisher"
const KEPT: Array[String] = [
	"title",
	"channel",
	"server_url",
	"keys_folder",
	"token_file",
	"preset",
	"user_paths",
	"minimum_engine",
	"arguments",
]

var title: String = ""
var channel: String = "stable"
var server_url: String = ""
var keys_folder: String = ""
var token_file: String = ""
var preset: String = ""
var user_paths: String = ""
var minimum_engine: String = ""
var arguments: String = ""


func load_kept() -> void:
	var settings: EditorSettings = EditorInterface.get_editor_settings()
	title = name_from(str(ProjectSettings.get_setting("application/config/name", "")))
	for name: String in KEPT:
		set(name, str(settings.get_project_metadata(SECTION, name, get(name))))
	if keys_folder.is_empty():
		keys_folder = OS.get_config_dir().path_join("V-Sekai/keys").path_join(title)


func keep() -> void:
	var settings: EditorSettings = EditorInterface.get_editor_settings()
	for name: String in KEPT:
		settings.set_project_metadata(SECTION, name, get(name))


## Where the local server keeps its data, outside of every project.
func get_local_data() -> String:
	return OS.get_data_dir().path_join("V-Sekai/local-server").path_join(title)


## Where builds are exported to, outside of every project.
func get_builds() -> String:
	return OS.get_cache_dir().path_join("V-Sekai/builds")


## Returns a name for a title: small letters, digits and hyphens.
static func name_from(p_text: String) -> String:
	var name: String = ""
	for character: String in p_text.to_lower():
		var is_plain: bool = (
			character >= "a" and character <= "z" or character >= "0" and character <= "9"
		)
		if is_plain:
			name += character
		elif not name.is_empty() and not name.ends_with("-"):
			name += "-"
	return name.trim_suffix("-")
