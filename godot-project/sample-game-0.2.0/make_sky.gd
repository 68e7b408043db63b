# SPDX-License-Identifier: MIT
## Draws the night sky of version 0.2.0, from seeds, so that anybody gets the same picture:
##
##     godot --headless --script godot-project/sample-game-0.2.0/make_sky.gd
##
## Run it at the top of the repository.
extends SceneTree

const TARGET: String = "godot-project/sample-game-0.2.0/files/world/aurora.png"
const SIZE: Vector2i = Vector2i(2048, 1024)
const STARS: int = 2400
const ZENITH: Color = Color("14040a")
const HORIZON: Color = Color("6b1a1c")
const GROUND: Color = Color("2a0a0a")
const CURTAIN: Color = Color("ff7a5c")
const FRINGE: Color = Color("ffd9a0")

var _folds: FastNoiseLite = _noise(7, 0.9)
var _rays: FastNoiseLite = _noise(11, 9.0)
var _haze: FastNoiseLite = _noise(23, 1.6)


func _init() -> void:
	var image: Image = Image.create(SIZE.x, SIZE.y, false, Image.FORMAT_RGB8)
	for y: int in SIZE.y:
		for x: int in SIZE.x:
			image.set_pixel(x, y, _sky(float(x) / SIZE.x, float(y) / SIZE.y))
	_sprinkle_stars(image)
	var here: String = DirAccess.open(".").get_current_dir()
	quit(0 if image.save_png(here.path_join(TARGET)) == OK else 1)


## The colour at `turn` (0 to 1 around the horizon) and `drop` (0 at the zenith, 0.5 at the
## horizon).
func _sky(turn: float, drop: float) -> Color:
	if drop > 0.5:
		return HORIZON.lerp(GROUND, clampf((drop - 0.5) * 6.0, 0.0, 1.0))
	var colour: Color = ZENITH.lerp(HORIZON, pow(drop * 2.0, 2.6))
	colour = colour.lerp(HORIZON, 0.18 * (0.5 + _around(_haze, turn, drop * 3.0)))
	for layer: int in 3:
		colour = _add_curtain(colour, turn, drop, layer)
	return colour


func _add_curtain(under: Color, turn: float, drop: float, layer: int) -> Color:
	var foot: float = 0.40 - 0.07 * layer + 0.07 * _around(_folds, turn, 5.0 * layer)
	var height: float = 0.16 + 0.05 * _around(_folds, turn, 40.0 + layer)
	var rise: float = (foot - drop) / height
	if rise < -0.06 or rise > 1.0:
		return under
	var edge: float = smoothstep(-0.06, 0.02, rise) * pow(1.0 - maxf(rise, 0.0), 1.8)
	var ray: float = 0.55 + 0.45 * _around(_rays, turn, 3.0 * layer + rise * 0.25)
	var strength: float = edge * ray * clampf(0.75 + _around(_folds, turn, 80.0 + layer), 0.0, 1.0)
	return under + CURTAIN.lerp(FRINGE, 1.0 - clampf(rise * 5.0, 0.0, 1.0)) * strength * 0.55


## Noise on a circle, so that the picture's left edge meets its right edge.
func _around(noise: FastNoiseLite, turn: float, along: float) -> float:
	return noise.get_noise_3d(cos(turn * TAU), sin(turn * TAU), along)


func _sprinkle_stars(image: Image) -> void:
	var dice: RandomNumberGenerator = RandomNumberGenerator.new()
	dice.seed = 20260
	for _star: int in STARS:
		var spot: Vector2i = Vector2i(dice.randi_range(0, SIZE.x - 1), 0)
		spot.y = int(pow(dice.randf(), 0.7) * SIZE.y * 0.48)
		var light: float = pow(dice.randf(), 3.0) * 0.8 + 0.1
		image.set_pixelv(spot, image.get_pixelv(spot) + Color(light, light * 0.95, light * 0.85))


func _noise(noise_seed: int, frequency: float) -> FastNoiseLite:
	var noise: FastNoiseLite = FastNoiseLite.new()
	noise.seed = noise_seed
	noise.frequency = frequency
	noise.fractal_octaves = 4
	return noise
