# SPDX-License-Identifier: MIT
extends RefCounted
## The example in docs/godot-api.md, which the driver has put into example.gd.

const Harness: GDScript = preload("res://harness.gd")
const PATIENCE: int = 120_000


func run(harness: Harness) -> void:
	var example: Node = (load("res://example.gd") as GDScript).new()
	var updater: VSekaiUpdater = example.get(&"_updater")
	var ended: Array[String] = []
	var exits: Array[int] = []
	updater.finished.connect(
		func(operation: String, ok: bool) -> void: ended.append("%s %s" % [operation, ok])
	)
	updater.game_exited.connect(func(code: int, _crashed: bool) -> void: exits.append(code))
	harness.tree.root.add_child(example)
	var deadline: int = Time.get_ticks_msec() + PATIENCE
	while exits.is_empty() and Time.get_ticks_msec() < deadline:
		await harness.tree.process_frame
	harness.equal(
		ended, ["update true", "launch true"] as Array[String], "the example installs and starts"
	)
	harness.equal(exits, [0] as Array[int], "the game ends well")
	example.free()
