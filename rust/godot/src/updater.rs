// SPDX-License-Identifier: MIT
//! The class `VSekaiUpdater`.

use std::path::{Path, PathBuf};

use godot::classes::{FileAccess, INode, Node, ProjectSettings};
use godot::prelude::*;
use vsekai_engine::launch::{START_FILE, report_started};
use vsekai_engine::{
    EngineError, ErrorReport, InstallConfig, Preferences, Progress, Updater, UserFiles, read_token,
};
use vsekai_formats::release::{Platform, Slug, Version};
use vsekai_store::Secret;

use crate::convert::{dictionary, strings, texts};
use crate::message::Message;
use crate::operation::Command;
use crate::outbox::Item;
use crate::session::Session;
use crate::text::printable;
use crate::view;

/// Installs, updates, repairs and starts a game from a V-Sekai update server.
///
/// Set the properties, connect the signals, call [method open] once and then [method check] or
/// [method update]. All work runs on threads of its own; every signal is emitted on the main thread, from the
/// node's process step, so the node must be in the tree and processing. Leaving the tree closes the install:
/// a running operation is cancelled, what was fetched is kept.
///
/// One operation runs at a time. Each method that starts one returns whether it did, and each operation that
/// was started ends in exactly one [signal finished].
#[derive(GodotClass)]
#[class(init, base = Node)]
pub struct VSekaiUpdater {
    /// Base address of the update server, such as `https://updates.example.org`. May be left empty for a folder
    /// that holds an install: the address is kept there.
    #[export]
    server_url: GString,
    /// Title to install, such as `vsekai`. May be left empty for a folder that holds an install.
    #[export]
    title: GString,
    /// Channel to follow on a first install. Later the one kept with the install counts; see
    /// [method switch_channel].
    #[export]
    channel: GString,
    /// Absolute path of the install folder, or a `user://` path.
    #[export]
    install_path: GString,
    /// File with the title's root, a `res://`, `user://` or absolute path: only what its keys signed is installed.
    /// If empty, an install that knows no root yet keeps the first one the server shows.
    #[export(file)]
    trusted_root: GString,
    /// Agrees to a server on another machine without encryption, and is kept for that server. This machine's own
    /// servers need no consent.
    #[export]
    allow_http: bool,
    /// Takes a release that is older than the installed one when the channel offers it.
    #[export]
    allow_downgrade: bool,
    /// The connection costs by the byte, whatever the system says of it; counts where the setting `metered` is
    /// `auto`. See [signal network_changed].
    #[export]
    metered: bool,
    /// Version of this library.
    #[var(no_set)]
    #[init(val = GString::from(env!("CARGO_PKG_VERSION")))]
    launcher_version: GString,
    /// Bytes per second; none for no limit.
    rate_limit: Option<u64>,
    /// The server that a token for private channels was given for, and the token.
    read_token: Option<(String, Secret)>,
    session: Option<Session>,
    /// The server that the session was opened with, which may not be the one that is named now; empty if none was.
    opened_server: String,
    /// Counts calls of `open`, so that a signal handler that opens another folder ends the round of signals.
    opened: u64,
    base: Base<Node>,
}

#[godot_api]
impl INode for VSekaiUpdater {
    #[func(gd_self)]
    fn process(this: Gd<Self>, _delta: f64) {
        let (items, opened) = {
            let me = this.bind();
            let Some(session) = &me.session else { return };
            (session.drain(SIGNALS_PER_FRAME), me.opened)
        };
        for item in items {
            if !this.is_instance_valid() || this.bind().opened != opened {
                return;
            }
            match item {
                Item::Discrete(message) => emit(&this, message),
                Item::Latest(progress) => emit_progress(&this, &progress),
            }
        }
    }

    fn exit_tree(&mut self) {
        self.end_session();
    }
}

