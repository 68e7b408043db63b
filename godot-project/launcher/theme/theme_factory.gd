# SPDX-License-Identifier: MIT
## Builds the launcher's theme from a palette and a text size: square corners, flat colours, Roboto
## Mono. Scenes name the variations made here and override nothing.
class_name ThemeFactory
extends RefCounted

const REGULAR: Font = preload("res://fonts/ui_regular.tres")
const BOLD: Font = preload("res://fonts/ui_bold.tres")
const BASE_SIZE: int = 16
const EDGE: int = 2
## Around the text in a field.
const FIELD_MARGIN: int = 10

var _palette: Palette
var _scale: float = 1.0
var _compact: bool = false
var _theme: Theme


## `text_scale` is in percent; `compact` is for windows with little height.
static func build(palette: Palette, text_scale: int, compact: bool) -> Theme:
	var factory: ThemeFactory = ThemeFactory.new()
	factory._palette = palette
	factory._scale = text_scale / 100.0
	factory._compact = compact
	factory._theme = Theme.new()
	factory._theme.default_font = REGULAR
	factory._theme.default_font_size = factory._size(BASE_SIZE)
	factory._add_labels()
	factory._add_panels()
	factory._add_buttons()
	factory._add_fields()
	factory._add_menus()
	factory._add_scrolling()
	factory._add_spacing()
	return factory._theme


func _add_labels() -> void:
	_colour("font_color", "Label", _palette.text)
	_label("Headline", _palette.headline, 27 if _compact else 38, BOLD)
	_label("Detail", _palette.text, 16)
	_label("Soft", _palette.text_soft, 14)
	_label("Heading", _palette.headline, 20, BOLD)
	_label("FigureValue", _palette.headline, 20 if _compact else 26, BOLD)
	_label("Tag", _palette.on_accent, 13, BOLD)
	var tag: StyleBoxFlat = _flat(_palette.accent, 3)
	tag.content_margin_left = 8
	tag.content_margin_right = 8
	_theme.set_stylebox("normal", "Tag", tag)
	_label("BesideField", _palette.text, BASE_SIZE)
	var beside: StyleBoxEmpty = StyleBoxEmpty.new()
	beside.content_margin_top = FIELD_MARGIN
	_theme.set_stylebox("normal", "BesideField", beside)
	_label("Notice", _palette.text, 16, BOLD)
	_label("RailName", _palette.rail_text, 22, BOLD)
	_label("RailSoft", _palette.rail_text_soft, 14)
	_colour("default_color", "RichTextLabel", _palette.text)
	_theme.set_font("normal_font", "RichTextLabel", REGULAR)
	_theme.set_font("bold_font", "RichTextLabel", BOLD)
	_theme.set_font("mono_font", "RichTextLabel", REGULAR)
	_theme.set_font("italics_font", "RichTextLabel", REGULAR)
	for kind: String in ["normal", "bold", "italics", "mono"]:
		_theme.set_font_size(kind + "_font_size", "RichTextLabel", _size(BASE_SIZE))
	_theme.set_constant("line_separation", "RichTextLabel", 4)
	_theme.set_stylebox("focus", "RichTextLabel", _focus_ring(4))
	_theme.set_stylebox("normal", "RichTextLabel", StyleBoxEmpty.new())


func _add_panels() -> void:
	_panel("Rail", _flat(_palette.rail))
	_panel("Scrim", _flat(Color(_palette.rail, 0.72)))
	var card: StyleBoxFlat = _flat(_palette.surface, 14 if _compact else 20)
	card.border_color = _palette.surface_edge
	card.set_border_width_all(1)
	_panel("Card", card)
	var notice: StyleBoxFlat = _flat(_palette.surface, 12)
	notice.border_color = _palette.accent
	notice.border_width_left = 6
	notice.content_margin_left = 18
	_panel("NoticeCard", notice)
	var dialog: StyleBoxFlat = _flat(_palette.ground, 28)
	dialog.border_color = _palette.accent
	dialog.set_border_width_all(EDGE)
	_panel("Dialog", dialog)
	var rule: StyleBoxFlat = _flat(_palette.accent)
	_panel("Rule", rule)
	var tooltip: StyleBoxFlat = _flat(_palette.rail, 8)
	_theme.set_stylebox("panel", "TooltipPanel", tooltip)
	_colour("font_color", "TooltipLabel", _palette.rail_text)


