# SPDX-License-Identifier: MIT
## Figures and steps in words.
@tool
extends RefCounted

const STEPS: Dictionary[String, String] = {
	"export": "Exporting",
	"scan": "Listing the build",
	"read": "Reading the build",
	"compare": "Comparing with the server",
	"upload": "Sending",
	"release": "Signing and publishing",
	"download": "The player downloads",
	"apply": "The player's files are put together",
	"verify": "Checking",
}


static func size(p_bytes: int) -> String:
	return "0 B" if p_bytes == 0 else String.humanize_size(p_bytes)


static func step(p_step: String) -> String:
	return STEPS.get(p_step, p_step)


static func preview(p_preview: Dictionary) -> String:
	var lines: Array[String] = [
		(
			"To send: %s in %d of %d chunks"
			% [size(p_preview.new_bytes), p_preview.new_chunks, p_preview.chunks]
		),
		"A new player downloads %s" % size(p_preview.install_bytes),
	]
	if not str(p_preview.compared_with).is_empty():
		var count: int = p_preview.changed_resources
		var words: String = "%d resource differs" if count == 1 else "%d resources differ"
		lines.append("%s from %s" % [words % count, p_preview.compared_with])
	return "\n".join(lines)


static func published(p_release: Dictionary) -> String:
	var verb: String = "Published" if p_release.created else "Was published already:"
	var where: Array = [verb, p_release.version, p_release.platform, p_release.channel]
	return "%s %s for %s on %s; sent " % where + size(p_release.new_bytes)


static func offer(p_release: Dictionary) -> String:
	if p_release.withdrawn:
		return "taken back"
	if p_release.offered_percent == 0:
		return ""
	return "offered" if p_release.offered_percent == 100 else "to %d %%" % p_release.offered_percent
