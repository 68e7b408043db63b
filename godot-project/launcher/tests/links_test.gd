# SPDX-License-Identifier: MIT
## Links from browsers and second starts, on their way to the game.
extends "res://tests/window_case.gd"

const LINK: String = "v-sekai://v-sekai.org/alice/home?key=1"


func test_a_link_starts_the_game_once_there_is_nothing_new() -> void:
	await open(SIZE, "en", 100)
	shell.on_called(LINK)
	check(not updater.calls.has("launch"), "the check comes first")
	await play("ready")
	equal(updater.calls[-1], "launch")
	equal(updater.launch_arguments, PackedStringArray(["--", "--uri", LINK]))
	updater.game_started.emit(1)
	equal(shell.session().model.link, "", "it is used up")
	await close()


func test_a_link_waits_for_the_answer_to_an_update() -> void:
	await open(SIZE, "en", 100)
	shell.on_called(LINK)
	await play("offer_update")
	check(not updater.calls.has("launch"), "not yet")
	var notice: Label = shell.get_node("%HomePage/%NoticeLabel")
	check(notice.text.contains("v-sekai.org/alice/home"), notice.text)
	check(not notice.text.contains("key="), "no secrets")
	shell.session().perform("play")
	equal(updater.launch_arguments[-1], LINK)
	await close()


func test_without_a_server_a_link_opens_what_is_installed() -> void:
	await open(SIZE, "en", 100)
	shell.on_called(LINK)
	await play("offline")
	equal(updater.calls[-1], "launch")
	await close()


func test_a_game_that_fails_is_not_started_again_for_the_same_link() -> void:
	await open(SIZE, "en", 100)
	shell.on_called(LINK)
	await play("ready")
	updater.failed.emit({"code": "launch", "message": "no such program"})
	updater.finish("launch", false)
	await frames(3)
	equal(Array(updater.calls).count("launch"), 1)
	await close()


func test_a_link_does_not_start_a_second_game() -> void:
	await open(SIZE, "en", 100)
	await play("playing")
	shell.on_called(LINK)
	await frames(2)
	updater.game_exited.emit(0, false)
	updater.finish("check")
	await frames(3)
	check(not updater.calls.has("launch"), "not by itself")
	await close()


func test_a_second_start_without_a_link_only_comes_to_the_front() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	shell.on_called("")
	await frames(2)
	check(not updater.calls.has("launch"), "nothing is started")
	await close()
