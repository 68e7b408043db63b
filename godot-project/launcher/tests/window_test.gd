# SPDX-License-Identifier: MIT
## The real scenes with a stand-in for the engine: nothing is cut off, everything can be reached and
## has a name.
extends "res://tests/window_case.gd"

const SIZES: Array[Vector2i] = [
	Vector2i(960, 540), Vector2i(1280, 800), Vector2i(1920, 1080), Vector2i(3840, 2160)
]
## Text sizes tried at each of them, in percent.
const TEXT_SCALES: Array[Array] = [[100, 130, 150], [100, 150], [100], [150]]


func test_nothing_is_cut_off_in_english() -> void:
	await _check_layouts("en")


func test_nothing_is_cut_off_in_spanish() -> void:
	await _check_layouts("es")


func test_nothing_is_cut_off_in_japanese() -> void:
	await _check_layouts("ja")


func test_what_the_first_frame_shows_stays_where_it_is() -> void:
	for size: Vector2i in SIZES:
		await open(size, "en", 100)
		var first: FirstFrame = FirstFrame.new(Palette.light())
		viewport.add_child(first)
		await frames(2)
		var about: String = str(size)
		equal(first.rail_place(), (shell.get_node("%Rail") as Control).get_global_rect(), about)
		equal(first.badge_place(), (shell.get_node("%Badge") as Control).get_global_rect(), about)
		await close()


func test_the_check_starts_by_itself() -> void:
	await open(SIZES[1], "en", 100)
	check(updater.calls.has("open"), "opened")
	check(updater.calls.has("check"), "checked")
	await close()


func test_the_focus_waits_at_the_primary_button_for_what_the_check_finds() -> void:
	await open(SIZES[1], "en", 100)
	Scenes.play("starting", updater)
	await frames(2)
	Scenes.play("offer_install", updater)
	await frames(2)
	equal(viewport.gui_get_focus_owner(), shell.get_node("%HomePage/%PrimaryButton"))
	await close()


func test_the_primary_button_does_what_it_says() -> void:
	var expected: Dictionary[String, String] = {
		"offer_install": "update",
		"offer_update": "update",
		"ready": "launch",
		"held_quiet": "launch",
		"downloading": "pause",
		"paused": "resume",
		"damaged": "repair",
		"offline": "launch",
		"offline_first": "check",
	}
	for scene: String in expected:
		await open(SIZES[1], "en", 100)
		Scenes.play(scene, updater)
		await frames(2)
		updater.calls.clear()
		(shell.get_node("%HomePage/%PrimaryButton") as Button).pressed.emit()
		await frames(1)
		equal(updater.calls[0] if updater.calls else "", expected[scene], scene)
		await close()


func test_play_during_a_check_ends_the_check_first() -> void:
	await open(SIZES[1], "en", 100)
	Scenes.play("checking", updater)
	await frames(2)
	shell.session().perform("play")
	equal(updater.calls[-1], "cancel")
	updater.state_changed.emit("Cancelled", "")
	updater.finish("check", false)
	await frames(2)
	equal(updater.calls[-1], "launch")
	await close()


func test_choices_are_in_the_chosen_language_from_the_start() -> void:
	await open(SIZES[1], "es", 100)
	var rates: OptionButton = (shell.page("settings") as SettingsPage).choice("rate-limit")
	equal(rates.get_item_text(0), "Sin límite")
	await close()


func test_a_server_without_encryption_needs_consent() -> void:
	await open(SIZES[1], "en", 100)
	Scenes.play("ready", updater)
	shell.show_page("settings")
	await frames(2)
	var field: LineEdit = shell.page("settings").get_node("%ServerField")
	var question: Question = shell.get_node("%Question")
	for consent: bool in [false, true] as Array[bool]:
		field.text = "http://updates.example.org"
		field.text_submitted.emit(field.text)
		await frames(2)
		check(question.visible, "asked")
		var answer: Button = question.get_node("%QuestionYes" if consent else "%QuestionNo")
		answer.pressed.emit()
		await frames(2)
		equal(updater.allow_http, consent)
		equal(updater.server_url == "http://updates.example.org", consent)
	DirAccess.remove_absolute("user://test_window.cfg")
	await close()


func test_closing_during_a_download_asks_first() -> void:
	await open(SIZES[1], "en", 100)
	Scenes.play("downloading", updater)
	await frames(2)
	shell.notification(Node.NOTIFICATION_WM_CLOSE_REQUEST)
	await frames(1)
	var question: Question = shell.get_node("%Question")
	check(question.visible, "the question is there")
	equal(viewport.gui_get_focus_owner(), question.get_node("%QuestionNo"), "the safe answer")
	(question.get_node("%QuestionNo") as Button).pressed.emit()
	await frames(1)
	check(not question.visible, "the question is gone")
	check(not updater.calls.has("cancel"), "the download goes on")
	await close()