func _add_buttons() -> void:
	var across: int = 14 if _compact else 16
	var down: int = 6 if _compact else 9
	_button("Button", BASE_SIZE, across, down)
	_paint_button("Button", _palette.surface, _palette.headline, _palette.accent)
	_variation("PrimaryButton", "Button")
	_button("PrimaryButton", 20 if _compact else 22, 28 if _compact else 40, 11 if _compact else 17)
	_theme.set_font("font", "PrimaryButton", BOLD)
	_paint_button("PrimaryButton", _palette.accent, _palette.on_accent, _palette.accent)
	_theme.set_constant("icon_max_width", "PrimaryButton", 26)
	_variation("StrongButton", "Button")
	_button("StrongButton", BASE_SIZE, across, down)
	_paint_button("StrongButton", _palette.accent, _palette.on_accent, _palette.accent)
	_variation("RailButton", "Button")
	_button("RailButton", 17, 20, 6 if _compact else 11)
	_paint_rail_button()
	_variation("TabButton", "Button")
	_button("TabButton", BASE_SIZE, 14, 7)
	_paint_tab_button()
	_variation("TextButton", "Button")
	_button("TextButton", 14, 2, 6)
	_paint_link_button()


func _add_fields() -> void:
	var field: StyleBoxFlat = _flat(_palette.surface, FIELD_MARGIN)
	field.content_margin_left = 12
	field.border_color = _palette.text_soft
	field.set_border_width_all(1)
	_theme.set_stylebox("normal", "LineEdit", field)
	var read_only: StyleBoxFlat = field.duplicate()
	read_only.bg_color = _palette.track
	_theme.set_stylebox("read_only", "LineEdit", read_only)
	_theme.set_stylebox("focus", "LineEdit", _focus_ring(0))
	_colour("font_color", "LineEdit", _palette.text)
	_colour("font_uneditable_color", "LineEdit", _palette.text_soft)
	_colour("font_placeholder_color", "LineEdit", _palette.text_soft)
	_colour("caret_color", "LineEdit", _palette.headline)
	_colour("selection_color", "LineEdit", _palette.accent)
	_colour("font_selected_color", "LineEdit", _palette.on_accent)
	for state: String in ["normal", "hover", "pressed", "hover_pressed", "disabled"]:
		var choice: StyleBoxFlat = (read_only if state == "disabled" else field).duplicate()
		var is_still: bool = state in ["normal", "disabled"]
		choice.border_color = _palette.text_soft if is_still else _palette.accent
		_theme.set_stylebox(state, "OptionButton", choice)
	_theme.set_stylebox("focus", "OptionButton", _focus_ring(0))
	for state: String in ["", "_hover", "_pressed", "_hover_pressed", "_focus"]:
		_colour("font%s_color" % state, "OptionButton", _palette.text)
	_colour("font_disabled_color", "OptionButton", _palette.text_soft)
	_theme.set_constant("arrow_margin", "OptionButton", 14)
	_theme.set_constant("modulate_arrow", "OptionButton", 1)
	_theme.set_icon("arrow", "OptionButton", Pictures.named("chevron"))
	_theme.set_stylebox("background", "ProgressBar", _flat(_palette.track))
	_theme.set_stylebox("fill", "ProgressBar", _flat(_palette.accent))


func _add_menus() -> void:
	var panel: StyleBoxFlat = _flat(_palette.surface, 8)
	panel.border_color = _palette.accent
	panel.set_border_width_all(EDGE)
	_theme.set_stylebox("panel", "PopupMenu", panel)
	_theme.set_stylebox("hover", "PopupMenu", _flat(_palette.accent))
	_colour("font_color", "PopupMenu", _palette.text)
	_colour("font_hover_color", "PopupMenu", _palette.on_accent)
	_theme.set_constant("v_separation", "PopupMenu", 10)
	_theme.set_constant("item_start_padding", "PopupMenu", 12)
	_theme.set_constant("item_end_padding", "PopupMenu", 16)
	_theme.set_icon("radio_checked", "PopupMenu", Pictures.named("dot", _palette.headline))
	_theme.set_icon("radio_unchecked", "PopupMenu", Pictures.named("blank"))
	_add_windows()


