# SPDX-License-Identifier: MIT
## The panel of a question, which is a dialog for screen readers: they say that it came, and do not
## wander off into the page behind it. No node of the engine but a window of its own has that role.
class_name QuestionDialog
extends PanelContainer


func _notification(what: int) -> void:
	if what == NOTIFICATION_ACCESSIBILITY_UPDATE:
		var element: RID = get_accessibility_element()
		DisplayServer.accessibility_update_set_role(element, DisplayServer.ROLE_DIALOG)
		DisplayServer.accessibility_update_set_flag(element, DisplayServer.FLAG_MODAL, true)
