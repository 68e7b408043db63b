# SPDX-License-Identifier: MIT
## Shows a `HomeView` and hands presses on.
class_name HomePage
extends LauncherPage

var _session: LauncherSession
var _question: Question
var _shown_notes: String = ""
var _shows_work: bool = false

@onready var _head_picture: TextureRect = %HeadPicture
@onready var _headline: Label = %Headline
@onready var _detail: Label = %Detail
@onready var _notice_card: Control = %NoticeCard
@onready var _notice_picture: TextureRect = %NoticePicture
@onready var _notice_label: Label = %NoticeLabel
@onready var _error_box: Control = %ErrorBox
@onready var _details_button: Button = %DetailsButton
@onready var _details_card: Control = %DetailsCard
@onready var _details_text: Label = %DetailsText
@onready var _notes_box: Control = %NotesBox
@onready var _notes_title: Label = %NotesTitle
@onready var _notes_text: RichTextLabel = %NotesText
@onready var _scroll: ScrollContainer = %Scroll
@onready var _figures: Control = %Figures
@onready var _figure_values: Array[Label] = [%FigureValue1, %FigureValue2, %FigureValue3]
@onready var _figure_labels: Array[Label] = [%FigureLabel1, %FigureLabel2, %FigureLabel3]
@onready var _progress_box: Control = %ProgressBox
@onready var _step_label: Label = %StepLabel
@onready var _rate_label: Label = %RateLabel
@onready var _bar: ProgressBar = %ProgressBar
@onready var _amount_label: Label = %AmountLabel
@onready var _primary: ActionButton = %PrimaryButton
@onready var _secondary: Array[ActionButton] = [
	%SecondaryButton1,
	%SecondaryButton2,
	%SecondaryButton3,
]
@onready var _build_label: Label = %BuildLabel


func start(session: LauncherSession, question: Question) -> void:
	_session = session
	_question = question
	_details_button.toggled.connect(_on_details_toggled)
	for button: ActionButton in [_primary] + _secondary:
		button.pressed.connect(_on_pressed.bind(button))


## The button that matters most keeps the focus while it cannot be pressed yet and is alone.
func first_focus() -> Control:
	var other: ActionButton = ActionButton.first_usable(_secondary) if _primary.disabled else null
	return other if other != null else _primary


func show_model(model: LauncherModel) -> void:
	var view: HomeView = HomePresenter.present(model)
	_shows_work = view.tone == HomeView.Tone.BUSY
	_show_view(view)


## Something is going on that the player may be watching.
func shows_work() -> bool:
	return _shows_work


func _show_view(view: HomeView) -> void:
	_headline.text = view.headline.text()
	_detail.text = view.detail.text()
	_detail.visible = not view.detail.is_empty()
	_show_picture(_head_picture, view.picture)
	_show_picture(_notice_picture, view.notice_picture)
	_notice_card.visible = not view.notice.is_empty()
	_notice_label.text = view.notice.text()
	_show_error(view.error_details)
	_show_notes(view)
	_show_figures(view.figures)
	_show_progress(view)
	_primary.show_action(view.primary)
	for place: int in _secondary.size():
		var used: bool = place < view.secondary.size()
		_show_secondary(_secondary[place], view.secondary[place] if used else null)
	_build_label.text = view.build_label.text()


## The pictures only repeat what the words say, so a screen reader passes them by.
func _show_picture(place: TextureRect, name: String) -> void:
	place.texture = Pictures.named(name)
	place.visible = place.texture != null
	place.self_modulate = get_theme_color("font_color", "Headline")


func _show_error(details: String) -> void:
	_error_box.visible = not details.is_empty()
	if details.is_empty():
		_details_button.button_pressed = false
	_details_text.text = ActivityLog.without_private_paths(details)


func _show_notes(view: HomeView) -> void:
	_notes_box.visible = not view.notes.is_empty() and not _details_card.visible
	_notes_title.text = view.notes_title.text()
	if _shown_notes == view.notes:
		return
	_shown_notes = view.notes
	_notes_text.text = NotesMarkup.to_bbcode(view.notes)
	_scroll.scroll_vertical = 0


func _show_figures(figures: Array[HomeView.Figure]) -> void:
	_figures.visible = not figures.is_empty()
	for place: int in _figure_values.size():
		var used: bool = place < figures.size()
		(_figure_values[place].get_parent() as Control).visible = used
		_figure_values[place].text = figures[place].value if used else ""
		_figure_labels[place].text = figures[place].label.text() if used else ""


func _show_progress(view: HomeView) -> void:
	_progress_box.visible = view.progress_shown
	_step_label.text = view.progress_step.text()
	_rate_label.text = view.progress_rate.text()
	_rate_label.visible = not view.progress_rate.is_empty()
	_amount_label.text = view.progress_amount.text()
	_bar.value = maxf(view.progress_fraction, 0.0)


func _show_secondary(button: ActionButton, action: HomeView.Action) -> void:
	var before: String = button.action
	button.show_action(action)
	# A press that was meant for what a button did before must not do what it does now.
	if button.action != before and button.has_focus():
		button.release_focus()


func _on_pressed(button: ActionButton) -> void:
	match button.action:
		"why":
			_say_why()
		"adopt":
			FolderDialogs.open(
				self, "ADOPT_CHOOSE", _session.install_path().get_base_dir(), _ask_adopt
			)
		_:
			_session.perform(button.action)


## Why the update waits, in full, with the way around it as the answer.
func _say_why() -> void:
	var plan: UpdatePlan = _session.model.plan
	if plan == null or plan.hold == null:
		return
	var size: String = Formats.bytes(plan.download_bytes)
	var reason: String = plan.hold.sentence(plan.version, size).text()
	var anyway: bool = await _question.ask(
		tr("WHY_TITLE").format([plan.version]),
		reason + "\n\n" + plan.hold.way_around().text(),
		tr("WHY_YES").format([size]),
		tr("WHY_NO")
	)
	if anyway:
		_session.perform("update_now")


func _ask_adopt(folder: String) -> void:
	var sure: bool = await _question.ask(
		tr("ADOPT_TITLE"), tr("ADOPT_WORDS").format([folder]), tr("ADOPT_YES"), tr("ANSWER_NO")
	)
	if sure:
		_session.start("adopt", [folder])


func _on_details_toggled(shown: bool) -> void:
	_details_card.visible = shown
	_details_button.text = "DETAILS_HIDE" if shown else "DETAILS_SHOW"
	_session.refresh()
