# SPDX-License-Identifier: MIT
## The window: rail, pages and the mark behind them. Holds no state of the update.
class_name Shell
extends Control

const PAGES: Array[String] = ["home", "library", "activity", "settings", "about"]
const PAGE_SCENE: String = "res://ui/%s_page.tscn"
const MARK: String = "res://branding/mark.svg"
const MAX_PAGE_WIDTH: float = 780.0
## How long a game has to run before a launcher that closes after the start does so.
const FAREWELL_SECONDS: float = 40.0
## Pause between frames while the window is in front, and while it is not.
const AWAKE_USEC: int = 16000
const ASLEEP_USEC: int = 60000

var _session: LauncherSession = LauncherSession.new()
var _settings: LauncherSettings
var _page: String = "home"
var _compact: bool = false
var _pointer_used: bool = true
var _closing: bool = false
var _farewell: Timer = Timer.new()
var _late: LateLoading = LateLoading.new()
## The pages that were made so far.
var _page_nodes: Dictionary[String, LauncherPage] = {}

@onready var _row: Control = $Row
@onready var _rail: Control = %Rail
@onready var _badge: TextureRect = %Badge
@onready var _name_label: Label = %NameLabel
@onready var _channel_label: Label = %ChannelLabel
@onready var _version_label: Label = %VersionLabel
@onready var _mark: TurningMark = %TurningMark
@onready var _stage: Control = %Stage
@onready var _page_margin: MarginContainer = %PageMargin
@onready var _question: Question = %Question
@onready var _page_buttons: Dictionary[String, Button] = {
	"home": %HomeButton,
	"library": %LibraryButton,
	"activity": %ActivityButton,
	"settings": %SettingsButton,
	"about": %AboutButton,
}


func _enter_tree() -> void:
	ShownToReaders.follow(self)


func _ready() -> void:
	for name: String in PAGES:
		_page_buttons[name].pressed.connect(show_page.bind(name))
	resized.connect(_fit_layout)
	_stage.resized.connect(_fit_layout)
	_farewell.one_shot = true
	_farewell.timeout.connect(_close)
	add_child(_farewell)
	_late.loaded.connect(_on_loaded)
	add_child(_late)
	PageKeys.register()


## Shows the window's content and starts the first check. `updater` may be null; without a `log`
## it is the player's.
func start(
	updater: Node, config: LauncherConfig, settings: LauncherSettings, log: ActivityLog = null
) -> void:
	OS.low_processor_usage_mode_sleep_usec = AWAKE_USEC
	_settings = settings
	log = log if log != null else ActivityLog.read()
	_session.setup(updater, config, settings, log)
	_session.changed.connect(_show_state)
	_session.page_wanted.connect(_on_page_wanted)
	_session.appearance_changed.connect(_apply_appearance)
	_session.game_started.connect(_on_game_started)
	_session.game_exited.connect(_on_game_exited)
	add_child(_session)
	get_window().title = config.launcher_name
	_name_label.text = config.game_name
	_apply_appearance()
	get_window().dpi_changed.connect(func() -> void: WindowFit.fit(get_window(), false))
	_fit_layout()
	show_page("home")
	_session.open()
	_late.begin(_late_paths())


## Everything that the first frame could do without is there too.
func is_complete() -> bool:
	return _late.is_done()


## One of `PAGES`, which is made when it is first asked for.
func page(name: String) -> LauncherPage:
	if not _page_nodes.has(name):
		_page_nodes[name] = _make_page(name)
	return _page_nodes[name]


func session() -> LauncherSession:
	return _session


## A second start of the launcher, or a link from a browser: comes to the front and passes it on.
func on_called(link: String) -> void:
	var window: Window = get_window()
	if window.mode == Window.MODE_MINIMIZED:
		window.mode = Window.MODE_WINDOWED
	window.grab_focus()
	window.request_attention()
	if link:
		show_page("home")
		open_link(link)


## Hands a link on to the game.
func open_link(link: String) -> void:
	_session.open_link(link)


## Shows one of `PAGES` and moves the focus to what matters most there.
func show_page(name: String) -> void:
	_page = name
	page(name).show()
	for other: String in PAGES:
		if other != name and _page_nodes.has(other):
			_page_nodes[other].hide()
		_page_buttons[other].set_pressed_no_signal(other == name)
	_mark.modulate.a = 1.0 if name == "home" else 0.55
	_focus_first()


func _input(event: InputEvent) -> void:
	if event is InputEventMouse:
		_pointer_used = true
	elif _pointer_used and (event is InputEventKey or event is InputEventJoypadButton):
		_pointer_used = false
		_show_focus()


func _unhandled_input(event: InputEvent) -> void:
	if _question.visible:
		return
	if event.is_action_pressed(&"ui_cancel") and _page != "home":
		show_page("home")
	elif event.is_action_pressed(PageKeys.NEXT):
		_step_page(1)
	elif event.is_action_pressed(PageKeys.PREVIOUS):
		_step_page(-1)


func _notification(what: int) -> void:
	if what == NOTIFICATION_WM_CLOSE_REQUEST:
		_close()
	elif what == NOTIFICATION_WM_WINDOW_FOCUS_IN:
		OS.low_processor_usage_mode_sleep_usec = AWAKE_USEC
	elif what == NOTIFICATION_WM_WINDOW_FOCUS_OUT:
		OS.low_processor_usage_mode_sleep_usec = ASLEEP_USEC
	elif what == NOTIFICATION_TRANSLATION_CHANGED and is_node_ready():
		_session.refresh()


