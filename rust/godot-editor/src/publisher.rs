// SPDX-License-Identifier: MIT
//! The class `VSekaiPublisher`.

use std::path::PathBuf;

use godot::classes::{INode, Node};
use godot::prelude::*;
use vsekai_formats::release::Version;
use vsekai_godot_common::convert::{dictionary, strings, texts};
use vsekai_godot_common::outbox::Item;
use vsekai_godot_common::text::printable;
use vsekai_publish::ChannelChange;
use vsekai_trust::publisher::Passphrase;

use crate::desk::Desk;
use crate::export::{self, Export};
use crate::failure::Failure;
use crate::job::Desktop;
use crate::message::{Message, Operation};
use crate::releases::{self, Build};
use crate::target::{self, Fields, Target};
use crate::{player, view};

/// Exports, publishes and tries builds from the Godot editor.
///
/// Set the properties and connect the signals. All work runs on threads of its own; every signal is emitted on the
/// main thread, from the node's process step, so the node must be in the tree and processing. Leaving the tree ends
/// everything, the local server included.
///
/// One operation runs at a time. Each method that starts one returns whether it did, and each operation that was
/// started ends in exactly one [signal finished].
#[derive(GodotClass)]
#[class(tool, init, base = Node)]
pub struct VSekaiPublisher {
    /// Base address of the server, such as `https://updates.example.org`.
    #[var]
    server_url: GString,
    /// Title to publish, such as `my-game`.
    #[var]
    title: GString,
    /// Channel to publish to, such as `stable`.
    #[var]
    channel: GString,
    /// Platform of the build: `linux-x86_64`, `linux-arm64`, `windows-x86_64` or `macos-universal`.
    #[var]
    platform: GString,
    /// Program to start, below the build's folder. May be left empty if there is only one.
    #[var]
    program: GString,
    /// Files and folders below the build's folder that are the player's once they are there: updates and repairs leave
    /// them alone.
    #[var]
    user_paths: PackedStringArray,
    /// Oldest update engine that can install the build, such as `0.2.0`. May be left empty.
    #[var]
    minimum_engine: GString,
    /// Absolute path of the folder with the title's keys; never inside the project.
    #[var]
    keys_folder: GString,
    /// Absolute path of the file with the server's write token; never inside the project.
    #[var]
    token_file: GString,
    /// Absolute path of the project's folder, where no secret may lie.
    #[var]
    project_folder: GString,
    /// Agrees to a server on another machine without encryption.
    #[var]
    allow_http: bool,
    /// Version of this library.
    #[var(no_set)]
    #[init(val = GString::from(env!("CARGO_PKG_VERSION")))]
    library_version: GString,
    passphrase: Option<Passphrase>,
    read_token: GString,
    desk: Desk,
    base: Base<Node>,
}

#[godot_api]
impl INode for VSekaiPublisher {
    #[func(gd_self)]
    fn process(mut this: Gd<Self>, _delta: f64) {
        let items = this.bind_mut().desk.drain(SIGNALS_PER_FRAME);
        for item in items {
            if !this.is_instance_valid() {
                return;
            }
            match item {
                Item::Discrete(message) => emit(&this, message),
                Item::Latest(progress) => {
                    let fields = dictionary(view::progress(progress));
                    this.signals().progress_changed().emit(&fields);
                }
            }
        }
    }

    fn exit_tree(&mut self) {
        if !self.desk.close() {
            godot_error!("VSekaiPublisher: a thread did not end in time");
        }
    }
}

#[godot_api]
impl VSekaiPublisher {
    /// How far the operation is, at most once a frame: `step`, `done`, `total` (0 if it cannot be told).
    #[signal]
    fn progress_changed(progress: VarDictionary);

    /// A line for the log. [param level] is `output` (of a program that was started), `info` or `warning`. Where
    /// [param text] is the publisher's own it has places such as `{0}` for [param values], so that it can be said in
    /// another language.
    #[signal]
    fn logged(level: GString, text: GString, values: PackedStringArray);

