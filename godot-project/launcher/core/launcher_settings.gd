# SPDX-License-Identifier: MIT
## The player's settings, kept in `user://settings.cfg`.
##
## A save goes to a temporary file that then takes the place of the old one, so that a crash leaves
## the old or the new settings. A file that cannot be read is set aside, never overwritten.
class_name LauncherSettings
extends RefCounted

const PATH: String = "user://settings.cfg"
const THEMES: PackedStringArray = ["system", "light", "dark"]
const MOTIONS: PackedStringArray = ["system", "full", "reduced"]
const LANGUAGES: PackedStringArray = ["", "en", "es", "ja"]
const AFTER_START: PackedStringArray = ["stay", "close"]
const TEXT_SCALES: PackedInt32Array = [100, 115, 130, 150]

## Empty means the build's own value.
var server_url: String = ""
## The player agreed to `server_url` being without encryption.
var allow_http: bool = false
var install_dir: String = ""
## Empty means the system's language.
var language: String = ""
var theme: String = "system"
var motion: String = "system"
## In percent.
var text_scale: int = 100
## What the launcher does once the game runs.
var after_start: String = "stay"
## Where the window was; without a size if nobody knows.
var window_rect: Rect2i = Rect2i()
var window_maximised: bool = false

var _path: String = PATH


## Reads the settings; what is missing or makes no sense keeps its default.
static func read(path: String = PATH) -> LauncherSettings:
	var settings: LauncherSettings = LauncherSettings.new()
	settings._path = path
	WholeFile.settle(path)
	if not FileAccess.file_exists(path):
		return settings
	var file: ConfigFile = ConfigFile.new()
	if file.load(path) != OK:
		push_warning("the settings cannot be read and are set aside as %s.broken" % path)
		DirAccess.rename_absolute(path, path + ".broken")
		return settings
	settings._take(file)
	return settings


## Writes the settings and returns what went wrong, or OK.
func save() -> Error:
	var file: ConfigFile = ConfigFile.new()
	file.set_value("update", "server_url", server_url)
	file.set_value("update", "allow_http", allow_http)
	file.set_value("update", "install_dir", install_dir)
	file.set_value("window", "language", language)
	file.set_value("window", "theme", theme)
	file.set_value("window", "motion", motion)
	file.set_value("window", "text_scale", text_scale)
	file.set_value("window", "after_start", after_start)
	file.set_value("window", "rect", window_rect)
	file.set_value("window", "maximised", window_maximised)
	return WholeFile.write(_path, file.encode_to_text())


func _take(file: ConfigFile) -> void:
	server_url = _text(file, "update", "server_url", [])
	allow_http = _flag(file, "update", "allow_http")
	install_dir = _text(file, "update", "install_dir", [])
	language = _text(file, "window", "language", LANGUAGES)
	theme = _text(file, "window", "theme", THEMES, theme)
	motion = _text(file, "window", "motion", MOTIONS, motion)
	text_scale = _number(file, "window", "text_scale", TEXT_SCALES, text_scale)
	after_start = _text(file, "window", "after_start", AFTER_START, after_start)
	var rect: Variant = file.get_value("window", "rect", Rect2i())
	window_rect = rect if rect is Rect2i else Rect2i()
	window_maximised = _flag(file, "window", "maximised")


func _text(
	file: ConfigFile,
	section: String,
	key: String,
	allowed: PackedStringArray,
	standard: String = ""
) -> String:
	var value: Variant = file.get_value(section, key, standard)
	if value is String and (allowed.is_empty() or allowed.has(value as String)):
		return value
	return standard


func _flag(file: ConfigFile, section: String, key: String) -> bool:
	var value: Variant = file.get_value(section, key, false)
	return value is bool and value


func _number(
	file: ConfigFile, section: String, key: String, allowed: PackedInt32Array, standard: int
) -> int:
	var value: Variant = file.get_value(section, key, standard)
	return value if value is int and allowed.has(value as int) else standard
