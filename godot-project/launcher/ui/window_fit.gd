# SPDX-License-Identifier: MIT
## The scale of the interface for the screen that the window is on, and the measures of the rail,
## which the first frame shares with the window.
class_name WindowFit
extends RefCounted

const MIN_SIZE: Vector2i = Vector2i(960, 540)
const DESIGN_SIZE: Vector2i = Vector2i(1280, 800)
## Below this size of the window, in scaled pixels, everything moves closer together.
const ROOMY: Vector2 = Vector2(1120, 680)
## The distance of what is in the rail from its left edge.
const RAIL_INSET: int = 25


## Sets the scale, the least size and, at the start, a size that fits the screen: the one of the
## last time, `before`, if it still does.
static func fit(window: Window, at_start: bool, before: Rect2i = Rect2i()) -> void:
	var screen: int = window.current_screen
	var area: Rect2i = DisplayServer.screen_get_usable_rect(screen)
	var factor: float = scale_for(
		DisplayServer.screen_get_size(screen),
		DisplayServer.screen_get_dpi(screen),
		DisplayServer.screen_get_scale(screen)
	)
	window.content_scale_factor = factor
	window.min_size = Vector2i(Vector2(MIN_SIZE) * factor).min(area.size)
	if at_start and window.mode == Window.MODE_WINDOWED:
		var standard: Vector2i = Vector2i(Vector2(DESIGN_SIZE) * factor).min(area.size)
		var rect: Rect2i = placed(before, _screens(), window.min_size)
		if not rect.has_area():
			rect = Rect2i(area.position + (area.size - standard) / 2, standard)
		window.size = rect.size
		window.position = rect.position


## Where a window that was at `before` can be now: on a screen that shows enough of it to grab, or
## nowhere (an empty rectangle).
static func placed(before: Rect2i, screens: Array[Rect2i], least: Vector2i) -> Rect2i:
	if before.size.x < least.x or before.size.y < least.y:
		return Rect2i()
	for screen: Rect2i in screens:
		var seen: Rect2i = screen.intersection(before)
		if seen.get_area() * 2 >= before.get_area():
			var size: Vector2i = before.size.min(screen.size)
			var last: Vector2i = screen.end - size
			return Rect2i(before.position.clamp(screen.position, last), size)
	return Rect2i()


static func is_compact(size: Vector2) -> bool:
	return size.x < ROOMY.x or size.y < ROOMY.y


static func rail_width(compact: bool) -> float:
	return 196.0 if compact else 232.0


## The distance of what is in the rail from its upper and lower edge.
static func rail_margin(compact: bool) -> int:
	return 18 if compact else 28


static func badge_side(compact: bool) -> float:
	return 64.0 if compact else 96.0


static func _screens() -> Array[Rect2i]:
	var screens: Array[Rect2i] = []
	for screen: int in DisplayServer.get_screen_count():
		screens.append(DisplayServer.screen_get_usable_rect(screen))
	return screens


## The system's own scale where it tells one, else one from the screen's size and density.
static func scale_for(pixels: Vector2i, dpi: int, system_scale: float) -> float:
	if system_scale > 1.0:
		return clampf(system_scale, 1.0, 4.0)
	var short_side: int = mini(pixels.x, pixels.y)
	if dpi >= 144 and short_side >= 1000:
		return clampf(snappedf(dpi / 96.0, 0.25), 1.0, 4.0)
	if short_side >= 2000:
		return 2.0
	return 1.5 if short_side >= 1400 else 1.0
