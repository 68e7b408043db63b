# SPDX-License-Identifier: MIT
## The small pictures on buttons, drawn from paths so that they are sharp at every scale.
class_name Pictures
extends RefCounted

const PATHS: Dictionary[String, String] = {
	"play": "M6 3v18l15-9z",
	"pause": "M5 3h5v18H5zM14 3h5v18h-5z",
	"stop": "M6 4.6 4.6 6l6 6-6 6L6 19.4l6-6 6 6 1.4-1.4-6-6 6-6L18 4.6l-6 6z",
	"download": "M10 2h4v9h5l-7 7-7-7h5zM4 19h16v3H4z",
	"refresh":
	(
		"M12 4a8 8 0 1 0 7.75 10h-2.6A5.5 5.5 0 1 1 12 6.5c1.6 0 3 .7 4 1.75L13 11h8V3"
		+ "l-3.2 3.4A8 8 0 0 0 12 4z"
	),
	"repair":
	(
		"M21 7.5a5.5 5.5 0 0 1-7.3 5.2L6.5 20a2.1 2.1 0 0 1-3-3l7.3-7.2A5.5 5.5 0 0 1 17.5 3"
		+ "l-3.2 3.2.6 2.9 2.9.6z"
	),
	"vr":
	(
		"M2 6h20v12h-6.5L13 15h-2l-2.5 3H2zM7 9.5A2 2 0 1 0 7 13.6 2 2 0 1 0 7 9.5z"
		+ "M17 9.5A2 2 0 1 0 17 13.6 2 2 0 1 0 17 9.5z"
	),
	"warning": "M12 2 23 21H1zM10.8 9v6h2.4V9zM10.8 16.6V19h2.4v-2.4z",
	"info": "M12 2a10 10 0 1 0 .01 0zM10.8 10.5h2.4V18h-2.4zM10.8 6.5h2.4v2.4h-2.4z",
	"done": "M9.5 19.5 2.5 12.5l2.4-2.4 4.6 4.6L19.1 5l2.4 2.4z",
	"clock": "M12 2a10 10 0 1 0 .01 0zM12 4.6a7.4 7.4 0 1 1-.01 0zM10.8 7v6l4.6 2.8 1.2-2-3.4-2V7z",
	"key": "M8 6a6 6 0 1 0 5.66 8H16v3h4v-3h2v-4h-8.34A6 6 0 0 0 8 6zM8 9.8a2.2 2.2 0 1 0 .01 0z",
	"back": "M10 4 2 11l8 7v-5h7a3 3 0 0 1 0 6h-3v3h3a6 6 0 0 0 0-13h-7z",
	"link":
	(
		"M10 13.5l-2.6 2.6a2.3 2.3 0 0 1-3.3-3.3l2.6-2.6-2-2-2.6 2.6a5.1 5.1 0 0 0 7.3 7.3l2.6-2.6z"
		+ "M14 10.5l2.6-2.6a2.3 2.3 0 0 1 3.3 3.3l-2.6 2.6 2 2 2.6-2.6a5.1 5.1 0 0 0-7.3-7.3L12 8.5z"
		+ "M8 14.6 14.6 8 16 9.4 9.4 16z"
	),
	"offline":
	(
		"M12 4C7.4 4 3.4 5.9.6 9l2 2C4.9 8.5 8.2 7 12 7s7.1 1.5 9.4 4l2-2C20.6 5.9 16.6 4 12 4z"
		+ "M12 10c-2.8 0-5.3 1.2-7 3l2 2a7 7 0 0 1 10 0l2-2c-1.7-1.8-4.2-3-7-3zM9.2 17l2.8 3 2.8-3z"
		+ "M2.6 2 1.2 3.4 20.6 22.8 22 21.4z"
	),
	"folder": "M2 4h8l2 3h10v13H2z",
	"pin": "M8 2h8v2l-1 1v6l4 4v2h-6v6l-1 1-1-1v-6H5v-2l4-4V5L8 4z",
	"trash": "M9 2h6v2h6v3H3V4h6zM5 9h14l-1 13H6z",
	"chevron": "M5 8l7 8 7-8z",
	"dot": "M12 7a5 5 0 1 0 .01 0z",
	"blank": "",
}
const TEMPLATE: String = (
	'<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">'
	+ '<path fill="#%s" fill-rule="evenodd" d="%s"/></svg>'
)

static var _made: Dictionary[String, Texture2D] = {}


## The picture of that name, white unless another colour is asked for; null for no name.
static func named(name: String, colour: Color = Color.WHITE) -> Texture2D:
	if not PATHS.has(name):
		return null
	var key: String = name + colour.to_html(false)
	if not _made.has(key):
		_made[key] = DPITexture.create_from_string(TEMPLATE % [colour.to_html(false), PATHS[name]])
	return _made[key]