#[godot_api]
impl VSekaiUpdater {
    /// The state changed. [param state] is one of `Idle`, `CheckForUpdates`, `Updating`, `Paused`, `Failed`,
    /// `Cancelled`, `RolledBack`; [param phase] is the step of `CheckForUpdates`, the step that was stopped in
    /// for `Paused`, and empty otherwise.
    #[signal]
    fn state_changed(state: GString, phase: GString);

    /// What [method update] would do: `version`, `from_version` (empty for an install), `notes`,
    /// `download_bytes`, `write_bytes`, `disk_bytes` (free space needed), `reused_bytes`, `files_added`,
    /// `files_changed`, `files_removed`, `files_moved`, `installed_bytes`, `staged_bytes` (ready from an earlier
    /// attempt), `network_bytes` (what comes from the network, once unpacked), `left_before` (the player went back
    /// from this very release, so it should not be taken again without asking), `failed_starts` (how often it
    /// failed to start here, if it was given up for that). What the player's settings make of it: `decision`
    /// (`take`, `ask` or `hold-back`), `decision_reason`, `decision_until` (a time of the day, or empty),
    /// `pinned_version`.
    #[signal]
    fn plan_ready(plan: VarDictionary);

    /// How far the operation is, at most once a frame: `step` (`download`, `apply` or `verify`), `done_bytes`,
    /// `total_bytes`, `bytes_per_second`, `seconds_left` (-1 if it cannot be told), `network_bytes`.
    #[signal]
    fn progress_changed(progress: VarDictionary);

    /// What is installed, offered or running changed; see [method get_status].
    #[signal]
    fn status_changed(status: VarDictionary);

    /// Something did not work; the installed version is as it was. `code` (for programs), `message` and `hint`
    /// (for people), `detail` (for a report), `retry` (whether trying again can help),
    /// `repair` (whether [method repair] mends it).
    #[signal]
    fn failed(error: VarDictionary);

    /// The operation started by the method of that name is over. A cancelled one is not ok, but there is no
    /// [signal failed] for it.
    #[signal]
    fn finished(operation: GString, ok: bool);

    /// What the settings make of the plan: `action` (`take`, `ask` or `hold-back`), `reason` (for programs), `until`
    /// (a time of the day, or empty) and `message` (for people). Follows [signal plan_ready] of a check, an
    /// [method update_by_settings] that was not carried out, and a pause of one that is held back meanwhile.
    #[signal]
    fn decided(decision: VarDictionary);

    /// The settings of the install, each as text by its name, `pinned` and `skipped`; see
    /// [method set_preference]. Also follows [method open].
    #[signal]
    fn preferences_changed(preferences: VarDictionary);

    /// The versions in the install, the current one first: `version`, `name` (of its folder), `role` (`current`,
    /// `previous` or `kept`), `current`, `channel`, `installed_bytes`, `own_bytes` (of files that no newer version
    /// has), `installed_at` (seconds since 1970, or 0), `pinned`, `left` (`player`, `failed-starts` or empty),
    /// `in_use`, `started_well`, `failed_starts`, `last_start` and `given_up` (for people).
    #[signal]
    fn versions_listed(versions: Array<VarDictionary>);

    /// Another version in the install is the current one, by [method rollback] or [method rollback_to]: `from_version`,
    /// `version`, and `newer` (whether that is the newer one of the two).
    #[signal]
    fn switched(report: VarDictionary);

    /// The game is removed: `removed_bytes`, `user_files` (paths), `kept_in` (their folder now), `left` (names that
    /// are not the engine's).
    #[signal]
    fn uninstalled(report: VarDictionary);

    /// The install was moved: `from`, `to`, `bytes`, `left`. Set [member install_path] and [method open] it there.
    #[signal]
    fn moved(report: VarDictionary);

    /// What the system says of the connection: `metered`, `unmetered` or `unknown`. Follows [method open] and every
    /// change. Asked of NetworkManager on Linux; `unknown` on other systems.
    #[signal]
    fn network_changed(kind: GString);

