# SPDX-License-Identifier: MIT
## What can be told from the address of an update server.
class_name ServerAddress
extends RefCounted

const OWN_MACHINE: PackedStringArray = ["localhost", "127.0.0.1", "[::1]"]


static func is_address(text: String) -> bool:
	return text.begins_with("https://") or text.begins_with("http://")


## Somebody between could read along and answer in the server's place.
static func is_unprotected(address: String) -> bool:
	if not address.begins_with("http://"):
		return false
	var host: String = address.trim_prefix("http://").get_slice("/", 0)
	if host.begins_with("["):
		return host.get_slice("]", 0) + "]" not in OWN_MACHINE
	return host.get_slice(":", 0) not in OWN_MACHINE
