# SPDX-License-Identifier: MIT
## The launcher's entries in a Linux desktop: started with the session, and asked for links of the
## game. On other systems the installer makes them (docs/launcher.md).
class_name DesktopEntries
extends RefCounted

const FILE: String = "org.vsekai.launcher.desktop"

## The exported program; empty in development, where there is nothing to enter.
static var program: String = ""
static var autostart_folder: String = OS.get_config_dir().path_join("autostart")
static var applications_folder: String = OS.get_data_dir().path_join("applications")


## Takes the program's path, before an update of the launcher can move it away.
static func remember_program() -> void:
	if OS.has_feature("template"):
		program = OS.get_executable_path()


static func are_used_here() -> bool:
	return OS.get_name() == "Linux" and not program.is_empty()


static func starts_with_system() -> bool:
	return FileAccess.file_exists(autostart_folder.path_join(FILE))


static func opens_links() -> bool:
	return FileAccess.file_exists(applications_folder.path_join(FILE))


## Adds or removes the entry that starts the launcher with the session.
static func start_with_system(wanted: bool, name: String) -> Error:
	return _set_entry(autostart_folder, autostart_text(name, program) if wanted else "")


## Adds or removes the entry that gives the launcher the game's links.
static func open_links(wanted: bool, name: String) -> Error:
	var outcome: Error = _set_entry(
		applications_folder, links_text(name, program) if wanted else ""
	)
	if outcome == OK:
		# Neither tool is everywhere; without them the desktop finds the entry at the next log-in.
		OS.create_process("update-desktop-database", [applications_folder])
		for scheme: String in LaunchLink.SCHEMES if wanted else PackedStringArray():
			OS.create_process("xdg-mime", ["default", FILE, "x-scheme-handler/" + scheme])
	return outcome


static func autostart_text(name: String, path: String) -> String:
	return _entry(name, quoted(path), "X-GNOME-Autostart-enabled=true\n")


static func links_text(name: String, path: String) -> String:
	var types: String = ""
	for scheme: String in LaunchLink.SCHEMES:
		types += "x-scheme-handler/%s;" % scheme
	return _entry(name, quoted(path) + " -- %u", "Categories=Game;\nMimeType=%s\n" % types)


## `path` as one argument of a desktop entry: quoted, and escaped once more as a value.
static func quoted(path: String) -> String:
	var argument: String = path.replace("\\", "\\\\").replace('"', '\\"')
	argument = argument.replace("`", "\\`").replace("$", "\\$")
	return '"%s"' % argument.replace("\\", "\\\\").replace("%", "%%")


static func _entry(name: String, command: String, more: String) -> String:
	return (
		"[Desktop Entry]\nType=Application\nVersion=1.5\nName=%s\nExec=%s\nTerminal=false\n%s"
		% [Printable.line(name), command, more]
	)


static func _set_entry(folder: String, text: String) -> Error:
	var path: String = folder.path_join(FILE)
	if text.is_empty():
		return DirAccess.remove_absolute(path) if FileAccess.file_exists(path) else OK
	var outcome: Error = DirAccess.make_dir_recursive_absolute(folder)
	return WholeFile.write(path, text) if outcome == OK else outcome
