# SPDX-License-Identifier: MIT
## What the home page shows for what the model knows.
extends "res://tests/test_case.gd"

const Scenes: GDScript = preload("res://tests/scenes.gd")


func test_an_offer_shows_three_figures_before_consent() -> void:
	var view: HomeView = HomePresenter.present(_offer(true))
	equal(view.figures.size(), 3)
	equal(view.figures[0].value, Formats.bytes(4404019))
	equal(view.primary.name, "update")
	equal(view.primary.label.text(), "Update 4.2 MiB")
	equal(view.secondary[0].name, "play", "the installed version stays playable")


func test_a_first_install_says_where_and_how_much() -> void:
	var view: HomeView = HomePresenter.present(_offer(false))
	equal(view.primary.label.text(), "Install 61.5 MiB")
	check(view.detail.text().contains("/games/sample"), view.detail.text())


func test_without_connection_the_installed_game_can_be_played() -> void:
	var model: LauncherModel = _installed()
	model.on_failed({"code": "offline", "message": "no route", "retry": true})
	var view: HomeView = HomePresenter.present(model)
	equal(view.primary.name, "play")
	equal(view.secondary[-1].name, "check")
	check(view.notice.text().contains("cannot be reached"), view.notice.text())


func test_without_connection_and_install_there_is_only_another_try() -> void:
	var model: LauncherModel = LauncherModel.new()
	model.on_requested("check")
	model.on_failed({"code": "offline"})
	equal(HomePresenter.present(model).primary.name, "check")


func test_damaged_files_can_be_repaired() -> void:
	var model: LauncherModel = _installed()
	model.on_verified({"files": 3, "damaged": PackedStringArray(["a.pck"])})
	var view: HomeView = HomePresenter.present(model)
	equal(view.primary.name, "repair")
	check(view.error_details.contains("a.pck"), "the details name the file")


func test_a_game_that_is_ready_shows_what_is_known_of_the_install() -> void:
	TranslationServer.set_locale("en")
	var model: LauncherModel = _installed()
	model.on_finished("check", true)
	model.facts.checked_at = Scenes.CHECKED_AT
	model.facts.free_bytes = 52 * 1024 * Scenes.MIB
	var shown: PackedStringArray = []
	for figure: HomeView.Figure in HomePresenter.present(model).figures:
		shown.append("%s %s" % [figure.value, figure.label.text()])
	equal(
		shown,
		PackedStringArray(
			[
				Formats.date(Scenes.CHECKED_AT) + " last look for updates",
				Formats.date(1764000000) + " installed",
				"52.0 GiB free now",
			]
		)
	)
	model.damage = ["the manifest is damaged"]
	check(HomePresenter.present(model).figures.is_empty(), "damage comes first")


func test_what_is_not_known_of_the_install_is_not_made_up() -> void:
	var model: LauncherModel = _installed()
	model.on_finished("check", true)
	equal(HomePresenter.present(model).figures.size(), 1, "when it was installed")
	model.installed_at = 0
	check(HomePresenter.present(model).figures.is_empty(), "nothing is known")


func test_damaged_records_are_told_beside_the_game_until_they_are_mended() -> void:
	var model: LauncherModel = _installed()
	model.on_finished("check", true)
	var words: String = "the manifest is damaged. Repair fetches it again"
	model.on_status_changed(Scenes.damaged_status(words, true))
	var view: HomeView = HomePresenter.present(model)
	equal(view.primary.name, "play")
	equal(view.notice.key, "NOTICE_RECORDS_DAMAGED")
	check(view.error_details.contains("the manifest is damaged"), view.error_details)
	check(_offers(view, "repair"), "repair")
	check(_offers(view, "check"), "looking for updates too")
	model.on_finished("repair", true)
	view = HomePresenter.present(model)
	equal(view.notice.key, "NOTICE_REPAIRED", "what was done last counts more")
	check(_offers(view, "repair"), "what is left can be tried again")
	model.on_status_changed(Scenes.status(true))
	check(not _offers(HomePresenter.present(model), "repair"), "mended")


func test_a_repair_is_offered_only_where_it_mends_something() -> void:
	var model: LauncherModel = _installed()
	model.on_finished("check", true)
	model.on_status_changed(Scenes.damaged_status("the settings need a newer launcher", false))
	var view: HomeView = HomePresenter.present(model)
	equal(view.notice.key, "NOTICE_RECORDS_DAMAGED")
	check(view.error_details.contains("need a newer launcher"), view.error_details)
	check(not _offers(view, "repair"), "no server has the settings")
	model.on_failed({"code": "damaged", "retry": false, "repair": false})
	check(not model.failure.wants_repair(), "nor any other record")
	model.on_failed({"code": "damaged", "retry": false, "repair": true})
	equal(model.failure.code, "damaged")
	equal(HomePresenter.present(model).primary.name, "repair")


