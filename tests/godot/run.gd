# SPDX-License-Identifier: MIT
extends SceneTree
## Runs the cases named after `--`: `-- CONFIG.json case ...`. The last line tells how it went.

const Harness: GDScript = preload("res://harness.gd")
const CASES: Dictionary[String, String] = {
	"basics": "res://cases/basics.gd",
	"update": "res://cases/update.gd",
	"care": "res://cases/care.gd",
	"game": "res://cases/game.gd",
	"choices": "res://cases/choices.gd",
	"metered": "res://cases/metered.gd",
	"handlers": "res://cases/handlers.gd",
	"private": "res://cases/private.gd",
	"broken": "res://cases/broken.gd",
	"example": "res://cases/example.gd",
	"hostile": "res://cases/hostile.gd",
	"smooth": "res://cases/smooth.gd",
	"quit": "res://cases/quit.gd",
	"cli": "res://cases/cli.gd",
}


func _initialize() -> void:
	_run.call_deferred()


func _run() -> void:
	var arguments: PackedStringArray = OS.get_cmdline_user_args()
	var config: Variant = null
	if arguments.size() >= 2:
		config = JSON.parse_string(FileAccess.get_file_as_string(arguments[0]))
	if not config is Dictionary:
		print("usage: -- CONFIG.json case ...")
		quit(2)
		return
	var harness: RefCounted = Harness.new(self, config)
	for name: String in arguments.slice(1):
		if not CASES.has(name):
			harness.call(&"check", false, "there are cases named " + name)
			continue
		var case: RefCounted = (load(CASES[name]) as GDScript).new()
		await case.call(&"run", harness)
	await process_frame
	print("%d passed, %d failed" % [harness.get(&"passed"), harness.get(&"failed")])
	quit(1 if int(harness.get(&"failed")) > 0 or int(harness.get(&"passed")) == 0 else 0)
