# SPDX-License-Identifier: MIT
## Takes what is hidden from screen readers too. The engine tells them of a control's words, place
## and size, but not that it, or what it stands in, was hidden: it would go on being read.
class_name ShownToReaders
extends RefCounted


## Follows everything that comes below `root` from now on. For its own children to be among it, this
## is called before they enter the tree.
static func follow(root: Node) -> void:
	# Not bound: what differs in bound values alone is one connection to the engine, and the tree may
	# hold another window that is about to go.
	var follow_node: Callable = func(node: Node) -> void: _follow_node(node, root)
	root.get_tree().node_added.connect(follow_node)
	root.tree_exiting.connect(
		root.get_tree().node_added.disconnect.bind(follow_node), CONNECT_ONE_SHOT
	)


static func _follow_node(node: Node, root: Node) -> void:
	var item: CanvasItem = node as CanvasItem
	if item == null or not root.is_ancestor_of(item):
		return
	if not item.visibility_changed.is_connected(item.queue_accessibility_update):
		item.visibility_changed.connect(item.queue_accessibility_update)