func test_what_keeps_the_game_from_starting_does_not_lead_to_another_start() -> void:
	var model: LauncherModel = _installed()
	model.on_failed({"code": "launcher-too-old"})
	equal(HomePresenter.present(model).primary.name, "play", "a check that failed")
	model.on_requested("launch")
	model.on_failed({"code": "launcher-too-old"})
	equal(HomePresenter.present(model).primary.name, "website", "a start that failed")


func test_a_damaged_record_that_stops_a_check_is_not_told_as_damage_on_the_way() -> void:
	var model: LauncherModel = _installed()
	model.on_failed({"code": "damaged", "message": "the settings are damaged", "retry": false})
	equal(model.failure.code, "damaged-record")
	var view: HomeView = HomePresenter.present(model)
	equal(view.primary.name, "play")
	check(_offers(view, "settings_place"), "another folder")
	check(view.error_details.contains("the settings are damaged"), view.error_details)
	model.on_failed({"code": "damaged", "retry": true})
	equal(model.failure.code, "damaged-download")


func test_a_damaged_version_beside_the_game_leads_to_the_others_and_to_no_repair() -> void:
	var model: LauncherModel = _installed()
	model.on_requested("rollback_to")
	var words: String = "files of version 0.0.9 are damaged or missing"
	model.on_failed({"code": "damaged-version", "message": words, "retry": false, "repair": false})
	model.on_finished("rollback_to", false)
	var view: HomeView = HomePresenter.present(model)
	equal(view.headline.key, "ERROR_DAMAGED_VERSION")
	equal(view.detail.key, "NEXT_DAMAGED_VERSION")
	check(view.error_details.contains(words), "the details name the version")
	var names: Array = [view.primary.name]
	for action: HomeView.Action in view.secondary:
		names.append(action.name)
	equal(names, ["play", "library", "check"])


func test_pause_is_offered_only_while_downloading() -> void:
	var model: LauncherModel = _offer(true)
	model.on_state_changed("CheckForUpdates", "PreparingUpdate")
	check(not HomePresenter.present(model).primary.enabled, "preparing")
	model.on_state_changed("CheckForUpdates", "DownloadingUpdate")
	check(HomePresenter.present(model).primary.enabled, "downloading")
	model.on_state_changed("Paused", "DownloadingUpdate")
	equal(HomePresenter.present(model).primary.name, "resume")


func test_progress_of_an_earlier_step_is_not_shown() -> void:
	var model: LauncherModel = _offer(true)
	model.on_state_changed("CheckForUpdates", "DownloadingUpdate")
	model.on_progress_changed({"step": "download", "done_bytes": 5, "total_bytes": 10})
	equal(HomePresenter.present(model).progress_fraction, 0.5)
	model.on_state_changed("CheckForUpdates", "ApplyingUpdate")
	equal(HomePresenter.present(model).progress_fraction, -1.0)


func test_vr_is_offered_where_the_game_has_it() -> void:
	var model: LauncherModel = _installed()
	model.on_finished("check", true)
	equal(HomePresenter.present(model).secondary[0].name, "play_vr")
	model.vr_offered = false
	equal(HomePresenter.present(model).secondary[0].name, "check")


func test_every_error_code_has_a_sentence_and_a_next_step() -> void:
	for code: String in Failure.KNOWN_CODES + ["internal", "invented"] as Array[String]:
		var failure: Failure = Failure.from({"code": code, "repair": code == "damaged"})
		check(not failure.sentence().text().begins_with("ERROR_"), code)
		check(not failure.next_step().text().begins_with("NEXT_"), code)


func test_an_unknown_error_shows_the_engines_own_sentence() -> void:
	var failure: Failure = Failure.from({"code": "invented", "message": "the moon is full"})
	equal(failure.next_step().text(), "The moon is full.")


func test_no_scene_leaves_the_page_without_a_headline_or_a_button() -> void:
	for screen: Dictionary in [{}, Scenes.status(true), Scenes.status(false)]:
		var model: LauncherModel = LauncherModel.new()
		model.on_status_changed(screen)
		var view: HomeView = HomePresenter.present(model)
		check(not view.headline.is_empty(), "headline")
		check(view.primary != null, "primary button")


func _offers(view: HomeView, action: String) -> bool:
	return view.secondary.any(func(other: HomeView.Action) -> bool: return other.name == action)


func _installed() -> LauncherModel:
	var model: LauncherModel = LauncherModel.new()
	model.game_name = "V-Sekai"
	model.on_status_changed(Scenes.status(true))
	model.on_requested("check")
	return model


func _offer(installed: bool) -> LauncherModel:
	TranslationServer.set_locale("en")
	var model: LauncherModel = LauncherModel.new()
	model.game_name = "V-Sekai"
	model.on_status_changed(Scenes.status(installed))
	model.install_path = "/games/sample"
	model.on_plan_ready(Scenes.plan(not installed))
	return model