    /// What [method verify] found: `files`, `bytes`, `damaged`, `modified` (by [method verify_quick]) and `extra`
    /// (paths).
    #[signal]
    fn verified(report: VarDictionary);

    /// Something worth knowing that is no error, for a log: a stable name, one sentence, and whether it is of something
    /// that went wrong.
    #[signal]
    fn noticed(code: GString, message: GString, problem: bool);

    /// The channels that offer something for this platform, and the one that is followed.
    #[signal]
    fn channels_listed(channels: PackedStringArray, current: GString);

    /// The game runs.
    #[signal]
    fn game_started(pid: i64);

    /// The game ended. [param code] is its exit code, or -1 if it was killed.
    #[signal]
    fn game_exited(code: i64, crashed: bool);

    /// Opens the install folder with the properties as they are. Returns `false` after emitting
    /// [signal failed], otherwise [signal status_changed] follows in the next frame. Reads a few small files and
    /// uses no network. A folder opened before is closed first.
    #[func(gd_self)]
    fn open(mut this: Gd<Self>) -> bool {
        if godot::init::is_editor_hint() {
            return false;
        }
        this.bind_mut().end_session();
        let config = this.bind().config();
        match config.and_then(Session::open) {
            Ok(session) => {
                let mut me = this.bind_mut();
                let server = me.server();
                me.session = Some(session);
                me.opened_server = server;
                me.opened += 1;
                true
            }
            Err(error) => {
                emit_failed(&this, &error.report());
                false
            }
        }
    }

    /// Looks for an update. States `Checking`, then `NoUpdateFound`, or `UpdateAvailable` with
    /// [signal plan_ready].
    #[func]
    fn check(&mut self) -> bool {
        self.note_metered();
        self.submit(Command::Check)
    }

    /// Installs or updates to what the channel offers; looks for it first if need be.
    #[func]
    fn update(&mut self) -> bool {
        self.submit(Command::Update)
    }

    /// Installs or updates if the player's settings allow it now; otherwise [signal decided] says what they say.
    /// A download waits while they hold it back; [method resume] overrules them.
    #[func]
    fn update_by_settings(&mut self) -> bool {
        self.note_metered();
        self.submit(Command::UpdateBySettings)
    }

    /// Stops a download for now; nothing that was fetched is lost.
    #[func]
    fn pause(&self) {
        if let Some(session) = &self.session {
            session.pause();
        }
    }

    /// Goes on after [method pause].
    #[func]
    fn resume(&self) {
        if let Some(session) = &self.session {
            session.resume();
        }
    }

    /// Gives up the running operation. The installed version stays, what was fetched is kept for the next time.
    #[func]
    fn cancel(&self) {
        if let Some(session) = &self.session {
            session.cancel();
        }
    }

    /// Limits what is read from the network; takes effect at once and stays for folders opened later. 0 lifts
    /// the limit.
    #[func]
    fn set_rate_limit(&mut self, bytes_per_second: i64) {
        self.rate_limit = u64::try_from(bytes_per_second).ok().filter(|limit| *limit > 0);
        if let Some(session) = &self.session {
            session.set_rate_limit(self.rate_limit);
        }
    }

    /// Checks every installed byte; [signal verified] tells what it found.
    #[func]
    fn verify(&mut self) -> bool {
        self.submit(Command::Verify)
    }

    /// Checks everything but the bytes, in a moment; [signal verified] tells what it found.
    #[func]
    fn verify_quick(&mut self) -> bool {
        self.submit(Command::VerifyQuick)
    }

    /// Fetches what is damaged or missing in the installed version.
    #[func]
    fn repair(&mut self) -> bool {
        self.submit(Command::Repair)
    }

    /// Makes the previous version the installed one; uses no network, unless damaged lists of it are to be fetched first.
    /// [signal switched] follows.
    #[func]
    fn rollback(&mut self) -> bool {
        self.submit(Command::Rollback)
    }

