# SPDX-License-Identifier: MIT
extends RefCounted
## The command line inside Godot.

const Harness: GDScript = preload("res://harness.gd")


func run(harness: Harness) -> void:
	var path: String = harness.install_path("command-line")
	harness.equal(await _code(harness, ["--help"]), 0, "--help ends with 0")
	harness.equal(await _code(harness, ["no-such-command"]), 2, "an unknown command ends with 2")
	var idle: VSekaiCli = VSekaiCli.new()
	harness.equal(idle.poll(), -1, "poll is -1 before run")
	var install: PackedStringArray = harness.config.get("cli_install", [])
	harness.equal(await _code(harness, install), 0, "an install ends with 0")
	harness.check(DirAccess.dir_exists_absolute(path.path_join("versions")), "and installs")


func _code(harness: Harness, arguments: PackedStringArray) -> int:
	var cli: VSekaiCli = VSekaiCli.new()
	cli.run(arguments)
	var deadline: int = Time.get_ticks_msec() + 120_000
	while cli.poll() == -1 and Time.get_ticks_msec() < deadline:
		await harness.tree.process_frame
	return cli.poll()
