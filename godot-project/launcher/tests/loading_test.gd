# SPDX-License-Identifier: MIT
## What is loaded after the first frame, and pages that are made when they are first shown.
extends "res://tests/window_case.gd"

const SMALLEST: Vector2i = Vector2i(960, 540)


func test_loading_that_is_stopped_ends_what_it_began() -> void:
	var loading: LateLoading = LateLoading.new()
	tree.root.add_child(loading)
	loading.begin(["res://ui/question.tscn", "res://ui/about_page.tscn"])
	var loaded: PackedStringArray = []
	loading.loaded.connect(func(path: String, _what: Resource) -> void: loaded.append(path))
	await frames(LateLoading.FRAMES_BEFORE + 1)
	await loading.stop()
	check(loading.is_done(), "done")
	equal(loaded, PackedStringArray(["res://ui/question.tscn"]), "the one that had begun")
	loading.queue_free()


func test_loading_that_leaves_without_being_stopped_waits_for_its_thread() -> void:
	var loading: LateLoading = LateLoading.new()
	tree.root.add_child(loading)
	loading.begin(["res://ui/about_page.tscn", "res://ui/question.tscn"])
	while loading.get("_thread") == null:
		await frames(1)
	tree.root.remove_child(loading)
	check(loading.is_done(), "done")
	check(loading.get("_thread") == null, "nothing loads any more")
	loading.free()


func test_loading_that_is_begun_late_is_done_all_the_same() -> void:
	var loading: LateLoading = LateLoading.new()
	tree.root.add_child(loading)
	await loading.finished
	var path: String = "res://ui/question.tscn"
	loading.begin([path])
	await loading.finished
	check(ResourceLoader.has_cached(path), "loaded")
	loading.queue_free()


func test_a_page_is_made_when_it_is_first_shown_and_shows_what_there_is() -> void:
	await open(SIZE, "en", 100)
	await play("ready")
	for page: String in ["library", "activity", "settings", "about"] as Array[String]:
		check(not shell.has_node("%%%sPage" % page.capitalize()), page + ": not before")
		shell.show_page(page)
		check(shell.has_node("%%%sPage" % page.capitalize()), page)
		check(viewport.gui_get_focus_owner() != null, page + ": the focus is there")
	var channel: SettingChoice = (shell.page("settings") as SettingsPage).choice("channel")
	equal(channel.get_item_text(0), "stable", "what the engine said before")
	await close()


func test_a_page_that_cannot_be_loaded_says_so_in_its_place() -> void:
	var bare: VBoxContainer = VBoxContainer.new()
	bare.name = "Bare"
	var without_script: PackedScene = PackedScene.new()
	without_script.pack(bare)
	bare.free()
	for instead: Resource in [Resource.new(), without_script] as Array[Resource]:
		await open(SMALLEST, "en", 150)
		await play("ready")
		instead.take_over_path(Shell.PAGE_SCENE % "about")
		shell.show_page("about")
		await frames(3)
		check_layout("no page")
		check(shell.has_node("%AboutPage"), "the page has its name")
		var headline: Label = shell.get_node("%AboutPage/Words/Headline")
		var said: String = headline.tr(headline.text)
		equal(said, "This page could not be loaded")
		check(headline.is_visible_in_tree(), "it is shown")
		equal(shell.page("about").accessibility_name, said, "the group has its name")
		equal(viewport.gui_get_focus_owner(), shell.get_node("%AboutButton"), "the focus is kept")
		shell.show_page("library")
		check(shell.page("library") is LibraryPage, "the others are as they were")
		await close()


func test_what_stands_in_for_a_page_fits_the_smallest_window_in_every_language() -> void:
	var nothing: Resource = Resource.new()
	for language: String in ["en", "es", "ja"] as Array[String]:
		await open(SMALLEST, language, 150)
		nothing.take_over_path(Shell.PAGE_SCENE % "about")
		shell.show_page("about")
		await frames(3)
		check(shell.page("about") is MissingPage, language)
		check_layout("%s no page" % language)
		await close()