    /// Makes any version in the install the current one, by its label or its folder's name; as [method rollback].
    #[func]
    fn rollback_to(&mut self, version: GString) -> bool {
        self.submit(Command::RollbackTo(version.to_string()))
    }

    /// Tells the versions in the install by [signal versions_listed].
    #[func]
    fn list_versions(&mut self) -> bool {
        self.submit(Command::ListVersions)
    }

    /// Removes a version beside the current one; its folder goes when no game runs from it any more.
    /// [signal versions_listed] follows.
    #[func]
    fn remove_version(&mut self, version: GString) -> bool {
        self.submit(Command::RemoveVersion(version.to_string()))
    }

    /// Installs with every file that a copy of the game in [param folder] has already. The copy is not changed.
    #[func]
    fn adopt(&mut self, folder: GString) -> bool {
        self.submit(Command::Adopt(PathBuf::from(folder.to_string())))
    }

    /// Moves the install to another folder, which must be empty or not there. [signal moved] follows.
    #[func]
    fn move_to(&mut self, folder: GString) -> bool {
        self.submit(Command::MoveTo(PathBuf::from(folder.to_string())))
    }

    /// Removes the game. The player's own files are kept unless [param delete_user_files] is true.
    /// [signal uninstalled] follows.
    #[func]
    fn uninstall(&mut self, delete_user_files: bool) -> bool {
        self.submit(Command::Uninstall(match delete_user_files {
            true => UserFiles::Delete,
            false => UserFiles::Keep,
        }))
    }

    /// Changes a setting of the install, also while an operation runs. Returns `false` after emitting
    /// [signal failed]; otherwise it counts at once and [signal preferences_changed] follows when it is written
    /// down.
    #[func(gd_self)]
    fn set_preference(this: Gd<Self>, name: GString, value: GString) -> bool {
        let (name, value) = (name.to_string(), value.to_string());
        let changed = this
            .bind()
            .known(|preferences| Ok(preferences.with(&name, &value)?));
        Self::choose(&this, changed, move |updater| {
            updater.set_preference(&name, &value).map(drop)
        })
    }

    /// Changes a setting back to what it is at first. Returns and emits what [method set_preference] does.
    #[func(gd_self)]
    fn reset_preference(this: Gd<Self>, name: GString) -> bool {
        let name = name.to_string();
        let changed = this.bind().known(|preferences| Ok(preferences.without(&name)?));
        Self::choose(&this, changed, move |updater| {
            updater.reset_preferences(Some(&name)).map(drop)
        })
    }

    /// Uses [param token] for the private channels of [member server_url] from the next operation on, in folders
    /// opened later too. It is kept with the install once the server took it and something is installed, for its
    /// owner alone, and no other server gets to see it, not even the one that the folder was opened with if
    /// [member server_url] has changed since. Returns `false` after emitting [signal failed], otherwise
    /// [signal status_changed] follows, from the next [method open] on if it did change.
    #[func(gd_self)]
    fn set_read_token(this: Gd<Self>, token: GString) -> bool {
        Self::take_token(this, read_token::parse(&token.to_string()))
    }

    /// The same with the token in the file [param path], which is read once.
    #[func(gd_self)]
    fn set_read_token_file(this: Gd<Self>, path: GString) -> bool {
        let token = Secret::token_in(path.to_string());
        let token =
            token.map_err(|error| EngineError::InvalidInput(format!("cannot read the token: {error}")));
        Self::take_token(this, token.and_then(|token| read_token::parse(token.expose())))
    }

    /// Forgets the token for the server's private channels, also the one that is kept with the install.
    /// [signal status_changed] follows.
    #[func]
    fn forget_read_token(&mut self) -> bool {
        let started = self.submit(Command::ForgetReadToken);
        if started {
            self.read_token = None;
        }
        started
    }

