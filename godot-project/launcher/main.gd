# SPDX-License-Identifier: MIT
## Opens the window, or runs the command line where there is no display or a command was given.
extends Node

const WINDOW_SCENE: String = "res://ui/shell.tscn"


func _ready() -> void:
	var options: LaunchOptions = LaunchOptions.parse(OS.get_cmdline_user_args())
	var config: LauncherConfig = LauncherConfig.read()
	var settings: LauncherSettings = LauncherSettings.read()
	if DisplayServer.get_name() == "headless" or options.wants_command_line:
		_run_command_line(config, settings)
		return
	config.override_with(options)
	_take_precedence(options, settings)
	var shell: Shell = (load(WINDOW_SCENE) as PackedScene).instantiate()
	add_child(shell)
	shell.start(_make_updater(), config, settings, ActivityLog.read())


func _run_command_line(config: LauncherConfig, settings: LauncherSettings) -> void:
	get_window().mode = Window.MODE_MINIMIZED
	var command_line: CommandLine = CommandLine.new()
	add_child(command_line)
	command_line.start(OS.get_cmdline_user_args(), config, settings)


## What is given on the command line counts for this run, before the player's settings.
func _take_precedence(options: LaunchOptions, settings: LauncherSettings) -> void:
	settings.server_url = "" if options.server_url else settings.server_url
	settings.install_dir = "" if options.install_dir else settings.install_dir


## The engine, or null when its library is missing.
func _make_updater() -> Node:
	if not ClassDB.class_exists(&"VSekaiUpdater"):
		return null
	return ClassDB.instantiate(&"VSekaiUpdater")
