# SPDX-License-Identifier: MIT
## What is shown and hidden as a whole, as a group of its own for screen readers. The engine gives
## containers no role, and what lies in a hidden one without a role is lost to a screen reader of
## Linux that is started again: it hears of the group when that is shown, but not of its contents.
class_name ReaderGroup
extends Control


func _notification(what: int) -> void:
	if what == NOTIFICATION_ACCESSIBILITY_UPDATE:
		DisplayServer.accessibility_update_set_role(
			get_accessibility_element(), DisplayServer.ROLE_PANEL
		)