    /// Skips a version from now on: it is not taken by [method update_by_settings].
    #[func(gd_self)]
    fn skip_version(this: Gd<Self>, version: GString) -> bool {
        Self::submit_with(this, label(&version).map(Command::SkipVersion))
    }

    /// Skips a version no longer.
    #[func(gd_self)]
    fn unskip_version(this: Gd<Self>, version: GString) -> bool {
        Self::submit_with(this, label(&version).map(Command::UnskipVersion))
    }

    /// Takes no version but [param version] from now on, the installed one if it is empty.
    #[func(gd_self)]
    fn pin_version(this: Gd<Self>, version: GString) -> bool {
        let version = match version.is_empty() {
            true => Ok(None),
            false => label(&version).map(Some),
        };
        Self::submit_with(this, version.map(Command::PinVersion))
    }

    /// Takes any version again.
    #[func]
    fn unpin_version(&mut self) -> bool {
        self.submit(Command::UnpinVersion)
    }

    /// Returns the settings as last known, as in [signal preferences_changed]; empty while no folder is open.
    #[func]
    fn get_preferences(&self) -> VarDictionary {
        let preferences = self.session.as_ref().map(Session::preferences);
        preferences
            .map(|preferences| dictionary(view::preferences(&preferences)))
            .unwrap_or_default()
    }

    /// For the game itself: says that it is there, so that the launcher knows the version starts well. Returns
    /// whether a launcher wanted to know. Call it once the main menu is shown; no folder need be open.
    #[func]
    fn report_started() -> bool {
        std::env::var_os(START_FILE).is_some_and(|file| report_started(Path::new(&file)).is_ok())
    }

    /// Starts the installed game, in VR if [param vr] is true and it has such a program. [signal game_started]
    /// follows, later [signal game_exited]. The game goes on when the launcher quits.
    #[func]
    fn launch(&mut self, arguments: PackedStringArray, vr: bool) -> bool {
        self.submit(Command::Launch {
            arguments: texts(&arguments),
            vr,
        })
    }

    /// Asks the server for its channels; [signal channels_listed] follows.
    #[func]
    fn list_channels(&mut self) -> bool {
        self.submit(Command::ListChannels)
    }

    /// Follows another channel; takes effect at the next check.
    #[func(gd_self)]
    fn switch_channel(this: Gd<Self>, name: GString) -> bool {
        Self::submit_with(this, slug("channel", &name).map(Command::SwitchChannel))
    }

    /// Returns what is installed, offered and running as last known: `installed`, `version`,
    /// `previous_version`, `channel`, `platform`, `install_path`, `version_path` (the folder of the installed version),
    /// `installed_bytes`, `installed_at` (seconds since 1970, or 0), `notes`, `offered_version`, `game_running`,
    /// `title`, `server_url`, `has_vr`, `gave_up`, `has_read_token` (a token for the server's private channels was
    /// given or is kept), `damage` (what the folder remembers and is damaged, cannot be read, or is a newer launcher's,
    /// each with what to do next; documents of the installed version too), and `repair` (whether [method repair] mends
    /// any of that). Never waits; empty while no folder is open.
    #[func]
    fn get_status(&self) -> VarDictionary {
        let status = self.session.as_ref().map(Session::status);
        status
            .map(|status| dictionary(view::status(&status)))
            .unwrap_or_default()
    }

    /// Tells whether an operation is running, [signal finished] still to come.
    #[func]
    fn is_busy(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.running().is_some())
    }
}

impl VSekaiUpdater {
    fn submit(&mut self, command: Command) -> bool {
        let name = command.name();
        let Some(session) = &mut self.session else {
            godot_error!("VSekaiUpdater.{name}: call open() first");
            return false;
        };
        let started = session.submit(command);
        if !started {
            let running = session.running().unwrap_or("closing");
            godot_warn!("VSekaiUpdater.{name}: not started, {running} is still running");
        }
        started
    }

