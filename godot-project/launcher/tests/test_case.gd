# SPDX-License-Identifier: MIT
## Base of the tests: a method whose name begins with `test_` is one test. Its name is a sentence.
extends RefCounted

## What failed in the running test.
var failures: PackedStringArray = []
## The tree, for tests that need nodes.
var tree: SceneTree


## Lets no frame wait: without a display the engine sleeps between frames as in low-processor mode.
static func hurry() -> void:
	OS.low_processor_usage_mode_sleep_usec = 1


func check(condition: bool, what: String) -> void:
	if not condition:
		failures.append(what)


func equal(found: Variant, expected: Variant, what: String = "") -> void:
	if typeof(found) != typeof(expected) or found != expected:
		failures.append("%s: found %s, expected %s" % [what, found, expected])
