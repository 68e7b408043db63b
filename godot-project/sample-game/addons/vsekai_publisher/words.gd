# SPDX-License-Identifier: MIT
## Figures, steps and errors in words.
@tool
extends RefCounted

const Language = preload("language.gd")

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
const CHANGES: Dictionary[String, String] = {
	"added": "new",
	"changed": "changed",
	"removed": "removed",
}
const PROBLEMS: Dictionary[String, String] = {
	"invalid-input": "Something that was typed or chosen does not fit",
	"bad-release": "The build is not as it should be",
	"offline": "The server cannot be reached",
	"server": "The server cannot be used",
	"refused": "The server refuses",
	"private": "The server wants a read token, or another one",
	"not-found": "The server does not have it",
	"untrusted": "The server has something that the title's keys did not sign",
	"damaged": "Damaged data arrived",
	"disk": "A file cannot be read or written",
	"permission": "A file cannot be read or written",
	"disk-full": "There is not enough space on the disk",
	"launch": "A program does not run as it should",
	"internal": "Something unexpected happened",
}


static func size(p_bytes: int) -> String:
	return "0 B" if p_bytes == 0 else String.humanize_size(p_bytes)


static func step(p_step: String) -> String:
	return Language.say(STEPS.get(p_step, p_step))


static func change(p_change: String) -> String:
	return Language.say(CHANGES.get(p_change, p_change))


## Says what kind of problem it is, what happened, and what to do next.
static func problem(p_error: Dictionary) -> String:
	var lines: Array[String] = [p_error.message.left(1).to_upper() + p_error.message.substr(1)]
	if PROBLEMS.has(p_error.code):
		lines.push_front(Language.say(PROBLEMS[p_error.code]))
	if not p_error.hint.is_empty():
		lines.append(Language.say(p_error.hint))
	return ".\n".join(lines) + "."


static func preview(p_preview: Dictionary) -> String:
	var lines: Array[String] = [
		Language.say("To send: {0} in {1} of {2} chunks").format(
			[size(p_preview.new_bytes), p_preview.new_chunks, p_preview.chunks]
		),
		Language.say("A new player downloads {0}").format([size(p_preview.install_bytes)]),
	]
	if not str(p_preview.compared_with).is_empty():
		var count: int = p_preview.changed_resources
		var words: String = Language.say_many(
			"{0} resource differs from {1}", "{0} resources differ from {1}", count
		)
		lines.append(words.format([count, p_preview.compared_with]))
	return "\n".join(lines)


static func published(p_release: Dictionary) -> String:
	var text: String = Language.say("{0} for {1} was on {2} already; sent {3}")
	if p_release.created:
		text = Language.say("Published {0} for {1} on {2}; sent {3}")
	var sent: String = size(p_release.new_bytes)
	return text.format([p_release.version, p_release.platform, p_release.channel, sent])


static func files(p_update: Dictionary) -> String:
	return Language.say("{0} new, {1} changed, {2} removed").format(
		[p_update.files_added, p_update.files_changed, p_update.files_removed]
	)


static func offer(p_release: Dictionary) -> String:
	match [p_release.withdrawn, p_release.offered_percent]:
		[true, _]:
			return Language.say("taken back")
		[_, 0]:
			return ""
		[_, 100]:
			return Language.say("offered")
	return Language.say("to {0} %").format([p_release.offered_percent])
