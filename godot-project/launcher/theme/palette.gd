# SPDX-License-Identifier: MIT
## The brand's colours in their roles, once for light and once for dark.
##
## Text on its ground is at least 4.5:1, large text and edges at least 3:1; a test measures it.
class_name Palette
extends RefCounted

const MAROON: Color = Color("#731C1C")
const RED: Color = Color("#DC322F")
const BONE: Color = Color("#F6F4F2")

var ground: Color
## Fields, cards and menus.
var surface: Color
var surface_edge: Color
var text: Color
var text_soft: Color
## Headlines, edges of buttons, bars.
var accent: Color
var on_accent: Color
var accent_hover: Color
var accent_pressed: Color
## Text in maroon where the accent itself would be too faint.
var headline: Color
var disabled: Color
var on_disabled: Color
var focus: Color
var rail: Color
var rail_text: Color
var rail_text_soft: Color
var rail_chosen: Color
## The large mark behind the page.
var watermark: Color
var track: Color


## The palette for the setting `theme`: "light", "dark", or "system" for what the desktop has.
static func chosen(theme: String) -> Palette:
	var wants_dark: bool = theme == "dark" or theme == "system" and DisplayServer.is_dark_mode()
	return dark() if wants_dark else light()


static func light() -> Palette:
	var palette: Palette = Palette.new()
	palette.ground = BONE
	palette.surface = Color("#FFFFFF")
	palette.surface_edge = Color("#D9D3CE")
	palette.text = Color("#2B1513")
	palette.text_soft = Color("#6B5450")
	palette.accent = MAROON
	palette.on_accent = BONE
	palette.accent_hover = Color("#8E2424")
	palette.accent_pressed = Color("#4E1212")
	palette.headline = MAROON
	palette.disabled = Color("#D6CFCA")
	palette.on_disabled = Color("#6B5F5A")
	palette.focus = RED
	palette.rail = Color("#3A0E0E")
	palette.rail_text = BONE
	palette.rail_text_soft = Color("#D3B9B4")
	palette.rail_chosen = MAROON
	palette.watermark = Color("#EBE5E0")
	palette.track = Color("#E2DBD5")
	return palette


static func dark() -> Palette:
	var palette: Palette = Palette.new()
	palette.ground = Color("#1D1110")
	palette.surface = Color("#2A1917")
	palette.surface_edge = Color("#4C302C")
	palette.text = Color("#F1E9E5")
	palette.text_soft = Color("#BFA9A3")
	palette.accent = Color("#D12C2A")
	palette.on_accent = Color("#FFFFFF")
	palette.accent_hover = Color("#B82422")
	palette.accent_pressed = Color("#8E1B1A")
	palette.headline = BONE
	palette.disabled = Color("#3B2825")
	palette.on_disabled = Color("#B19C96")
	palette.focus = Color("#FFB4A6")
	palette.rail = Color("#2A0909")
	palette.rail_text = BONE
	palette.rail_text_soft = Color("#CBB0AA")
	palette.rail_chosen = Color("#5E1616")
	palette.watermark = Color("#281816")
	palette.track = Color("#3B2623")
	return palette


## The contrast of two opaque colours by the WCAG formula, 1 to 21.
static func contrast(one: Color, other: Color) -> float:
	var lights: Array[float] = [_luminance(one), _luminance(other)]
	return (maxf(lights[0], lights[1]) + 0.05) / (minf(lights[0], lights[1]) + 0.05)


static func _luminance(colour: Color) -> float:
	var linear: Color = colour.srgb_to_linear()
	return 0.2126 * linear.r + 0.7152 * linear.g + 0.0722 * linear.b
