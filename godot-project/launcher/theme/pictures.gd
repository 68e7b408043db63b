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
