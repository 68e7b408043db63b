# SPDX-License-Identifier: MIT
## A button that shows a `HomeView.Action`.
class_name ActionButton
extends Button

## The name of what it does, or did before it was hidden.
var action: String = ""


## Returns the first of `buttons` that can be pressed, or null.
static func first_usable(buttons: Array[ActionButton]) -> ActionButton:
	for button: ActionButton in buttons:
		if button.visible and not button.disabled:
			return button
	return null


## Shows `shown`, or hides the button for null.
func show_action(shown: HomeView.Action) -> void:
	visible = shown != null
	if shown == null:
		return
	action = shown.name
	text = shown.label.text()
	icon = Pictures.named(shown.icon)
	disabled = not shown.enabled
