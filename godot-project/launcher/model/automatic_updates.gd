# SPDX-License-Identifier: MIT
## When a version is taken by itself that the settings allow: at once, and less and less often where
## it does not work. Pure.
class_name AutomaticUpdates
extends RefCounted

## Most looks for updates between two attempts.
const LONGEST_WAIT: int = 48

## The version that was tried last.
var _version: String = ""
## Looks to let pass before the next attempt, and before the one after it.
var _wait: int = 0
var _next_wait: int = 1
## The version that the player stopped.
var _turned_down: String = ""


## Whether `version`, which a look for updates has found, is taken now; that counts as an attempt.
func is_due(version: String) -> bool:
	if version == _turned_down:
		return false
	if version != _version:
		_version = version
		_wait = 0
		_next_wait = 1
	if _wait > 0:
		_wait -= 1
		return false
	_wait = _next_wait
	_next_wait = mini(_next_wait * 2, LONGEST_WAIT)
	return true


## The player stopped the last attempt, which counts until the launcher is closed.
func turn_down() -> void:
	_turned_down = _version
