# SPDX-License-Identifier: MIT
## Text from outside, made safe to show in a label.
class_name Printable
extends RefCounted

## The longest name that a label is given; versions, channels and folders are shorter.
const MAX_NAME: int = 120
## Control characters, and marks that turn the direction of text around or break its line.
const HARMFUL: String = (
	"[\\x00-\\x1F\\x7F-\\x9F\\x{2028}\\x{2029}\\x{FEFF}" + "\\x{202A}-\\x{202E}\\x{2066}-\\x{2069}]"
)

static var _harmful: RegEx = RegEx.create_from_string(HARMFUL)


## One line of at most `limit` characters; what had to be cut ends in "…".
static func line(text: String, limit: int = MAX_NAME) -> String:
	# A little more than is kept, so that what is dropped does not count, and never all of a huge text.
	var kept: String = _harmful.sub(text.left(limit * 2), "", true).strip_edges()
	return kept if kept.length() <= limit else kept.left(limit - 1) + "…"