func test_a_missing_library_is_said_in_words() -> void:
	await open(SIZES[1], "en", 100, false)
	await frames(2)
	var headline: Label = shell.get_node("%HomePage/%Headline")
	equal(headline.text, "The launcher is incomplete")
	var visited: PackedStringArray = []
	shell.session().browse = func(address: String) -> void: visited.append(address)
	(shell.get_node("%HomePage/%PrimaryButton") as Button).pressed.emit()
	await close()
	check(visited.size() <= 1, "the website")


func test_the_focus_stays_on_the_page_when_its_button_goes() -> void:
	await open(SIZES[1], "en", 100)
	Scenes.play("offer_update", updater)
	await frames(2)
	(shell.get_node("%HomePage/%SecondaryButton1") as Button).grab_focus()
	updater.state_changed.emit("CheckForUpdates", "NoUpdateFound")
	updater.status_changed.emit(Scenes.status(false))
	await frames(2)
	var focus: Control = viewport.gui_get_focus_owner()
	check(focus != null and focus.is_visible_in_tree(), "something visible has the focus")
	await close()


func test_a_button_that_changes_its_meaning_gives_the_focus_away() -> void:
	await open(SIZES[1], "en", 100)
	Scenes.play("ready", updater)
	await frames(2)
	var second: Button = shell.get_node("%HomePage/%SecondaryButton2")
	equal(second.text, "Check for updates")
	second.grab_focus()
	Scenes.play("offer_install", updater)
	await frames(2)
	equal(viewport.gui_get_focus_owner(), shell.get_node("%HomePage/%PrimaryButton"))
	await close()


func test_closing_the_window_gives_up_another_question_and_asks_its_own() -> void:
	await open(SIZES[1], "en", 100)
	await play("held_download")
	updater.calls.clear()
	(shell.get_node("%HomePage/%SecondaryButton2") as Button).pressed.emit()
	await frames(1)
	var title: Label = shell.get_node("%Question/%QuestionTitle")
	check(title.text.begins_with("Why"), title.text)
	shell.notification(Node.NOTIFICATION_WM_CLOSE_REQUEST)
	await frames(1)
	equal(title.text, "Close the launcher?")
	equal(updater.calls, PackedStringArray(), "the other one is answered no")
	(shell.get_node("%Question/%QuestionNo") as Button).pressed.emit()
	await frames(1)
	check(not (shell.get_node("%Question") as Control).visible, "and the update goes on")
	await close()


func _check_layouts(language: String) -> void:
	for place: int in SIZES.size():
		for text_scale: int in TEXT_SCALES[place]:
			var about: String = "%s %s %d %%" % [language, SIZES[place], text_scale]
			await open(SIZES[place], language, text_scale)
			for scene: String in Scenes.NAMES:
				forget()
				Scenes.prepare(scene, shell.session().model)
				Scenes.play(scene, updater)
				await frames(3)
				check_layout("%s %s" % [about, scene])
			await _check_pages(about)
			await close()


func test_damaged_records_fit_the_smallest_window_in_every_language() -> void:
	for language: String in ["en", "es", "ja"] as Array[String]:
		await open(SIZES[0], language, 150)
		await play("ready")
		var words: String = "the manifest is damaged. Repair fetches it again"
		updater.status_changed.emit(Scenes.damaged_status(words, true))
		await frames(3)
		check_layout("%s damaged records" % language)
		updater.calls.clear()
		(shell.get_node("%HomePage/%SecondaryButton2") as Button).pressed.emit()
		equal(updater.calls, PackedStringArray(["repair"]), language)
		await close()


func test_a_question_fits_the_smallest_window_in_every_language() -> void:
	for language: String in ["en", "es", "ja"] as Array[String]:
		await open(SIZES[0], language, 150)
		for scene: String in ["held_failed_starts", "held_left_before", "held_quiet"]:
			forget()
			await play(scene)
			(shell.get_node("%HomePage/%SecondaryButton1") as Button).pressed.emit()
			await frames(3)
			check_layout("%s why %s" % [language, scene])
			(shell.get_node("%Question/%QuestionNo") as Button).pressed.emit()
			await frames(1)
		await close()


func _check_pages(about: String) -> void:
	updater.versions_listed.emit(Scenes.versions())
	updater.give_token()
	for stop: String in stops():
		await show_stop(stop)
		check_layout("%s page %s" % [about, stop])
