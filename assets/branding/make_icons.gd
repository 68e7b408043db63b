# SPDX-License-Identifier: MIT
## Renders every icon size from the source marks, with Godot's own SVG renderer:
##
##     godot --headless --script assets/branding/make_icons.gd [-- --check]
##
## Run it at the top of the repository. `--check` writes nothing and fails if a file is out of date.
extends SceneTree

const SOURCE_DIR: String = "assets/branding/source"
const ICON_DIR: String = "assets/branding/icons"
const PNG_SIZES: Array[int] = [16, 24, 32, 48, 64, 128, 256, 512, 1024]
const ICO_SIZES: Array[int] = [16, 24, 32, 48, 64, 128, 256]
## Apple's type codes for PNG pictures, with the side in pixels.
const ICNS_TYPES: Dictionary[String, int] = {
	"icp4": 16, "icp5": 32, "icp6": 64, "ic07": 128, "ic08": 256, "ic09": 512, "ic10": 1024
}
## Brand red of the mark's ground; the source icon has the website's #DC1E26.
const GROUND: String = "#DC322F"
const SOURCE_GROUND: String = "#DC1E26"

var _stale: PackedStringArray = []
var _check: bool = false


func _init() -> void:
	_check = OS.get_cmdline_user_args().has("--check")
	var pictures: Dictionary[int, PackedByteArray] = {}
	for side: int in PNG_SIZES:
		pictures[side] = _render(_icon_svg(), side)
		_put("%s/icon-%d.png" % [ICON_DIR, side], pictures[side])
	_put("%s/icon.ico" % ICON_DIR, _ico(pictures))
	_put("%s/icon.icns" % ICON_DIR, _icns(pictures))
	_put("%s/icon.svg" % ICON_DIR, _icon_svg().to_utf8_buffer())
	_put("%s/mark.svg" % ICON_DIR, _mark_svg().to_utf8_buffer())
	_put("%s/badge.svg" % ICON_DIR, _badge_svg().to_utf8_buffer())
	_copy_into_projects(pictures)
	for path: String in _stale:
		push_error("%s is out of date: run this script without --check" % path)
	quit(0 if _stale.is_empty() else 1)


## The projects hold copies, because Godot reads nothing outside a project.
func _copy_into_projects(pictures: Dictionary[int, PackedByteArray]) -> void:
	for project: String in ["launcher", "sample-game"]:
		_put("godot-project/%s/branding/icon.png" % project, pictures[256])
	_put("godot-project/launcher/branding/mark.svg", _mark_svg().to_utf8_buffer())
	_put("godot-project/launcher/branding/badge.svg", _badge_svg().to_utf8_buffer())
	_put("godot-project/launcher/branding/icon.ico", _ico(pictures))
	_put("godot-project/launcher/branding/icon.icns", _icns(pictures))


func _icon_svg() -> String:
	return _read("uro_app_icon.svg").replace(SOURCE_GROUND, GROUND)


## The white mark alone, point up as in the source. The box is centred on the point that is equally
## far from the three discs, so that a turning picture stays in place.
func _mark_svg() -> String:
	return (
		'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-64.5 28.5 1300 1300" '
		+ 'width="512" height="512">\n%s</svg>\n' % _mark_paths()
	)


## The mark, point down, on a disc of the brand red.
func _badge_svg() -> String:
	return (
		'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1400 1400" width="256" height="256">\n'
		+ '<circle cx="700" cy="700" r="700" fill="%s"/>\n' % GROUND
		+ '<g transform="translate(700 700) rotate(180) scale(0.94) translate(-585.5 -678.5)">\n'
		+ _mark_paths()
		+ "</g>\n</svg>\n"
	)


func _mark_paths() -> String:
	var paths: String = ""
	var finder: RegEx = RegEx.create_from_string(' d="([^"]+)"')
	for found: RegExMatch in finder.search_all(_read("v_sekai_logo.svg")):
		paths += '<path fill="#ffffff" d="%s"/>\n' % found.get_string(1).strip_edges()
	return paths


func _render(svg: String, side: int) -> PackedByteArray:
	var probe: Image = Image.new()
	probe.load_svg_from_string(svg, 1.0)
	var image: Image = Image.new()
	image.load_svg_from_string(svg, float(side) / float(probe.get_width()))
	if image.get_width() != side:
		image.resize(side, side, Image.INTERPOLATE_LANCZOS)
	return image.save_png_to_buffer()


func _ico(pictures: Dictionary[int, PackedByteArray]) -> PackedByteArray:
	var out: StreamPeerBuffer = StreamPeerBuffer.new()
	out.put_u16(0)
	out.put_u16(1)
	out.put_u16(ICO_SIZES.size())
	var offset: int = 6 + 16 * ICO_SIZES.size()
	for side: int in ICO_SIZES:
		out.put_u8(side % 256)
		out.put_u8(side % 256)
		out.put_u16(0)
		out.put_u16(1)
		out.put_u16(32)
		out.put_u32(pictures[side].size())
		out.put_u32(offset)
		offset += pictures[side].size()
	for side: int in ICO_SIZES:
		out.put_data(pictures[side])
	return out.data_array


func _icns(pictures: Dictionary[int, PackedByteArray]) -> PackedByteArray:
	var body: StreamPeerBuffer = StreamPeerBuffer.new()
	body.big_endian = true
	for type: String in ICNS_TYPES:
		var picture: PackedByteArray = pictures[ICNS_TYPES[type]]
		body.put_data(type.to_ascii_buffer())
		body.put_u32(picture.size() + 8)
		body.put_data(picture)
	var out: StreamPeerBuffer = StreamPeerBuffer.new()
	out.big_endian = true
	out.put_data("icns".to_ascii_buffer())
	out.put_u32(body.get_size() + 8)
	out.put_data(body.data_array)
	return out.data_array


func _read(file_name: String) -> String:
	return FileAccess.get_file_as_string(_path("%s/%s" % [SOURCE_DIR, file_name]))


func _put(path: String, bytes: PackedByteArray) -> void:
	var full: String = _path(path)
	if FileAccess.file_exists(full) and FileAccess.get_file_as_bytes(full) == bytes:
		return
	if _check:
		_stale.append(path)
		return
	DirAccess.make_dir_recursive_absolute(full.get_base_dir())
	var file: FileAccess = FileAccess.open(full, FileAccess.WRITE)
	file.store_buffer(bytes)
	print("wrote %s" % path)


func _path(path: String) -> String:
	return DirAccess.open(".").get_current_dir().path_join(path)
