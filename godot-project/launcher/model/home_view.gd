# SPDX-License-Identifier: MIT
## Everything the home page shows, as values.
class_name HomeView
extends RefCounted

## How the page looks as a whole. Words always say the same, so that colour is never alone.
enum Tone { CALM, BUSY, TROUBLE }


## A button: what it does, by the name the shell knows, and its label.
class Action:
	extends RefCounted
	var name: String = ""
	var label: Message = null
	var icon: String = ""
	var enabled: bool = true

	func _init(what: String, words: Message, picture: String = "", usable: bool = true) -> void:
		name = what
		label = words
		icon = picture
		enabled = usable


## A figure to know: before saying yes, or of what is installed.
class Figure:
	extends RefCounted
	var label: Message = null
	var value: String = ""

	func _init(words: Message, amount: String) -> void:
		label = words
		value = amount


var tone: Tone = Tone.CALM
## The picture beside the headline, by its name; empty for none.
var picture: String = ""
var headline: Message = Message.new()
var detail: Message = Message.new()
## Empty when there is nothing to tell.
var notice: Message = Message.new()
## The picture beside the notice, by its name.
var notice_picture: String = "info"
## The engine's own words about a failure, for the folded part; empty when nothing failed.
var error_details: String = ""
var notes_title: Message = Message.new()
var notes: String = ""
var figures: Array[Figure] = []

var progress_shown: bool = false
## 0 to 1, or -1 while the amount of work is not known.
var progress_fraction: float = -1.0
var progress_step: Message = Message.new()
var progress_amount: Message = Message.new()
var progress_rate: Message = Message.new()

var primary: Action = null
var secondary: Array[Action] = []
## Version, platform and channel that are installed, for the foot of the page.
var build_label: Message = Message.new()