    /// Uses a token from now on unless it is none, which is told.
    fn take_token(mut this: Gd<Self>, token: Result<Secret, EngineError>) -> bool {
        match token {
            Ok(token) => {
                let mut me = this.bind_mut();
                let server = me.server();
                // What is open goes on asking the server that was named when it was opened.
                if me.opened_server == server
                    && let Some(session) = &me.session
                {
                    session.give_read_token(token.clone());
                }
                // Where no server is named, another folder may be of another one.
                me.read_token = Some((server, token)).filter(|(server, _)| !server.is_empty());
                true
            }
            Err(error) => {
                emit_failed(&this, &error.report());
                false
            }
        }
    }

    /// Lets the session know what the launcher says of the connection.
    fn note_metered(&self) {
        if let Some(session) = &self.session {
            session.set_metered(self.metered);
        }
    }

    /// Returns what `change` makes of the settings as last known.
    fn known(
        &self,
        change: impl FnOnce(&Preferences) -> Result<Preferences, EngineError>,
    ) -> Result<Preferences, EngineError> {
        let session = self
            .session
            .as_ref()
            .ok_or_else(|| EngineError::InvalidInput("no folder is open: call open() first".to_owned()))?;
        change(&session.preferences())
    }

    fn choose(
        this: &Gd<Self>,
        changed: Result<Preferences, EngineError>,
        change: impl FnOnce(&Updater) -> Result<(), EngineError> + Send + 'static,
    ) -> bool {
        match changed {
            Ok(preferences) => {
                if let Some(session) = &this.bind().session {
                    session.choose(preferences, change);
                }
                true
            }
            Err(error) => {
                emit_failed(this, &error.report());
                false
            }
        }
    }

    /// Starts a command unless it makes no sense, which is told.
    fn submit_with(mut this: Gd<Self>, command: Result<Command, EngineError>) -> bool {
        match command {
            Ok(command) => this.bind_mut().submit(command),
            Err(error) => {
                emit_failed(&this, &error.report());
                false
            }
        }
    }

    fn config(&self) -> Result<InstallConfig, EngineError> {
        let platform = Platform::host()
            .ok_or_else(|| EngineError::InvalidInput("there are no builds for this system".to_owned()))?;
        let mut config = InstallConfig::new(install_path(&self.install_path)?, platform);
        config.server = Some(self.server()).filter(|server| !server.is_empty());
        let of_server = self
            .read_token
            .as_ref()
            .filter(|(server, _)| *server == self.server());
        config.read_token = of_server.map(|(_, token)| token.clone());
        config.trusted_root = trusted_root(&self.trusted_root)?;
        config.title = optional_slug("title", &self.title)?;
        config.channel = optional_slug("channel", &self.channel)?;
        config.rate_limit = self.rate_limit;
        config.allow_http = self.allow_http;
        config.allow_downgrade = self.allow_downgrade;
        Ok(config)
    }

    /// Returns the address of the server without the space around it; empty if none is named.
    fn server(&self) -> String {
        self.server_url.to_string().trim().to_owned()
    }

    fn end_session(&mut self) {
        if let Some(session) = self.session.take()
            && !session.close()
        {
            godot_error!("VSekaiUpdater: the worker did not end in time");
        }
    }
}

/// Reads the root, from inside the exported program too.
pub(crate) fn trusted_root(path: &GString) -> Result<Option<Vec<u8>>, EngineError> {
    if path.is_empty() {
        return Ok(None);
    }
    let bytes = FileAccess::get_file_as_bytes(path);
    match bytes.is_empty() {
        true => Err(EngineError::InvalidInput(format!(
            "the root {path} cannot be read"
        ))),
        false => Ok(Some(bytes.to_vec())),
    }
}

