# SPDX-License-Identifier: MIT
## Saves pictures of states and pages of the window, all of them if none is named, for a look at the
## design:
##
##     godot --path . --rendering-driver opengl3 --script res://tests/tour.gd -- FOLDER \
##         [WIDTHxHEIGHT] [LANGUAGE] [THEME] [TEXT SIZE] [STATE or PAGE or "settings SECTION" ...]
extends SceneTree

const WindowCase: GDScript = preload("res://tests/window_case.gd")
const Scenes: GDScript = preload("res://tests/scenes.gd")
## What is not given.
const USUAL: PackedStringArray = [".", "1280x800", "en", "light", "100"]


func _initialize() -> void:
	_run.call_deferred()


func _run() -> void:
	OS.low_processor_usage_mode = false
	var wishes: PackedStringArray = OS.get_cmdline_user_args()
	wishes.append_array(USUAL.slice(wishes.size()))
	var size: PackedStringArray = wishes[1].split("x")
	var case: WindowCase = WindowCase.new()
	case.tree = self
	await case.open(
		Vector2i(size[0].to_int(), size[1].to_int()), wishes[2], wishes[4].to_int(), true, wishes[3]
	)
	case.viewport.render_target_update_mode = SubViewport.UPDATE_ALWAYS
	var stops: Array = wishes.slice(USUAL.size())
	for stop: String in stops if stops else Scenes.NAMES + case.stops():
		await case.lead_to(stop)
		if stop == "about":
			await case.settled(case.shell.page("about").get_node("%LicencesText") as LongText)
		await RenderingServer.frame_post_draw
		var name: String = "%s-%s.png" % [stop.replace(" ", "-"), wishes[2]]
		case.viewport.get_texture().get_image().save_png(wishes[0].path_join(name))
	quit(0)
