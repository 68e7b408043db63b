# SPDX-License-Identifier: MIT
## What this build of the launcher is bound to, read from `launcher.cfg`.
class_name LauncherConfig
extends RefCounted

const PATH: String = "res://launcher.cfg"

var server_url: String = ""
var title: String = ""
var channel: String = ""
var install_dir: String = ""
## The root of trust for signed releases: a file of the launcher's own, or its text; empty if this
## build trusts the first one that its server shows.
var trusted_root: String = ""
var game_name: String = ""
var launcher_name: String = ""
## Address by the translation key of its name, in the order to show them.
var links: Dictionary[String, String] = {}


## Reads the file in the project; an unreadable one gives empty values and an error in the log.
static func read(path: String = PATH) -> LauncherConfig:
	var config: LauncherConfig = LauncherConfig.new()
	var file: ConfigFile = ConfigFile.new()
	var outcome: Error = file.load(path)
	if outcome != OK:
		push_error("cannot read %s: %s" % [path, error_string(outcome)])
	config.server_url = str(file.get_value("update", "server_url", ""))
	config.title = str(file.get_value("update", "title", ""))
	config.channel = str(file.get_value("update", "channel", ""))
	config.install_dir = str(file.get_value("update", "install_dir", ""))
	config.trusted_root = str(file.get_value("update", "trusted_root", ""))
	config.game_name = str(file.get_value("product", "game_name", ""))
	config.launcher_name = str(file.get_value("product", "launcher_name", ""))
	for link: String in ["website", "manual", "community", "source"]:
		var address: String = str(file.get_value("product", link, ""))
		if address.begins_with("https://"):
			config.links["LINK_" + link.to_upper()] = address
	return config


## Lays the values that were given on the command line over those of the file.
func override_with(options: LaunchOptions) -> void:
	server_url = options.server_url if options.server_url else server_url
	title = options.title if options.title else title
	channel = options.channel if options.channel else channel
	install_dir = options.install_dir if options.install_dir else install_dir
