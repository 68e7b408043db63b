# SPDX-License-Identifier: MIT
## Compares every state of the window with its approved picture:
##
##     godot --path . --rendering-driver opengl3 --script res://tests/pictures.gd -- APPROVED OUTPUT
##
## APPROVED has a folder for each way of rendering, with pictures of half the size, which is enough.
## What differs is put into OUTPUT: the picture, the approved one, and where they differ. With
## VSEKAI_TEST_BLESS set the pictures of today become the approved ones. The last line is
## `N alike, N differ`; the exit code is 1 if any differs.
extends SceneTree

const WindowCase: GDScript = preload("res://tests/window_case.gd")
const Scenes: GDScript = preload("res://tests/scenes.gd")
const SIZE: Vector2i = Vector2i(960, 540)
## Language, theme, text size, and what is looked at that way beside every state in English.
const VARIANTS: Array[Array] = [
	["en", "dark", 100, ["offer_update", "downloading", "library", "settings network"]],
	["es", "light", 150, ["held_quiet", "disk_full", "settings updates"]],
	["ja", "light", 100, ["offer_install", "crashed", "settings launcher"]],
]
## Cells of four by four pixels whose mean is that far apart are seen as different, and so much of
## all cells may be: other drivers smooth edges in other ways, but nothing moves.
const CELL_TOLERANCE: int = 24
const LIMIT_PERCENT: float = 0.15

var _folder: String = ""
var _output: String = ""
var _bless: bool = OS.has_environment("VSEKAI_TEST_BLESS")
var _alike: int = 0
var _different: int = 0


func _initialize() -> void:
	_run.call_deferred()


func _run() -> void:
	# Every frame is drawn, and none is waited for.
	OS.low_processor_usage_mode = false
	var wishes: PackedStringArray = OS.get_cmdline_user_args()
	_folder = wishes[0].path_join(RenderingServer.get_current_rendering_method())
	_output = wishes[1]
	for folder: String in [_folder, _output]:
		DirAccess.make_dir_recursive_absolute(folder)
	var stops: Array[String] = Scenes.NAMES.duplicate()
	stops.append_array(["library", "activity"] as Array[String])
	for section: String in SettingsPage.SECTIONS:
		stops.append("settings " + section)
	await _look("en", "light", 100, stops)
	for variant: Array in VARIANTS:
		await _look(variant[0], variant[1], variant[2], variant[3])
	print("%d alike, %d differ" % [_alike, _different])
	quit(1 if _different > 0 or _alike == 0 else 0)


func _look(language: String, theme: String, text_scale: int, stops: Array) -> void:
	var case: WindowCase = WindowCase.new()
	case.tree = self
	await case.open(SIZE, language, text_scale, true, theme)
	case.viewport.render_target_update_mode = SubViewport.UPDATE_ALWAYS
	for stop: String in stops:
		await case.lead_to(stop)
		await RenderingServer.frame_post_draw
		var name: String = "%s-%s-%s-%d" % [stop.replace(" ", "-"), language, theme, text_scale]
		_compare(name, case.viewport.get_texture().get_image())
	await case.close()


func _compare(name: String, found: Image) -> void:
	found.convert(Image.FORMAT_RGB8)
	var path: String = _folder.path_join(name + ".webp")
	if _bless:
		_halved(found).save_webp(path)
	var approved: Image = Image.load_from_file(path) if FileAccess.file_exists(path) else null
	if approved == null:
		_different += 1
		print("DIFFERS  %s: no approved picture" % name)
		found.save_png(_output.path_join(name + ".png"))
		return
	approved.convert(Image.FORMAT_RGB8)
	var share: float = 100.0
	if approved.get_size() * 2 == found.get_size():
		share = _difference(name, _halved(found), approved)
	if share <= LIMIT_PERCENT:
		_alike += 1
		return
	_different += 1
	print("DIFFERS  %s: %.2f %% of it" % [name, share])
	found.save_png(_output.path_join(name + ".png"))
	approved.save_png(_output.path_join(name + ".approved.png"))


## How much of the pictures differs, in percent; if it is too much, a picture of where is put out.
func _difference(name: String, found: Image, approved: Image) -> float:
	if found.get_data() == approved.get_data():
		return 0.0
	var one: Image = _halved(found)
	var other: Image = _halved(approved)
	var values: PackedByteArray = one.get_data()
	var others: PackedByteArray = other.get_data()
	var marks: PackedByteArray = []
	@warning_ignore("integer_division")
	marks.resize(values.size() / 3)
	for at: int in values.size():
		if absi(values[at] - others[at]) > CELL_TOLERANCE:
			@warning_ignore("integer_division")
			marks[at / 3] = 255
	var share: float = 100.0 * marks.count(255) / marks.size()
	if share > LIMIT_PERCENT:
		var where: Image = Image.create_from_data(
			one.get_width(), one.get_height(), false, Image.FORMAT_L8, marks
		)
		where.save_png(_output.path_join(name + ".where.png"))
	return share


func _halved(picture: Image) -> Image:
	var half: Image = picture.duplicate()
	half.shrink_x2()
	return half
