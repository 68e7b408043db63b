# SPDX-License-Identifier: MIT
extends RefCounted
## A private channel: without a token, with a wrong one, and with its own.

const Harness: GDScript = preload("res://harness.gd")
const Recorder: GDScript = preload("res://recorder.gd")
const CHANNEL: String = "beta"


func run(harness: Harness) -> void:
	var file: String = await _make_private(harness)
	var recorder: Recorder = harness.recorder("private", "", CHANNEL)
	var updater: VSekaiUpdater = recorder.updater
	harness.check(updater.open(), "a folder opens")
	await _is_refused(harness, recorder, "without a token")
	harness.equal(updater.get_status().get("has_read_token"), false, "there is none")
	harness.check(not updater.set_read_token("two words"), "two words are none")
	var error: Dictionary = recorder.last_dictionary("failed")
	harness.equal(error.get("code"), "invalid-input", "as input that makes no sense")
	harness.check(updater.set_read_token("vsekai_0_mistyped"), "one word may be one")
	harness.equal(updater.get_status().get("has_read_token"), true, "there is one now")
	await _is_refused(harness, recorder, "with a wrong token")
	harness.check(updater.set_read_token_file(file), "a file has one")
	harness.check(await recorder.operate(&"check"), "a check with it works")
	updater.install_path = harness.install_path("private-elsewhere")
	harness.check(updater.open(), "another folder opens")
	harness.check(await recorder.operate(&"update"), "the token is good for it too")
	var kept: String = updater.install_path.path_join(".vsekai/read-token.json")
	harness.check(FileAccess.file_exists(kept), "it is kept with the install")
	harness.check(
		not DirAccess.dir_exists_absolute(harness.install_path("private")),
		"and not where nothing is installed"
	)
	harness.check(await recorder.operate(&"forget_read_token"), "it is forgotten")
	harness.check(not FileAccess.file_exists(kept), "for good")
	harness.equal(updater.get_status().get("has_read_token"), false, "which the status says")
	updater.set_read_token_file(file)
	updater.server_url = harness.text("dead_server")
	harness.check(updater.open(), "the folder opens with another server")
	harness.equal(updater.get_status().get("has_read_token"), false, "which has no token")
	updater.server_url = harness.text("server")
	harness.check(updater.set_read_token_file(file), "a token of the first server is taken")
	var about: String = "but not given to the one that is open"
	harness.equal(updater.get_status().get("has_read_token"), false, about)
	harness.check(updater.open(), "the folder opens with the first server again")
	harness.equal(updater.get_status().get("has_read_token"), true, "which has its token")
	harness.equal(recorder.strays, 0, "every signal came on the main thread")
	recorder.free()


## Makes the channel private, and returns the file with a token for it.
func _make_private(harness: Harness) -> String:
	var title: String = harness.text("title")
	await _ask(harness, HTTPClient.METHOD_PUT, "titles/%s/channels/%s/private" % [title, CHANNEL])
	var wanted: Dictionary = {
		"label": "testers", "title": title, "channel": CHANNEL, "verbs": "read"
	}
	var made: Dictionary = await _ask(harness, HTTPClient.METHOD_POST, "tokens", wanted)
	var file: String = harness.text("folder").path_join("read-token")
	DirAccess.make_dir_recursive_absolute(harness.text("folder"))
	FileAccess.open(file, FileAccess.WRITE).store_line(str(made.get("token", "")))
	return file


## Asks the server, as whoever runs it.
func _ask(
	harness: Harness, method: HTTPClient.Method, path: String, body: Dictionary = {}
) -> Dictionary:
	var request: HTTPRequest = HTTPRequest.new()
	harness.tree.root.add_child(request)
	var heads: PackedStringArray = [
		"Authorization: Bearer " + harness.text("server_token"), "Content-Type: application/json"
	]
	var words: String = "" if body.is_empty() else JSON.stringify(body)
	request.request(harness.text("server").path_join("api/v1/" + path), heads, method, words)
	var answer: Array = await request.request_completed
	request.queue_free()
	harness.check(int(answer[1]) in range(200, 300), "%s answers %d" % [path, answer[1]])
	var said: String = (answer[3] as PackedByteArray).get_string_from_utf8()
	return {} if said.is_empty() else JSON.parse_string(said)


func _is_refused(harness: Harness, recorder: Recorder, when: String) -> void:
	harness.check(not await recorder.operate(&"check"), when + ": the check does not work")
	var error: Dictionary = recorder.last_dictionary("failed")
	harness.equal(error.get("code"), "private", when + ": the channel is private")
