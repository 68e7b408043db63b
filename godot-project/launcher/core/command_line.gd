# SPDX-License-Identifier: MIT
## The launcher as the `vsekai` command line: `LAUNCHER --headless -- update`.
class_name CommandLine
extends Node

## Exit code when the launcher's library is not there.
const EXIT_INCOMPLETE: int = 1

var _cli: RefCounted


## Starts the command line with `arguments`; the program ends with its exit code.
func start(
	arguments: PackedStringArray, config: LauncherConfig, settings: LauncherSettings
) -> void:
	if not ClassDB.class_exists(&"VSekaiCli"):
		push_error("the launcher is incomplete: its library is missing; install it again")
		get_tree().quit(EXIT_INCOMPLETE)
		return
	var folder: String = settings.install_dir if settings.install_dir else config.install_dir
	_set_default("VSEKAI_SERVER", settings.server_url if settings.server_url else config.server_url)
	_set_default("VSEKAI_INSTALL_DIR", folder)
	_cli = ClassDB.instantiate(&"VSekaiCli")
	if named_title(arguments) in ["", config.title]:
		# Another title has a root of its own.
		_cli.set("trusted_root", config.trusted_root)
	_cli.call("run", with_title(arguments, config.title))


## The title that `arguments` ask for; empty if they ask for none. What follows `--` is the game's.
static func named_title(arguments: PackedStringArray) -> String:
	for at: int in arguments.size():
		if arguments[at] == "--":
			break
		if arguments[at].begins_with("--title="):
			return arguments[at].trim_prefix("--title=")
		if arguments[at] == "--title" and at + 1 < arguments.size():
			return arguments[at + 1]
	return ""


## `arguments` with the title of this build, unless another one is asked for.
static func with_title(arguments: PackedStringArray, title: String) -> PackedStringArray:
	if not named_title(arguments).is_empty():
		return arguments
	var complete: PackedStringArray = arguments.duplicate()
	if not title.is_empty() and not arguments.is_empty():
		complete.insert(0, "--title=" + title)
	return complete


func _process(_delta: float) -> void:
	if _cli == null:
		return
	var code: int = _cli.call("poll")
	if code >= 0:
		_cli = null
		get_tree().quit(code)


## The command line reads these where no option is given.
func _set_default(variable: String, value: String) -> void:
	if not value.is_empty() and OS.get_environment(variable).is_empty():
		OS.set_environment(variable, value)
