# SPDX-License-Identifier: MIT
## The versions that lie in the install folder: which one is played, which are kept, and why.
class_name LibraryPage
extends LauncherPage

const ROW_SCENE: PackedScene = preload("res://ui/version_row.tscn")

var _session: LauncherSession
var _question: Question

@onready var _empty: Label = %EmptyLabel
@onready var _scroll: ScrollContainer = %Scroll
@onready var _rows: VBoxContainer = %Rows
@onready var _summary: Label = %SummaryLabel
@onready var _actions: Control = %Actions
@onready var _quick: Button = %QuickButton
@onready var _verify: Button = %VerifyButton
@onready var _repair: Button = %RepairButton
@onready var _open_folder: Button = %OpenFolderButton


func start(session: LauncherSession, question: Question) -> void:
	_session = session
	_question = question
	_quick.pressed.connect(_work.bind("verify_quick"))
	_verify.pressed.connect(_work.bind("verify"))
	_repair.pressed.connect(_work.bind("repair"))
	_open_folder.pressed.connect(_show_folder)
	visibility_changed.connect(_on_shown)


func first_focus() -> Control:
	for row: Node in _rows.get_children():
		var button: Button = (row as VersionRow).first_button()
		if (row as VersionRow).visible and button != null:
			return button
	return _quick if _actions.visible and not _quick.disabled else null


func show_model(model: LauncherModel) -> void:
	var view: LibraryView = LibraryPresenter.present(model)
	_empty.visible = view.rows.is_empty()
	_empty.text = view.empty.text()
	_scroll.visible = not view.rows.is_empty()
	_actions.visible = model.installed
	_open_folder.visible = model.installed
	_summary.text = view.summary.text()
	var busy: bool = not model.operation.is_empty() or model.game_running
	for button: Button in [_quick, _verify, _repair]:
		button.disabled = busy
	_show_rows(view.rows)


## Rows stay where they are, so that the focus does too.
func _show_rows(rows: Array[LibraryView.Row]) -> void:
	while _rows.get_child_count() < rows.size():
		var made: VersionRow = ROW_SCENE.instantiate()
		_rows.add_child(made)
		made.wanted.connect(_on_wanted)
	for place: int in _rows.get_child_count():
		var row: VersionRow = _rows.get_child(place)
		row.visible = place < rows.size()
		if row.visible:
			row.show_row(rows[place])


func _on_shown() -> void:
	if not is_visible_in_tree():
		return
	_session.look_at_disk()
	# The first button gets the focus before the rows are laid out, and the list scrolls to
	# where it was.
	await get_tree().process_frame
	_scroll.scroll_vertical = 0


func _on_wanted(action: String, row: LibraryView.Row) -> void:
	match action:
		"play":
			_work("play")
		"rollback":
			if await _agrees("ROLLBACK", [row.version, _session.model.version]):
				_session.page_wanted.emit("home", "")
				_session.start("rollback_to", [row.id])
		"remove":
			if await _agrees("REMOVE", [row.version]):
				_session.start("remove_version", [row.id])
		"pin":
			_session.start("pin_version", [row.version])
		"unpin":
			_session.start("unpin_version")


func _agrees(about: String, values: Array) -> bool:
	return await _question.ask(
		tr(about + "_TITLE").format(values),
		tr(about + "_WORDS").format(values),
		tr(about + "_YES"),
		tr("ANSWER_NO")
	)


func _work(operation: String) -> void:
	_session.page_wanted.emit("home", "")
	_session.perform(operation)


func _show_folder() -> void:
	OS.shell_show_in_file_manager(_session.install_path(), true)