## The folder dialog.
func _add_windows() -> void:
	var frame: StyleBoxFlat = _flat(_palette.ground, 8)
	frame.border_color = _palette.rail
	frame.set_border_width_all(EDGE)
	frame.border_width_top = 34
	frame.expand_margin_top = 34
	frame.set_expand_margin(SIDE_LEFT, EDGE)
	frame.set_expand_margin(SIDE_RIGHT, EDGE)
	frame.set_expand_margin(SIDE_BOTTOM, EDGE)
	_theme.set_stylebox("embedded_border", "Window", frame)
	_theme.set_stylebox("embedded_unfocused_border", "Window", frame)
	_theme.set_constant("title_height", "Window", 34)
	_colour("title_color", "Window", _palette.rail_text)
	_theme.set_stylebox("panel", "AcceptDialog", _flat(_palette.ground, 12))
	var list: StyleBoxFlat = _flat(_palette.surface, 6)
	_theme.set_stylebox("panel", "Tree", list)
	_theme.set_stylebox("panel", "ItemList", list)
	for kind: String in ["Tree", "ItemList"]:
		_colour("font_color", kind, _palette.text)
		_colour("font_hovered_color", kind, _palette.text)
		_colour("font_selected_color", kind, _palette.on_accent)
		_theme.set_stylebox("selected", kind, _flat(_palette.accent))
		_theme.set_stylebox("selected_focus", kind, _flat(_palette.accent))
		_theme.set_stylebox("focus", kind, _focus_ring(0))
	_colour("folder_icon_color", "FileDialog", _palette.headline)


func _add_scrolling() -> void:
	for kind: String in ["VScrollBar", "HScrollBar"]:
		var track: StyleBoxFlat = _flat(Color(_palette.track, 0.6))
		track.content_margin_left = 4
		track.content_margin_right = 4
		_theme.set_stylebox("scroll", kind, track)
		_theme.set_stylebox("scroll_focus", kind, track)
		_theme.set_stylebox("grabber", kind, _flat(_palette.text_soft))
		_theme.set_stylebox("grabber_highlight", kind, _flat(_palette.headline))
		_theme.set_stylebox("grabber_pressed", kind, _flat(_palette.headline))
	_theme.set_stylebox("panel", "ScrollContainer", StyleBoxEmpty.new())
	_theme.set_stylebox("focus", "ScrollContainer", _focus_ring(4))


func _add_spacing() -> void:
	var gap: int = 10 if _compact else 16
	_theme.set_constant("separation", "VBoxContainer", gap)
	_theme.set_constant("separation", "HBoxContainer", 12)
	_theme.set_constant("h_separation", "HFlowContainer", 12)
	_theme.set_constant("v_separation", "HFlowContainer", 10)
	_box("Tight", "VBoxContainer", 4)
	_box("Wide", "VBoxContainer", 14 if _compact else 24)
	_box("RailList", "VBoxContainer", 0)
	_box("Flush", "HBoxContainer", 0)
	_box("Columns", "HBoxContainer", 24)
	_theme.set_constant("h_separation", "GridContainer", 24)
	_theme.set_constant("v_separation", "GridContainer", 12)
	_variation("Tabs", "HFlowContainer")
	_theme.set_constant("h_separation", "Tabs", 8)
	_theme.set_constant("v_separation", "Tabs", 8)
	_variation("Figures", "HFlowContainer")
	_theme.set_constant("h_separation", "Figures", 24)
	_theme.set_constant("v_separation", "Figures", 0)
	_margins("PageMargin", 28 if _compact else 48, 22 if _compact else 40)
	_margins("RailMargin", 0, WindowFit.rail_margin(_compact))
	_margins("RailInset", WindowFit.RAIL_INSET, 0)
	_margins("ReadingInset", 0, 0)
	_theme.set_constant("margin_right", "ReadingInset", 16)
	# What ends where the scrolled part below it does.
	_margins("HeadInset", 0, 0)
	_variation("ScrollInset", "MarginContainer")
	for inset: String in ["HeadInset", "ScrollInset"]:
		_theme.set_constant("margin_right", inset, 20)
	_theme.set_constant("margin_top", "ScrollInset", 6)
	_theme.set_constant("margin_bottom", "ScrollInset", 6)


func _label(variation: String, colour: Color, size: int, font: Font = null) -> void:
	_variation(variation, "Label")
	_colour("font_color", variation, colour)
	_theme.set_font_size("font_size", variation, _size(size))
	if font != null:
		_theme.set_font("font", variation, font)


func _panel(variation: String, box: StyleBox) -> void:
	_variation(variation, "PanelContainer")
	_theme.set_stylebox("panel", variation, box)


func _box(variation: String, base: String, separation: int) -> void:
	_variation(variation, base)
	_theme.set_constant("separation", variation, separation)


func _margins(variation: String, across: int, down: int) -> void:
	_variation(variation, "MarginContainer")
	for side: String in ["left", "right"]:
		_theme.set_constant("margin_" + side, variation, across)
	for side: String in ["top", "bottom"]:
		_theme.set_constant("margin_" + side, variation, down)


