# SPDX-License-Identifier: MIT
## The dock's tables.
@tool
extends RefCounted

const Words = preload("words.gd")


static func prepare(p_tree: Tree, p_titles: Array[String]) -> void:
	for column: int in p_titles.size():
		p_tree.set_column_title(column, p_titles[column])
		p_tree.set_column_title_alignment(column, HORIZONTAL_ALIGNMENT_LEFT)
		p_tree.set_column_expand_ratio(column, 2 if column == 0 else 1)
		p_tree.set_column_clip_content(column, true)


static func fill_updates(p_tree: Tree, p_updates: Array[Dictionary]) -> void:
	p_tree.clear()
	var root: TreeItem = p_tree.create_item()
	for update: Dictionary in p_updates:
		var files: int = update.files_added + update.files_changed + update.files_removed
		var download: String = Words.size(update.download_bytes)
		var item: TreeItem = _add(root, [update.from_version, download, str(files)])
		item.set_tooltip_text(2, Words.files(update))


static func fill_resources(p_tree: Tree, p_resources: Array[Dictionary]) -> void:
	p_tree.clear()
	var root: TreeItem = p_tree.create_item()
	for resource: Dictionary in p_resources:
		var change: String = Words.change(resource.change)
		var item: TreeItem = _add(root, [resource.name, change, Words.size(resource.bytes)])
		item.set_tooltip_text(0, "%s: %s" % [resource.pack, resource.path])


static func fill_releases(p_tree: Tree, p_releases: Array[Dictionary]) -> void:
	p_tree.clear()
	var root: TreeItem = p_tree.create_item()
	for release: Dictionary in p_releases:
		var item: TreeItem = _add(root, [release.version, release.channel, Words.offer(release)])
		item.set_tooltip_text(0, release.platform)
		item.set_metadata(0, release)


## Returns the release that is chosen, or nothing.
static func get_chosen(p_tree: Tree) -> Dictionary:
	var item: TreeItem = p_tree.get_selected()
	return {} if item == null else item.get_metadata(0)


static func _add(p_root: TreeItem, p_cells: Array) -> TreeItem:
	var item: TreeItem = p_root.create_child()
	for column: int in p_cells.size():
		item.set_text(column, p_cells[column])
		# Versions, channels and files are called what they are called.
		item.set_auto_translate_mode(column, Node.AUTO_TRANSLATE_MODE_DISABLED)
	return item
