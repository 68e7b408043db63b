# SPDX-License-Identifier: MIT
## Everything the library page shows, as values.
class_name LibraryView
extends RefCounted


## One version.
class Row:
	extends RefCounted
	var version: String = ""
	## What the engine knows it by.
	var id: String = ""
	## Whether it is the current one, in a word.
	var standing: Message = Message.new()
	## Size and date.
	var facts: Message = Message.new()
	## Why the install went back from it, or why it stays; empty for nothing to say.
	var story: Message = Message.new()
	var current: bool = false
	var actions: Array[HomeView.Action] = []


var rows: Array[Row] = []
## Said where there are no rows.
var empty: Message = Message.new()
## Room on the disk and what the versions take.
var summary: Message = Message.new()
