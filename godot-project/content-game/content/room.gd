# SPDX-License-Identifier: MIT
extends Label


func _ready() -> void:
	print(text)
