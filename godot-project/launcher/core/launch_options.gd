# SPDX-License-Identifier: MIT
## What the launcher was asked to do by the arguments after `--`.
##
## Options and a link alone open the window with these values; a verb, `--help` or `--version` asks
## for the command line.
class_name LaunchOptions
extends RefCounted

const VALUE_OPTIONS: PackedStringArray = ["--server", "--title", "--channel", "--install-dir"]

## The command line is wanted.
var wants_command_line: bool = false
var server_url: String = ""
var title: String = ""
var channel: String = ""
var install_dir: String = ""
## A link that the game is started with, empty if none was given.
var link: String = ""
## First argument that the window does not know, or an option without a value; empty if all is well.
var unknown: String = ""


## Reads `arguments`. Both `--option VALUE` and `--option=VALUE` are taken.
static func parse(arguments: PackedStringArray) -> LaunchOptions:
	var options: LaunchOptions = LaunchOptions.new()
	var position: int = 0
	while position < arguments.size():
		var argument: String = arguments[position]
		var name: String = argument.get_slice("=", 0)
		if LaunchLink.parse(argument):
			options.link = LaunchLink.parse(argument)
			position += 1
			continue
		if not name in VALUE_OPTIONS:
			options.wants_command_line = true
			if argument.begins_with("-"):
				options.unknown = argument
			return options
		if argument.contains("="):
			options._set_value(name, argument.substr(name.length() + 1))
		elif position + 1 < arguments.size():
			position += 1
			options._set_value(name, arguments[position])
		else:
			options.unknown = argument
		position += 1
	return options


func _set_value(name: String, value: String) -> void:
	match name:
		"--server":
			server_url = value
		"--title":
			title = value
		"--channel":
			channel = value
		"--install-dir":
			install_dir = value