    /// Something did not work. `code` (for programs), `message` and `hint` (for people), `detail` (for a report).
    #[signal]
    fn failed(error: VarDictionary);

    /// The operation started by the method of that name is over. A cancelled one is not ok, but there is no
    /// [signal failed] for it.
    #[signal]
    fn finished(operation: GString, ok: bool);

    /// The local server started or ended; see [method get_server].
    #[signal]
    fn server_changed(server: VarDictionary);

    /// A build lies in this folder.
    #[signal]
    fn exported(folder: GString);

    /// What publishing would do: `version`, `platform`, `program`, `files`, `installed_bytes`, `chunks`,
    /// `new_chunks` and `new_bytes` (to be sent), `install_bytes` (for a new player to download), `updates`
    /// (dictionaries: `from_version`, `download_bytes`, `reused_bytes`, `files_added`, `files_changed`,
    /// `files_removed`), `compared_with` (the newest release before), `changed_resources` (how many), `resources`
    /// (dictionaries: `pack`, `path`, `name`, `change`, `bytes`).
    #[signal]
    fn previewed(preview: VarDictionary);

    /// A release was published: `created` (false if it was there), `version`, `platform`, `channel`, `sequence`,
    /// `new_bytes` and `new_chunks` (sent), `install_bytes`.
    #[signal]
    fn published(release: VarDictionary);

    /// What is published, dictionaries: `channel`, `platform`, `version`, `sequence`, `offered_percent` (of the
    /// players), `withdrawn`.
    #[signal]
    fn releases_listed(releases: Array<VarDictionary>);

    /// Opens encrypted keys with [param passphrase], which is kept in memory only. Empty forgets it.
    #[func]
    fn set_passphrase(&mut self, passphrase: GString) {
        let passphrase = Passphrase::new(passphrase.to_string());
        self.passphrase = Some(passphrase).filter(|passphrase| !passphrase.is_empty());
    }

    /// Has [method try_player] come with [param token] to a private channel. It is kept in memory, and in the folder
    /// that is thrown away. Empty forgets it. What cannot be a token is left out, and the log says so.
    #[func]
    fn set_read_token(&mut self, token: GString) {
        self.read_token = token;
    }

    /// Starts a server on this machine alone, which keeps its data in [param data_folder] and has keys for
    /// [member title]. [signal server_changed] tells its address.
    #[func(gd_self)]
    fn start_server(mut this: Gd<Self>, data_folder: GString) -> bool {
        let started = {
            let mut me = this.bind_mut();
            let title = me.fields().title();
            title.and_then(|title| {
                me.desk
                    .start_server(PathBuf::from(data_folder.to_string()), title)
            })
        };
        told(&this, "start_server", started)
    }

    /// Ends the local server; [signal server_changed] follows.
    #[func]
    fn stop_server(&self) {
        self.desk.stop_server();
    }

    /// Returns where the local server is: `running`, `url`, `data_folder`, `keys_folder`, `token_file`.
    #[func]
    fn get_server(&self) -> VarDictionary {
        dictionary(view::server(self.desk.server()))
    }

    /// Exports the project in [member project_folder] with [param preset] by the program [param editor], into a
    /// folder below [param builds_folder] named after title, [param version] and platform. The program there is
    /// called [param program_file]. [signal exported] tells the folder.
    #[func(gd_self)]
    fn export_build(
        this: Gd<Self>,
        editor: GString,
        preset: GString,
        version: GString,
        builds_folder: GString,
        program_file: GString,
    ) -> bool {
        let order = this
            .bind()
            .export(&editor, &preset, &version, &builds_folder, &program_file);
        Self::start(this, Operation::ExportBuild, order, export::export)
    }