## Size, padding and focus ring of a kind of button.
func _button(kind: String, size: int, across: int, down: int) -> void:
	_theme.set_font_size("font_size", kind, _size(size))
	_theme.set_constant("h_separation", kind, 10)
	_theme.set_constant("icon_max_width", kind, 20)
	for state: String in ["normal", "hover", "pressed", "disabled", "hover_pressed"]:
		var box: StyleBoxFlat = _flat(_palette.surface)
		box.content_margin_left = across
		box.content_margin_right = across
		box.content_margin_top = down
		box.content_margin_bottom = down
		_theme.set_stylebox(state, kind, box)
	_theme.set_stylebox("focus", kind, _focus_ring(5))


func _paint_button(kind: String, fill: Color, words: Color, edge: Color) -> void:
	var fills: Dictionary[String, Color] = {
		"normal": fill,
		"hover": _palette.accent_hover,
		"pressed": _palette.accent_pressed,
		"hover_pressed": _palette.accent_pressed,
		"disabled": _palette.disabled,
	}
	for state: String in fills:
		var box: StyleBoxFlat = _theme.get_stylebox(state, kind)
		box.bg_color = fills[state]
		box.border_color = edge if state == "normal" else fills[state]
		box.set_border_width_all(EDGE)
	_colour("font_color", kind, words)
	_colour("icon_normal_color", kind, words)
	for prefix: String in ["font", "icon"]:
		_colour("%s_focus_color" % prefix, kind, words)
		_colour("%s_disabled_color" % prefix, kind, _palette.on_disabled)
		for state: String in ["hover", "pressed", "hover_pressed"]:
			_colour("%s_%s_color" % [prefix, state], kind, _palette.on_accent)


func _paint_rail_button() -> void:
	var fills: Dictionary[String, Color] = {
		"normal": _palette.rail,
		"hover": Color(_palette.rail_chosen, 0.55),
		"pressed": _palette.rail_chosen,
		"hover_pressed": _palette.rail_chosen,
		"disabled": _palette.rail,
	}
	for state: String in fills:
		var box: StyleBoxFlat = _theme.get_stylebox(state, "RailButton")
		box.bg_color = fills[state]
		box.border_width_left = 5
		box.content_margin_left = 25
		var chosen: bool = state in ["pressed", "hover_pressed"]
		box.border_color = _palette.rail_text if chosen else fills[state]
		_colour("font_color", "RailButton", _palette.rail_text_soft)
		if state != "normal":
			_colour("font_%s_color" % state, "RailButton", _palette.rail_text)
	_colour("font_focus_color", "RailButton", _palette.rail_text)
	var ring: StyleBoxFlat = _focus_ring(-3)
	ring.border_color = _palette.rail_text
	_theme.set_stylebox("focus", "RailButton", ring)


## One of several sections: the one that is shown is filled, so that colour is not alone.
func _paint_tab_button() -> void:
	_paint_button("TabButton", _palette.ground, _palette.headline, _palette.surface_edge)
	for state: String in ["pressed", "hover_pressed"]:
		var box: StyleBoxFlat = _theme.get_stylebox(state, "TabButton")
		box.bg_color = _palette.accent
		box.border_color = _palette.accent


func _paint_link_button() -> void:
	for state: String in ["normal", "hover", "pressed", "hover_pressed", "disabled"]:
		var box: StyleBoxFlat = _theme.get_stylebox(state, "TextButton")
		box.draw_center = false
		box.border_color = _palette.headline
		box.border_width_bottom = 0 if state == "disabled" else 1
	for state: String in ["", "_hover", "_pressed", "_hover_pressed", "_focus"]:
		_colour("font%s_color" % state, "TextButton", _palette.headline)


## A frame around the control, `away` pixels outside it.
func _focus_ring(away: int) -> StyleBoxFlat:
	var ring: StyleBoxFlat = StyleBoxFlat.new()
	ring.draw_center = false
	ring.border_color = _palette.focus
	ring.set_border_width_all(3)
	ring.set_expand_margin_all(away)
	ring.set_content_margin_all(0)
	return ring


func _flat(colour: Color, margin: int = 0) -> StyleBoxFlat:
	var box: StyleBoxFlat = StyleBoxFlat.new()
	box.bg_color = colour
	box.anti_aliasing = false
	box.set_content_margin_all(margin)
	return box


func _variation(name: String, base: String) -> void:
	_theme.set_type_variation(name, base)


func _colour(name: String, kind: String, colour: Color) -> void:
	_theme.set_color(name, kind, colour)


func _size(pixels: int) -> int:
	return roundi(pixels * _scale)
