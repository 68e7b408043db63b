# SPDX-License-Identifier: MIT
## Stands in for a page that cannot be loaded: says so, and what helps. It has no scene of its own,
## which could be missing as well.
class_name MissingPage
extends LauncherPage

var _words: VBoxContainer = VBoxContainer.new()


## Returns the page that `scene` makes, or one of this class if that is none.
static func unless_made(scene: PackedScene) -> LauncherPage:
	var made: Node = scene.instantiate() if scene != null else null
	if made is LauncherPage:
		return made
	if made != null:
		made.free()
	return MissingPage.new()


func _init() -> void:
	accessibility_name = "PAGE_MISSING"
	_words.name = "Words"
	_words.theme_type_variation = &"Tight"
	_words.set_anchors_preset(Control.PRESET_FULL_RECT)
	add_child(_words)
	_add_label("Headline", "PAGE_MISSING", &"Headline")
	_add_label("Detail", "NEXT_LIBRARY_MISSING", &"Detail")


## Told to screen readers by itself, as nothing here takes the focus.
func _add_label(node_name: String, key: String, look: StringName) -> void:
	var label: Label = Label.new()
	label.name = node_name
	label.text = key
	label.theme_type_variation = look
	label.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	label.accessibility_live = DisplayServer.LIVE_POLITE
	_words.add_child(label)