func _on_page_wanted(name: String, section: String) -> void:
	page(name).show_section(section)
	show_page(name)


func _step_page(by: int) -> void:
	show_page(PAGES[posmod(PAGES.find(_page) + by, PAGES.size())])


func _show_state() -> void:
	_channel_label.text = _session.model.channel
	_version_label.text = tr("RAIL_LAUNCHER").format(
		[ProjectSettings.get_setting("application/config/version")]
	)
	for name: String in _page_nodes:
		_page_nodes[name].show_model(_session.model)
	_mark.busy = (page("home") as HomePage).shows_work()
	_keep_focus()


## Language, colours, text size and motion from the settings.
func _apply_appearance() -> void:
	var language: String = _settings.language
	TranslationServer.set_locale(language if language else OS.get_locale())
	var palette: Palette = Palette.chosen(_settings.theme)
	theme = ThemeFactory.build(palette, _settings.text_scale, _compact)
	_mark.colour = palette.watermark
	_mark.moving_allowed = not _wants_reduced_motion()
	RenderingServer.set_default_clear_color(palette.ground)
	_session.refresh()


func _wants_reduced_motion() -> bool:
	if _settings.motion != "system":
		return _settings.motion == "reduced"
	# Without a graphics card every step of the animation is work for the processor.
	var adapter: String = RenderingServer.get_video_adapter_name().to_lower()
	if adapter.contains("llvmpipe") or adapter.contains("swiftshader"):
		return true
	return DisplayServer.accessibility_should_reduce_animation() == 1


func _fit_layout() -> void:
	var compact: bool = WindowFit.is_compact(size)
	_rail.custom_minimum_size.x = WindowFit.rail_width(compact)
	_badge.custom_minimum_size = Vector2.ONE * WindowFit.badge_side(compact)
	if compact != _compact and _settings != null:
		_compact = compact
		_apply_appearance()
	# A row that was too high for a moment does not become lower by itself.
	_row.set_anchors_and_offsets_preset.call_deferred(Control.PRESET_FULL_RECT)
	for name: String in _page_nodes:
		_page_nodes[name].custom_minimum_size.x = _page_width()


func _page_width() -> float:
	var margin: float = _page_margin.get_theme_constant("margin_left")
	var room: float = _stage.size.x - 2.0 * margin
	return minf(room, MAX_PAGE_WIDTH * _settings.text_scale / 100.0)


func _make_page(name: String) -> LauncherPage:
	var made: LauncherPage = MissingPage.unless_made(load(PAGE_SCENE % name) as PackedScene)
	made.name = name.capitalize() + "Page"
	made.size_flags_horizontal = Control.SIZE_SHRINK_BEGIN
	made.custom_minimum_size.x = _page_width()
	made.hide()
	_page_margin.add_child(made)
	made.owner = self
	made.unique_name_in_owner = true
	made.start(_session, _question)
	made.show_model(_session.model)
	return made


## What lies behind the page, and the other pages, which a click then has at hand.
func _late_paths() -> PackedStringArray:
	var paths: PackedStringArray = [MARK]
	for name: String in PAGES:
		if not _page_nodes.has(name):
			paths.append(PAGE_SCENE % name)
	return paths


func _on_loaded(path: String, resource: Resource) -> void:
	if path == MARK:
		_mark.texture = resource as Texture2D


func _focus_first() -> void:
	var target: Control = page(_page).first_focus()
	if target == null:
		target = _page_buttons[_page]
	target.grab_focus(_pointer_used)


## Draws the frame around what has the focus, which a pointer does not need.
func _show_focus() -> void:
	var focus: Control = get_viewport().gui_get_focus_owner()
	if focus != null:
		focus.grab_focus()


## Moves the focus on when its control has gone from the page.
func _keep_focus() -> void:
	var focus: Control = get_viewport().gui_get_focus_owner()
	if focus == null or not focus.is_visible_in_tree():
		_focus_first()


func _close() -> void:
	if _closing:
		return
	_closing = true
	# Whoever closes the window leaves what it asks, and may have to be asked about that.
	_question.dismiss()
	if _session.model.would_lose_by_closing():
		var leave: bool = await _question.ask(
			tr("CLOSE_TITLE"), tr("CLOSE_WORDS"), tr("CLOSE_YES"), tr("CLOSE_NO")
		)
		if not leave:
			_closing = false
			return
	_remember_window()
	await _late.stop()
	get_tree().quit(0)


func _remember_window() -> void:
	var window: Window = get_window()
	_settings.window_maximised = window.mode == Window.MODE_MAXIMIZED
	if window.mode == Window.MODE_WINDOWED:
		_settings.window_rect = Rect2i(window.position, window.size)
	# Where the window was is not worth a word if it cannot be kept.
	_settings.save()


## Out of the way of the game. It is only left alone once its start can be called a good one: until
## then a crash is noticed and told here.
func _on_game_started() -> void:
	if _settings.after_start == "close":
		get_window().mode = Window.MODE_MINIMIZED
		_farewell.start(FAREWELL_SECONDS)


func _on_game_exited() -> void:
	_farewell.stop()
	if _session.model.crashed and get_window().mode == Window.MODE_MINIMIZED:
		on_called("")
