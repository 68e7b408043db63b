# SPDX-License-Identifier: MIT
## Values out of a dictionary that came from elsewhere, whatever kind they are there.
class_name Values
extends RefCounted

## The largest number that counts: more bytes than any disk holds, and exact as a float.
const LARGEST: int = 1 << 53
## The end of the year 9999 in seconds since 1970: no calendar has to show more.
const LAST_SECOND: int = 253402300799


## The text at `key` as one short line.
static func line(values: Dictionary, key: String, standard: String = "") -> String:
	return Printable.line(str(values.get(key, standard)))


## The number at `key`, not below zero; `standard` where there is none, or none that counts.
static func count(values: Dictionary, key: String, standard: int = 0) -> int:
	var value: Variant = values.get(key)
	var amount: float = value if value is int or value is float else NAN
	return int(minf(amount, LARGEST)) if is_finite(amount) and amount >= 0.0 else standard


## The time at `key` in seconds since 1970, from then to the end of the year 9999.
static func time(values: Dictionary, key: String) -> int:
	return mini(count(values, key), LAST_SECOND)


static func flag(values: Dictionary, key: String, standard: bool = false) -> bool:
	var value: Variant = values.get(key, standard)
	return value is bool and value


## The texts at `key`, as they are.
static func texts(values: Dictionary, key: String) -> PackedStringArray:
	var value: Variant = values.get(key)
	return value if value is PackedStringArray else PackedStringArray()