    /// Finds out what publishing [param folder] as [param version] would send, and what players would download.
    /// [signal previewed] follows; nothing changes on the server.
    #[func(gd_self)]
    fn preview(this: Gd<Self>, folder: GString, version: GString) -> bool {
        let order = this.bind().build(&folder, &version, &GString::new());
        Self::start(this, Operation::Preview, order, |(target, build), desktop| {
            releases::preview(target, build, desktop)
        })
    }

    /// Publishes [param folder] as [param version] in [member channel], with [param notes] in Markdown.
    /// [signal published] and [signal releases_listed] follow.
    #[func(gd_self)]
    fn publish(this: Gd<Self>, folder: GString, version: GString, notes: GString) -> bool {
        let order = this.bind().build(&folder, &version, &notes);
        Self::start(this, Operation::Publish, order, |(target, build), desktop| {
            releases::publish(target, build, desktop)
        })
    }

    /// Offers [param version], which some channel lists, to all players of [member channel] on
    /// [member platform]. [signal releases_listed] follows.
    #[func(gd_self)]
    fn promote(this: Gd<Self>, version: GString) -> bool {
        let change = label(&version).map(|version| ChannelChange::Promote {
            version,
            rollout: None,
        });
        Self::change(this, Operation::Promote, change)
    }

    /// Takes [param version] back from the players of [member channel] on [member platform], who go back to the
    /// release before it. [signal releases_listed] follows.
    #[func(gd_self)]
    fn withdraw(this: Gd<Self>, version: GString) -> bool {
        let change = label(&version).map(|version| ChannelChange::Withdraw { version });
        Self::change(this, Operation::Withdraw, change)
    }

    /// Asks the server what is published; [signal releases_listed] follows.
    #[func(gd_self)]
    fn list_releases(this: Gd<Self>) -> bool {
        let target = this.bind().fields().target();
        Self::start(this, Operation::ListReleases, target, releases::list)
    }

    /// Goes the way of a new player: installs what [member channel] offers into a folder that is thrown away, starts
    /// it with [param arguments] and passes on what it prints, until it ends.
    #[func(gd_self)]
    fn try_player(this: Gd<Self>, arguments: PackedStringArray) -> bool {
        let fields = this.bind().fields();
        let read_token = fields.read_token();
        let order = fields
            .target()
            .map(|target| (target, read_token, texts(&arguments)));
        Self::start(
            this,
            Operation::TryPlayer,
            order,
            |(target, read_token, arguments), desktop| player::try_it(target, read_token, arguments, desktop),
        )
    }

    /// Gives up the running operation.
    #[func]
    fn cancel(&self) {
        self.desk.cancel();
    }

    /// Tells whether an operation is running, [signal finished] still to come.
    #[func]
    fn is_busy(&self) -> bool {
        self.desk.running().is_some()
    }
}

impl VSekaiPublisher {
    /// Starts an operation unless its order makes no sense, which is told.
    fn start<O, W>(
        mut this: Gd<Self>,
        operation: Operation,
        order: Result<O, Failure>,
        work: impl FnOnce(O, Desktop) -> W + Send + 'static,
    ) -> bool
    where
        O: Send + 'static,
        W: Future<Output = Result<(), Failure>>,
    {
        let started = {
            let mut me = this.bind_mut();
            order.and_then(|order| me.desk.start(operation, move |desktop| work(order, desktop)))
        };
        told(&this, operation.as_str(), started)
    }

    fn change(this: Gd<Self>, operation: Operation, change: Result<ChannelChange, Failure>) -> bool {
        let order = {
            let fields = this.bind().fields();
            change.and_then(|change| Ok((fields.target()?, fields.platform()?, change)))
        };
        Self::start(this, operation, order, |(target, platform, change), desktop| {
            releases::change(target, platform, change, desktop)
        })
    }

