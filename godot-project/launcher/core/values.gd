# SPDX-License-Identifier: MIT
## Values out of a dictionary that came from elsewhere, whatever kind they are there.
class_name Values
extends RefCounted


## The text at `key` as one short line.
static func line(values: Dictionary, key: String, standard: String = "") -> String:
	return Printable.line(str(values.get(key, standard)))


## The number at `key`, not below zero.
static func count(values: Dictionary, key: String) -> int:
	var value: Variant = values.get(key, 0)
	return maxi(int(value as float), 0) if value is int or value is float else 0


static func flag(values: Dictionary, key: String, standard: bool = false) -> bool:
	var value: Variant = values.get(key, standard)
	return value is bool and value


## The texts at `key`, as they are.
static func texts(values: Dictionary, key: String) -> PackedStringArray:
	var value: Variant = values.get(key)
	return value if value is PackedStringArray else PackedStringArray()
