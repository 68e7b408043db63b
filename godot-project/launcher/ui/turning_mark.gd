# SPDX-License-Identifier: MIT
## The mark behind the page, turning so slowly that it is felt more than seen.
##
## It stands still with reduced motion, when the window is not in front or is minimised, and after a
## while without input, so that an idle launcher draws nothing.
class_name TurningMark
extends Control

const TURN_SECONDS: float = 96.0
const IDLE_SECONDS: float = 90.0
## Redraws a second; more cannot be seen at this speed.
const STEPS_PER_SECOND: float = 30.0

## The mark; null until it has been loaded.
var texture: Texture2D = null:
	set(value):
		texture = value
		queue_redraw()

var moving_allowed: bool = true
## Work is going on that the player may be watching.
var busy: bool = false
var colour: Color = Color.WHITE:
	set(value):
		colour = value
		queue_redraw()

var _angle: float = PI
var _since_input: float = 0.0
var _since_step: float = 0.0


func _process(delta: float) -> void:
	_since_input += delta
	if not _may_move():
		return
	_since_step += delta
	if _since_step >= 1.0 / STEPS_PER_SECOND:
		_angle = fposmod(_angle + TAU * _since_step / TURN_SECONDS, TAU)
		_since_step = 0.0
		queue_redraw()


func _input(_event: InputEvent) -> void:
	_since_input = 0.0


func _draw() -> void:
	if texture == null:
		return
	var side: float = minf(size.y * 1.16, size.x * 0.92)
	var centre: Vector2 = Vector2(size.x - side * 0.34, size.y * 0.54)
	if is_layout_rtl():
		centre.x = size.x - centre.x
	draw_set_transform(centre, _angle)
	draw_texture_rect(texture, Rect2(Vector2.ONE * side * -0.5, Vector2.ONE * side), false, colour)


func _may_move() -> bool:
	if not moving_allowed or not is_visible_in_tree():
		return false
	var window: Window = get_window()
	if window.mode == Window.MODE_MINIMIZED or not window.has_focus():
		return false
	return busy or _since_input < IDLE_SECONDS