    fn build(
        &self,
        folder: &GString,
        version: &GString,
        notes: &GString,
    ) -> Result<(Target, Build), Failure> {
        let fields = self.fields();
        let build = Build {
            folder: PathBuf::from(folder.to_string()),
            scan: fields.scan_options()?,
            info: fields.release_info(&version.to_string(), notes.to_string())?,
        };
        Ok((fields.target()?, build))
    }

    fn export(
        &self,
        editor: &GString,
        preset: &GString,
        version: &GString,
        builds_folder: &GString,
        program_file: &GString,
    ) -> Result<Export, Failure> {
        let fields = self.fields();
        let name = format!("{}-{}", label(version)?, fields.platform()?);
        let program = program_file.to_string();
        if program.is_empty() || program.contains(['/', '\\']) {
            return Err(Failure::input(
                format!("\"{program}\" is no file name"),
                "Name the program without its folder",
            ));
        }
        let builds = std::path::absolute(builds_folder.to_string())?;
        Ok(Export {
            editor: PathBuf::from(editor.to_string()),
            project: PathBuf::from(&fields.project_folder),
            preset: preset.to_string(),
            folder: builds.join(fields.title()?.as_str()).join(name),
            program,
        })
    }

    fn fields(&self) -> Fields {
        Fields {
            server_url: self.server_url.to_string(),
            title: self.title.to_string(),
            channel: self.channel.to_string(),
            platform: self.platform.to_string(),
            program: self.program.to_string(),
            user_paths: texts(&self.user_paths),
            minimum_engine: self.minimum_engine.to_string(),
            keys_folder: self.keys_folder.to_string(),
            token_file: self.token_file.to_string(),
            project_folder: self.project_folder.to_string(),
            allow_http: self.allow_http,
            passphrase: self.passphrase.clone(),
            read_token: self.read_token.to_string(),
        }
    }
}

/// Says why an operation did not start; returns whether it did.
fn told(this: &Gd<VSekaiPublisher>, name: &str, started: Result<bool, Failure>) -> bool {
    match started {
        Ok(true) => true,
        Ok(false) => {
            godot_warn!("VSekaiPublisher.{name}: not started, something else is still running");
            false
        }
        Err(failure) => {
            this.signals().failed().emit(&dictionary(view::failure(&failure)));
            false
        }
    }
}

/// Emits the signal for `message`. Nothing is bound meanwhile, so a handler may call any method.
fn emit(this: &Gd<VSekaiPublisher>, message: Message) {
    let mut signals = this.signals();
    match message {
        Message::Log(level, text) => signals.logged().emit(
            level.as_str(),
            &GString::from(&printable(&text, LINE_LIMIT)),
            &PackedStringArray::new(),
        ),
        Message::Said(level, text, values) => {
            let values: Vec<String> = values.iter().map(|value| printable(value, LINE_LIMIT)).collect();
            signals
                .logged()
                .emit(level.as_str(), &GString::from(text), &strings(&values));
        }
        Message::Failed(failure) => signals.failed().emit(&dictionary(view::failure(&failure))),
        Message::Server(address) => {
            let fields = view::server(address.as_ref());
            signals.server_changed().emit(&dictionary(fields));
        }
        Message::Exported(folder) => {
            let folder = folder.display().to_string();
            signals.exported().emit(&GString::from(&folder));
        }
        Message::Previewed(fields) => signals.previewed().emit(&dictionary(fields)),
        Message::Published(fields) => signals.published().emit(&dictionary(fields)),
        Message::Listed(rows) => {
            let rows = rows.into_iter().map(dictionary);
            signals.releases_listed().emit(&rows.collect::<Array<_>>());
        }
        Message::Finished(operation, ok) => signals.finished().emit(operation.as_str(), ok),
    }
}

fn label(text: &GString) -> Result<Version, Failure> {
    target::version("version", &text.to_string())
}

/// Most messages turned into signals in one frame; the rest waits for the next.
const SIGNALS_PER_FRAME: usize = 64;
/// Longest line of the log, in characters.
const LINE_LIMIT: usize = 4096;
