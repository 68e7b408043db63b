# SPDX-License-Identifier: MIT
## Release notes (Markdown, from outside) as BBCode for a label: headings, lists, bold, italics and
## code. Links become their text; everything else is shown as it is written.
class_name NotesMarkup
extends RefCounted

## Notes beyond this many characters are cut: nobody reads them in a launcher.
const MAX_CHARACTERS: int = 8000


static func to_bbcode(markdown: String) -> String:
	var lines: PackedStringArray = []
	var gap: bool = false
	for line: String in _clean(markdown).split("\n"):
		var words: String = line.strip_edges()
		if words.is_empty():
			gap = not lines.is_empty()
			continue
		# A list needs no empty line before it.
		if gap and not _is_bullet(words):
			lines.append("")
		gap = false
		lines.append(_line(words))
	return "\n".join(lines)


static func _is_bullet(words: String) -> bool:
	return words.left(2) in ["- ", "* ", "+ "]


static func _line(words: String) -> String:
	if words.begins_with("#"):
		return "[b]%s[/b]" % _inline(words.lstrip("#").strip_edges())
	if _is_bullet(words):
		return "[ul]%s[/ul]" % _inline(words.substr(2))
	return _inline(words)


static func _inline(words: String) -> String:
	var out: String = words.replace("[", "\u0001").replace("]", "\u0002")
	out = _swap(out, "\u0001([^\u0001\u0002]*)\u0002\\([^)]*\\)", "$1")
	out = out.replace("\u0001", "[lb]").replace("\u0002", "[rb]")
	out = _swap(out, "\\*\\*([^*]+)\\*\\*", "[b]$1[/b]")
	out = _swap(out, "(?<![\\w*])\\*([^*]+)\\*(?![\\w*])", "[i]$1[/i]")
	return _swap(out, "`([^`]+)`", "[code]$1[/code]")


static func _swap(words: String, pattern: String, replacement: String) -> String:
	return RegEx.create_from_string(pattern).sub(words, replacement, true)


## Drops control characters and marks that turn the direction of text around.
static func _clean(words: String) -> String:
	var cut: String = words.left(MAX_CHARACTERS).replace("\r\n", "\n").replace("\t", "    ")
	return _swap(cut, "[\\x00-\\x09\\x0B-\\x1F\\x7F\\x{202A}-\\x{202E}\\x{2066}-\\x{2069}]", "")
