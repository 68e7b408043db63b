# SPDX-License-Identifier: MIT
## A link to a place in the game, such as `v-sekai://example.org/alice/home`, from a browser or a
## chat. Whoever wrote it is a stranger: only plain addresses of the game's own schemes pass.
class_name LaunchLink
extends RefCounted

const SCHEMES: PackedStringArray = ["v-sekai", "vsekai"]
const MAX_LENGTH: int = 2048
## What an address may be made of (RFC 3986); anything else has to be percent-encoded in it.
const PLAIN: String = "^[A-Za-z0-9\\-._~:/?#\\[\\]@!$&'()*+,;=%]+$"
## The game gets the link after this argument.
const ARGUMENT: String = "--uri"
const SHOWN: int = 60


## The link in `text`, its scheme in small letters; empty if it is none.
static func parse(text: String) -> String:
	var address: String = text.left(MAX_LENGTH + 2).strip_edges()
	if address.length() > MAX_LENGTH or not address.contains("://"):
		return ""
	var scheme: String = address.get_slice("://", 0).to_lower()
	var rest: String = address.substr(scheme.length() + 3)
	if scheme not in SCHEMES or RegEx.create_from_string(PLAIN).search(rest) == null:
		return ""
	return "%s://%s" % [scheme, rest]


## The arguments that hand `link` to the game.
static func arguments(link: String) -> PackedStringArray:
	if link.is_empty():
		return PackedStringArray()
	return PackedStringArray(["--", ARGUMENT, link])


## The link as it is shown: without what comes after the place, which may be a secret.
static func shown(link: String) -> String:
	return Printable.line(link.get_slice("?", 0).get_slice("#", 0), SHOWN)
