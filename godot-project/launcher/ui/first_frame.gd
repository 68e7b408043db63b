# SPDX-License-Identifier: MIT
## What the window shows while the rest of it is loaded: its ground, the rail and the badge, each
## where it stays.
class_name FirstFrame
extends Control

const BADGE: Texture2D = preload("res://branding/badge.svg")

var _palette: Palette


func _init(palette: Palette) -> void:
	_palette = palette
	set_anchors_preset(Control.PRESET_FULL_RECT)
	RenderingServer.set_default_clear_color(palette.ground)


func _draw() -> void:
	draw_rect(rail_place(), _palette.rail)
	draw_texture_rect(BADGE, badge_place(), false)


func rail_place() -> Rect2:
	return Rect2(0.0, 0.0, WindowFit.rail_width(WindowFit.is_compact(size)), size.y)


func badge_place() -> Rect2:
	var compact: bool = WindowFit.is_compact(size)
	var corner: Vector2 = Vector2(WindowFit.RAIL_INSET, WindowFit.rail_margin(compact))
	return Rect2(corner, Vector2.ONE * WindowFit.badge_side(compact))
