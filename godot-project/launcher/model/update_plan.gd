# SPDX-License-Identifier: MIT
## What an update would do, as the engine worked it out. Sizes are bytes.
class_name UpdatePlan
extends RefCounted

var version: String = ""
var notes: String = ""
var download_bytes: int = 0
var write_bytes: int = 0
## Most extra space that is needed at any moment of the update.
var disk_bytes: int = 0
var installed_bytes: int = 0
var files_added: int = 0
var files_changed: int = 0
var files_removed: int = 0
## How often this version failed to start here before it was given up.
var failed_starts: int = 0
## The version that the install stays at; empty for none.
var pinned_version: String = ""
## Why it is not taken by itself, or null; told apart from the plan.
var hold: UpdateHold = null


static func from(values: Dictionary) -> UpdatePlan:
	var plan: UpdatePlan = UpdatePlan.new()
	for field: String in ["version", "pinned_version"]:
		plan.set(field, Values.line(values, field))
	plan.notes = str(values.get("notes", ""))
	for field: String in [
		"download_bytes",
		"write_bytes",
		"disk_bytes",
		"installed_bytes",
		"files_added",
		"files_changed",
		"files_removed",
		"failed_starts",
	]:
		plan.set(field, Values.count(values, field))
	return plan
