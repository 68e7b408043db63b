# SPDX-License-Identifier: MIT
## Opens the window, or runs the command line where there is no display or a command was given.
extends Node

## Nothing in it is named by its class here, which would load its scripts before the first frame.
const WINDOW_SCENE: String = "res://ui/shell.tscn"
const HOME_SCENE: String = "res://ui/home_page.tscn"
## Pause between frames until the window is there.
const OPENING_USEC: int = 2000
## How long a second start waits for the first to hear it.
const CALL_SECONDS: float = 5.0
const CALL_STEP_SECONDS: float = 0.1
const EXIT_NOT_HEARD: int = 1
const EXIT_INCOMPLETE: int = 1

## The player closed the window before all of it was there.
var _is_closed: bool = false


func _ready() -> void:
	var options: LaunchOptions = LaunchOptions.parse(OS.get_cmdline_user_args())
	var config: LauncherConfig = LauncherConfig.read()
	var settings: LauncherSettings = LauncherSettings.read()
	if DisplayServer.get_name() == "headless" or options.wants_command_line:
		_run_command_line(config, settings)
		return
	config.override_with(options)
	_take_precedence(options, settings)
	DesktopEntries.remember_program()
	var instance: SingleInstance = SingleInstance.new()
	add_child(instance)
	var folder: String = settings.install_dir if settings.install_dir else config.install_dir
	if instance.is_first("%s %s" % [config.title, folder]):
		_open_window(options, config, settings, instance)
	else:
		_call_the_first(instance, options.link)


func _open_window(
	options: LaunchOptions,
	config: LauncherConfig,
	settings: LauncherSettings,
	instance: SingleInstance
) -> void:
	WindowFit.fit(get_window(), true, settings.window_rect)
	if settings.window_maximised:
		get_window().mode = Window.MODE_MAXIMIZED
	var first_frame: FirstFrame = FirstFrame.new(Palette.chosen(settings.theme))
	add_child(first_frame)
	OS.low_processor_usage_mode_sleep_usec = OPENING_USEC
	var loading: LateLoading = LateLoading.new()
	add_child(loading)
	loading.begin([WINDOW_SCENE, HOME_SCENE])
	await loading.finished
	if _is_closed:
		get_tree().quit(0)
		return
	# The engine's own words on what could not be loaded are on the console, where no player looks.
	if not (ResourceLoader.has_cached(WINDOW_SCENE) and ResourceLoader.has_cached(HOME_SCENE)):
		_give_up(config, settings)
		return
	var shell: Control = (load(WINDOW_SCENE) as PackedScene).instantiate()
	add_child(shell)
	shell.call("start", _make_updater(), config, settings)
	first_frame.queue_free()
	instance.called.connect(Callable(shell, "on_called"))
	instance.listen()
	if options.link:
		shell.call("open_link", options.link)


func _notification(what: int) -> void:
	if what == NOTIFICATION_WM_CLOSE_REQUEST:
		_is_closed = true


## Says that parts of the launcher are missing or damaged, and ends: no window is there to say it.
func _give_up(config: LauncherConfig, settings: LauncherSettings) -> void:
	if settings.language:
		TranslationServer.set_locale(settings.language)
	OS.alert(
		"%s.\n%s" % [tr("ERROR_LIBRARY_MISSING"), tr("NEXT_LIBRARY_MISSING")], config.launcher_name
	)
	get_tree().quit(EXIT_INCOMPLETE)


## Ends once the launcher that is open has heard. One that does not answer is left alone.
func _call_the_first(instance: SingleInstance, link: String) -> void:
	get_window().mode = Window.MODE_MINIMIZED
	var left: String = instance.leave_call(link, Time.get_unix_time_from_system())
	var patience: float = CALL_SECONDS
	while not left.is_empty() and FileAccess.file_exists(left) and patience > 0.0:
		patience -= CALL_STEP_SECONDS
		await get_tree().create_timer(CALL_STEP_SECONDS).timeout
	if left.is_empty() or FileAccess.file_exists(left):
		push_error("another launcher is open for this game, but it does not answer")
		get_tree().quit(EXIT_NOT_HEARD)
	else:
		get_tree().quit(0)


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