/// Emits the signal for `message`. Nothing is bound meanwhile, so a handler may call any method.
fn emit(this: &Gd<VSekaiUpdater>, message: Message) {
    let mut signals = this.signals();
    match message {
        Message::State { state, phase } => {
            signals
                .state_changed()
                .emit(&GString::from(&state), &GString::from(&phase));
        }
        Message::Plan(plan, judgement) => {
            let fields = view::plan(&plan, judgement.as_ref());
            signals.plan_ready().emit(&dictionary(fields));
        }
        Message::Decided(decision) => signals.decided().emit(&dictionary(view::decision(&decision))),
        Message::Network(kind) => signals.network_changed().emit(view::network(kind)),
        Message::Preferences(preferences) => {
            let fields = view::preferences(&preferences);
            signals.preferences_changed().emit(&dictionary(fields));
        }
        Message::Versions(versions) => {
            let versions = versions.iter().map(|version| dictionary(view::version(version)));
            signals.versions_listed().emit(&versions.collect::<Array<_>>());
        }
        Message::Switched(outcome) => signals.switched().emit(&dictionary(view::switched(&outcome))),
        Message::Uninstalled(report) => {
            signals
                .uninstalled()
                .emit(&dictionary(view::uninstalled(&report)));
        }
        Message::Moved(report) => signals.moved().emit(&dictionary(view::moved(&report))),
        Message::Status(status) => signals.status_changed().emit(&dictionary(view::status(&status))),
        Message::Failed(report) => emit_failed(this, &report),
        Message::Verified(report) => signals.verified().emit(&dictionary(view::verified(&report))),
        Message::Notice { code, message } => {
            let words = GString::from(&printable(&message, NOTICE_LIMIT));
            signals.noticed().emit(code.as_str(), &words, code.is_problem());
        }
        Message::Channels { names, current } => {
            signals
                .channels_listed()
                .emit(&strings(&names), &GString::from(&current));
        }
        Message::GameStarted { pid } => signals.game_started().emit(i64::from(pid)),
        Message::GameExited(exit) => {
            let (code, crashed) = view::game_exit(&exit);
            signals.game_exited().emit(code, crashed);
        }
        Message::Finished { operation, ok } => {
            if let Some(session) = &mut this.clone().bind_mut().session {
                session.finished();
            }
            signals.finished().emit(operation, ok);
        }
    }
}

fn emit_progress(this: &Gd<VSekaiUpdater>, progress: &Progress) {
    this.signals()
        .progress_changed()
        .emit(&dictionary(view::progress(progress)));
}

fn emit_failed(this: &Gd<VSekaiUpdater>, report: &ErrorReport) {
    this.signals().failed().emit(&dictionary(view::error(report)));
}

fn install_path(path: &GString) -> Result<PathBuf, EngineError> {
    let text = path.to_string();
    let path = match text.starts_with("user://") {
        true => PathBuf::from(ProjectSettings::singleton().globalize_path(path).to_string()),
        false => PathBuf::from(&text),
    };
    match path.is_absolute() {
        true => Ok(path),
        false => Err(EngineError::InvalidInput(format!(
            "install_path must be absolute, not {text:?}"
        ))),
    }
}

fn optional_slug(what: &str, name: &GString) -> Result<Option<Slug>, EngineError> {
    match name.is_empty() {
        true => Ok(None),
        false => slug(what, name).map(Some),
    }
}

fn label(version: &GString) -> Result<Version, EngineError> {
    let parsed = version.to_string().parse::<Version>();
    parsed.map_err(|error| EngineError::InvalidInput(format!("the version does not make sense: {error}")))
}

fn slug(what: &str, name: &GString) -> Result<Slug, EngineError> {
    let parsed = name.to_string().parse::<Slug>();
    parsed.map_err(|error| EngineError::InvalidInput(format!("the {what} does not make sense: {error}")))
}

/// Most messages turned into signals in one frame; the rest waits for the next.
const SIGNALS_PER_FRAME: usize = 64;
/// Longest notice, in characters.
const NOTICE_LIMIT: usize = 1000;
