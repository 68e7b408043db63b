# SPDX-License-Identifier: MIT
## A page of the window, which makes it when it is first shown and tells it what there is then.
class_name LauncherPage
extends ReaderGroup


## Joins the page with what it shows. `question` is for what needs the player's word.
func start(_session: LauncherSession, _question: Question) -> void:
	pass


## Shows what depends on the state of the game.
func show_model(_model: LauncherModel) -> void:
	pass


## Shows the part of the page with that name; most have none.
func show_section(_section: String) -> void:
	pass


## What has the focus once the page is shown; null if there is nothing for it.
func first_focus() -> Control:
	return null
