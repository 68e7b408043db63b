# SPDX-License-Identifier: MIT
## One setting with a few things it can be.
class_name SettingChoice
extends OptionButton

## The player chose something else.
signal chosen(name: String, value: String)

const LABEL_WIDTH: float = 200.0

var setting: String = ""

var _values: PackedStringArray = []
var _words: PackedStringArray = []
## Its name beside it; null if it stands among others.
var _label: Label = null


## Adds the setting `what` with its label `words` to `grid` and returns it.
static func add_to(grid: GridContainer, what: String, words: String) -> SettingChoice:
	var choice: SettingChoice = SettingChoice.new()
	choice.setting = what
	choice.name = what.to_pascal_case() + "Choice"
	choice._label = label(what.to_pascal_case() + "Label", words)
	choice.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	choice.clip_text = true
	# The words are put together here, values and all.
	choice.auto_translate_mode = Node.AUTO_TRANSLATE_MODE_DISABLED
	grid.add_child(choice._label)
	grid.add_child(choice)
	return choice


## Makes the label of a setting, as wide as those of all others.
static func label(node_name: String, words: String) -> Label:
	var made: Label = Label.new()
	made.name = node_name
	made.text = words
	made.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	made.custom_minimum_size.x = LABEL_WIDTH
	return made


func _ready() -> void:
	item_selected.connect(_on_selected)


## Shows `value` among what the setting can be.
func show_value(value: String) -> void:
	show_choices(SettingChoices.of(setting, value), value)


## Shows `value` among `choices`. While a download tells how far it is this comes many times a
## second, so the list is only made anew if another one is to be shown.
func show_choices(choices: Array[SettingChoices.Choice], value: String) -> void:
	var values: PackedStringArray = []
	var words: PackedStringArray = []
	for choice: SettingChoices.Choice in choices:
		values.append(choice.value)
		words.append(choice.label.text())
	if values != _values or words != _words:
		_values = values
		_words = words
		clear()
		for word: String in words:
			add_item(word)
	if not choices.is_empty():
		select(maxi(_values.find(value), 0))
	# The engine says this and then what is chosen. With the label given as the one that names it, it
	# would say the choice alone, and several settings are "as the system".
	if _label != null:
		accessibility_name = _label.atr(_label.text)


## The player is choosing right now, and the list must stay as it is.
func is_open() -> bool:
	return get_popup().visible


func set_shown(shown: bool) -> void:
	visible = shown
	if _label != null:
		_label.visible = shown


func _on_selected(place: int) -> void:
	chosen.emit(setting, _values[place])
