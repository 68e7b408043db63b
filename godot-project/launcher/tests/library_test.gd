# SPDX-License-Identifier: MIT
## What the library shows of the installed versions, and what its buttons ask the engine for.
extends "res://tests/test_case.gd"

const Scenes: GDScript = preload("res://tests/scenes.gd")


func test_the_current_version_comes_first_and_is_played() -> void:
	var view: LibraryView = LibraryPresenter.present(_model())
	equal(view.rows.size(), 3)
	check(view.rows[0].current, "current")
	equal(_names(view.rows[0]), PackedStringArray(["play", "pin"]))
	equal(_names(view.rows[1]), PackedStringArray(["rollback", "pin", "remove"]))


func test_a_version_says_why_it_was_left() -> void:
	TranslationServer.set_locale("en")
	var view: LibraryView = LibraryPresenter.present(_model())
	check(view.rows[2].story.text().contains("3 times"), view.rows[2].story.text())
	var model: LauncherModel = _model()
	model.facts.on_preferences_changed({"pinned": "0.1.0", "skipped": PackedStringArray()})
	var row: LibraryView.Row = LibraryPresenter.present(model).rows[0]
	equal(row.story.text(), "Updates stop at this version.")
	equal(_names(row), PackedStringArray(["play", "unpin"]))


func test_size_and_room_on_the_disk_are_told() -> void:
	TranslationServer.set_locale("en")
	var view: LibraryView = LibraryPresenter.present(_model())
	equal(view.summary.text(), "All versions: 124.0 MiB. Free on this disk: 1.0 GiB.")
	check(view.rows[0].facts.text().begins_with("86.0 MiB, installed 2025-11-2"), "facts")
	check(
		view.rows[1].facts.text().begins_with("7.0 MiB, installed"), "what it shares is not its own"
	)


func test_before_the_versions_are_listed_the_status_is_shown() -> void:
	var view: LibraryView = LibraryPresenter.present(_bare_model())
	equal(view.rows.size(), 2)
	equal(_names(view.rows[0]), PackedStringArray(["play", "pin"]))
	equal(_names(view.rows[1]), PackedStringArray(["rollback", "pin", "remove"]))


func test_nothing_is_changed_while_something_runs() -> void:
	var model: LauncherModel = _model()
	model.game_running = true
	for row: LibraryView.Row in LibraryPresenter.present(model).rows:
		for action: HomeView.Action in row.actions:
			check(not action.enabled, action.name)


func test_a_version_that_a_game_runs_from_is_not_removed() -> void:
	var model: LauncherModel = _model()
	model.facts.versions[2].in_use = true
	var row: LibraryView.Row = LibraryPresenter.present(model).rows[2]
	check(not row.actions[2].enabled, "remove")
	equal(row.story.key, "LIBRARY_IN_USE")


func test_an_empty_folder_is_told_in_words() -> void:
	var model: LauncherModel = LauncherModel.new()
	model.game_name = "V-Sekai"
	var view: LibraryView = LibraryPresenter.present(model)
	check(view.rows.is_empty() and not view.empty.is_empty(), "empty")


func test_a_list_that_makes_no_sense_does_no_harm() -> void:
	var list: Array = [1, null, {}, {"version": ""}, {"version": "1", "own_bytes": -5}]
	list.resize(1000)
	var versions: Array[InstalledVersion] = InstalledVersion.all_from(list)
	equal(versions.size(), 1)
	equal(versions[0].bytes, 0)


func _names(row: LibraryView.Row) -> PackedStringArray:
	var names: PackedStringArray = []
	for action: HomeView.Action in row.actions:
		names.append(action.name)
	return names


func _bare_model() -> LauncherModel:
	var model: LauncherModel = LauncherModel.new()
	model.game_name = "V-Sekai"
	model.on_status_changed(Scenes.status(true))
	return model


func _model() -> LauncherModel:
	var model: LauncherModel = _bare_model()
	model.facts.free_bytes = 1073741824
	model.facts.on_versions_listed(Scenes.versions())
	return model
