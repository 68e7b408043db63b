# SPDX-License-Identifier: MIT
## What the launcher was asked to do by the arguments after `--`.
##
## Options and a link alone open the window with these values; a verb, `--help` or `--version` asks
## for the command line.
class_name LaunchOptions
extends RefCounted

## Options with a value, and where it is kept.
const VALUE_OPTIONS: Dictionary[String, StringName] = {
	"--server": &"server_url",
	"--title": &"title",
	"--channel": &"channel",
	"--install-dir": &"install_dir",
}

## The command line is wanted.
var wants_command_line: bool = false
var server_url: String = ""
var title: String = ""
var channel: String = ""
var install_dir: String = ""
## A link that the game is started with, empty if none was given.
var link: String = ""


## Reads `arguments`. Both `--option VALUE` and `--option=VALUE` are taken. What is neither option
## nor link is left to the command line, which knows what to say of it.
static func parse(arguments: PackedStringArray) -> LaunchOptions:
	var options: LaunchOptions = LaunchOptions.new()
	var left: Array = Array(arguments)
	while not left.is_empty():
		var argument: String = left.pop_front()
		var name: String = argument.get_slice("=", 0)
		var given_link: String = LaunchLink.parse(argument)
		if given_link:
			options.link = given_link
		elif VALUE_OPTIONS.has(name) and argument.contains("="):
			options.set(VALUE_OPTIONS[name], argument.substr(name.length() + 1))
		elif VALUE_OPTIONS.has(name) and not left.is_empty():
			options.set(VALUE_OPTIONS[name], left.pop_front())
		else:
			options.wants_command_line = true
			break
	return options
