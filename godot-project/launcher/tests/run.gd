# SPDX-License-Identifier: MIT
## Runs the tests in this folder whose names contain the words after `--`:
##
##     godot --headless --path godot-project/launcher --script res://tests/run.gd [-- WORD ...]
##
## The last line is `N passed, N failed`; the exit code is 1 if any failed.
extends SceneTree

const FOLDER: String = "res://tests"
const TestCase: GDScript = preload("res://tests/test_case.gd")

var _passed: int = 0
var _failed: int = 0


func _initialize() -> void:
	# The first frame belongs to the engine; nodes are ready from the second on.
	_run.call_deferred()


func _run() -> void:
	TestCase.hurry()
	for file: String in DirAccess.get_files_at(FOLDER):
		if file.ends_with("_test.gd"):
			await _run_file(file)
	print("%d passed, %d failed" % [_passed, _failed])
	quit(1 if _failed > 0 or _passed == 0 else 0)


func _run_file(file: String) -> void:
	var script: GDScript = load(FOLDER.path_join(file))
	if script == null or not script.can_instantiate():
		_failed += 1
		print("FAILED  %s does not load" % file)
		return
	for method: Dictionary in script.get_script_method_list():
		var name: String = method["name"]
		if name.begins_with("test_") and _is_wanted("%s/%s" % [file.get_basename(), name]):
			await _run_test(file.get_basename(), script, name)


func _run_test(group: String, script: GDScript, name: String) -> void:
	var test: TestCase = script.new()
	test.tree = self
	await test.call(name)
	if test.failures.is_empty():
		_passed += 1
		return
	_failed += 1
	print("FAILED  %s: %s" % [group, name.trim_prefix("test_").replace("_", " ")])
	for failure: String in test.failures:
		print("        " + failure)


func _is_wanted(name: String) -> bool:
	for word: String in OS.get_cmdline_user_args():
		if not name.contains(word):
			return false
	return true
