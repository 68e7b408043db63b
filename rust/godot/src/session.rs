// SPDX-License-Identifier: MIT
//! One opened install folder: the engine on a thread of its own, commands in, messages out.
//!
//! Everything a [`Session`] offers returns at once. The thread runs one operation at a time on a tokio runtime
//! that lives and dies with it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, watch};
use vsekai_engine::{Control, EngineError, ErrorCode, InstallConfig, Preferences, Updater};
use vsekai_store::Secret;

use crate::message::Message;
use crate::network;
use crate::operation::{Command, perform};
use crate::outbox::Item;
use crate::shared::Shared;
use crate::view::StatusView;
use crate::worker::{CLOSE_LIMIT, Worker, whole};

/// An opened install folder.
pub struct Session {
    control: Control,
    commands: mpsc::Sender<Command>,
    updater: Arc<Updater>,
    threads: Handle,
    shared: Arc<Shared>,
    choices: Arc<Choices>,
    wish: Arc<watch::Sender<Wish>>,
    worker: Arc<Worker>,
    running: Option<&'static str>,
}

/// A change of the player's settings that is to be written down.
type Change = Box<dyn FnOnce(&Updater) -> Result<(), EngineError> + Send>;

/// Changes in the order they were asked for: threads may start in another one.
#[derive(Default)]
struct Choices {
    waiting: Mutex<VecDeque<Change>>,
    turn: Mutex<()>,
}

impl Choices {
    fn add(&self, change: Change) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(change);
    }

    /// Makes the next change.
    fn make_next(&self, updater: &Updater, shared: &Shared) -> Result<(), EngineError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        next.map_or(Ok(()), |change| shared.choose(updater, change))
    }
}

impl Session {
    /// Opens the folder and starts the thread; reads a few small files, hashes the lists of what is installed, and uses no
    /// network.
    ///
    /// # Errors
    /// The folder cannot be opened, or the system gives no thread.
    pub fn open(config: InstallConfig) -> Result<Self, EngineError> {
        let shared = Arc::new(Shared::default());
        let updater = Arc::new(Updater::open(config, Arc::clone(&shared) as Arc<_>)?);
        shared.set_judge(&updater);
        shared.set_status(&updater.status()?);
        shared.messages.push(Message::Status(shared.status()));
        shared.set_preferences(updater.preferences());
        let runtime = runtime().map_err(|error| EngineError::Internal(format!("no threads: {error}")))?;
        let (commands, receiver) = mpsc::channel(1);
        let (wish, wishes) = watch::channel(Wish::Go);
        let (control, wish) = (updater.control(), Arc::new(wish));
        let threads = runtime.handle().clone();
        let work = Work {
            updater: Arc::clone(&updater),
            shared: Arc::clone(&shared),
            control: control.clone(),
            wishes,
        };
        let on_stop = stopper(control.clone(), Arc::clone(&wish));
        let told = Arc::clone(&shared);
        runtime.spawn(network::follow(move |kind| told.set_network(kind)));
        let worker = Worker::start("vsekai-session", on_stop, move || {
            runtime.block_on(work.serve(receiver));
            runtime.shutdown_timeout(BLOCKING_GRACE);
        });
        let worker = worker.map_err(|error| EngineError::Internal(format!("no thread: {error}")))?;
        Ok(Self {
            control,
            commands,
            updater,
            threads,
            shared,
            choices: Arc::default(),
            wish,
            worker,
            running: None,
        })
    }

    /// Starts an operation; false if one is running already.
    pub fn submit(&mut self, command: Command) -> bool {
        let operation = command.name();
        if self.running.is_some() {
            return false;
        }
        self.wish.send_if_modified(|wish| match wish {
            Wish::Cancel => {
                *wish = Wish::Go;
                true
            }
            Wish::Go | Wish::Stop => false,
        });
        self.control.resume();
        if self.commands.try_send(command).is_err() {
            return false;
        }
        self.running = Some(operation);
        true
    }

    /// Returns the name of the operation that has been started and whose end has not been taken from
    /// [`Session::drain`].
    pub fn running(&self) -> Option<&'static str> {
        self.running
    }

    /// Stops fetching for now, if an operation runs.
    pub fn pause(&self) {
        if self.running.is_some() {
            self.control.pause();
        }
    }

    /// Goes on after [`Session::pause`].
    pub fn resume(&self) {
        self.control.resume();
    }

    /// Gives up the running operation, if any.
    pub fn cancel(&self) {
        if self.running.is_some() {
            self.wish
                .send_if_modified(|wish| std::mem::replace(wish, wish.at_least_cancel()) == Wish::Go);
            self.control.cancel();
        }
    }

    /// Limits the rate; `None` for no limit.
    pub fn set_rate_limit(&self, bytes_per_second: Option<u64>) {
        self.control.set_rate_limit(bytes_per_second);
    }

    /// Changes the player's settings to `preferences` by `change`, whatever else is going on.
    ///
    /// They count at once; that they are written down is told later, or an error with the ones that count then.
    pub fn choose(
        &self,
        preferences: Preferences,
        change: impl FnOnce(&Updater) -> Result<(), EngineError> + Send + 'static,
    ) {
        self.shared.expect_preferences(preferences);
        self.choices.add(Box::new(change));
        let (updater, shared) = (Arc::clone(&self.updater), Arc::clone(&self.shared));
        let choices = Arc::clone(&self.choices);
        self.threads.spawn_blocking(move || {
            if let Err(error) = choices.make_next(&updater, &shared) {
                shared.messages.push(Message::Failed(error.report()));
            }
        });
    }

    /// Uses a token for private channels from the next operation on.
    pub fn give_read_token(&self, token: Secret) {
        self.updater.give_read_token(token);
        self.shared.note_read_token();
    }

    /// Notes whether the connection costs by the byte.
    pub fn set_metered(&self, metered: bool) {
        self.shared.set_metered(metered);
    }

    /// Returns the player's settings, as last known.
    pub fn preferences(&self) -> Preferences {
        self.shared.preferences()
    }

    /// Returns what is installed, offered and running, as last known.
    pub fn status(&self) -> StatusView {
        self.shared.status()
    }

    /// Takes what the engine has said since the last call, at most `limit` messages and one progress.
    ///
    /// A [`Message::Finished`] counts when [`Session::finished`] is told of it.
    pub fn drain(&self, limit: usize) -> Vec<Item<Message, vsekai_engine::Progress>> {
        self.shared.messages.drain(limit)
    }

    /// Notes that the main thread has seen the end of an operation, so that the next one may start.
    pub fn finished(&mut self) {
        self.running = None;
    }

    /// Cancels what runs and ends the thread within a bounded time; false if it did not end.
    pub fn close(&self) -> bool {
        self.worker.stop_within(CLOSE_LIMIT)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close();
    }
}

/// What the main thread wants of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    /// Work as told.
    Go,
    /// Give up the running operation.
    Cancel,
    /// Give it up and end.
    Stop,
}

impl Wish {
    fn at_least_cancel(self) -> Self {
        match self {
            Self::Go | Self::Cancel => Self::Cancel,
            Self::Stop => Self::Stop,
        }
    }
}

/// The worker's side.
struct Work {
    updater: Arc<Updater>,
    shared: Arc<Shared>,
    control: Control,
    wishes: watch::Receiver<Wish>,
}

impl Work {
    async fn serve(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            let command = tokio::select! {
                biased;
                _ = self.wishes.wait_for(|wish| *wish == Wish::Stop) => return,
                command = commands.recv() => command,
            };
            let Some(command) = command else { return };
            let operation = command.name();
            let work = Box::pin(perform(
                Arc::clone(&self.updater),
                Arc::clone(&self.shared),
                command,
            ));
            let result = self.supervise(work).await;
            self.report(operation, result);
        }
    }

    /// Carries the operation out, and makes it end when that is wanted.
    async fn supervise(
        &self,
        work: impl Future<Output = Result<(), EngineError>>,
    ) -> Result<(), EngineError> {
        let (mut wishes, mut stops) = (self.wishes.clone(), self.wishes.clone());
        let given_up = async {
            let _ = stops.wait_for(|wish| *wish == Wish::Stop).await;
            tokio::time::sleep(OPERATION_GRACE).await;
        };
        let work = whole(work);
        tokio::pin!(work, given_up);
        let mut cancelled = false;
        loop {
            tokio::select! {
                biased;
                ended = &mut work => {
                    return ended.unwrap_or_else(|| Err(EngineError::Internal("the work broke off".to_owned())));
                }
                () = &mut given_up => return Err(EngineError::Cancelled),
                _ = wishes.wait_for(|wish| *wish != Wish::Go), if !cancelled => {
                    cancelled = true;
                    self.control.cancel();
                }
                // An operation forgets cancellations older than its own start, and the wish may be one.
                () = tokio::time::sleep(CANCEL_AGAIN), if cancelled => self.control.cancel(),
            }
        }
    }

    fn report(&self, operation: &'static str, result: Result<(), EngineError>) {
        if let Ok(status) = self.updater.status() {
            self.shared.set_status(&status);
        }
        let ok = match result {
            Ok(()) => true,
            Err(error) => {
                if error.code() != ErrorCode::Cancelled {
                    self.shared.messages.push(Message::Failed(error.report()));
                }
                false
            }
        };
        self.shared.messages.push(Message::Status(self.shared.status()));
        self.shared.messages.push(Message::Finished { operation, ok });
    }
}

fn stopper(control: Control, wish: Arc<watch::Sender<Wish>>) -> impl Fn() + Send + Sync + 'static {
    move || {
        wish.send_replace(Wish::Stop);
        control.cancel();
    }
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("vsekai-engine")
        .enable_all()
        .build()
}

/// Threads that poll; hashing and file work run on others.
const RUNTIME_THREADS: usize = 2;
/// How often a wish to cancel is repeated until the operation has ended.
const CANCEL_AGAIN: Duration = Duration::from_millis(20);
/// How long an operation may take to end by itself when the launcher quits.
const OPERATION_GRACE: Duration = Duration::from_secs(2);
/// How long file operations may take to end after that.
const BLOCKING_GRACE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use vsekai_formats::release::Platform;

    use super::*;

    /// A server that takes connections and never answers.
    struct SilentServer(TcpListener);

    impl SilentServer {
        fn start() -> Self {
            Self(TcpListener::bind("127.0.0.1:0").unwrap())
        }

        fn address(&self) -> String {
            format!("http://{}", self.0.local_addr().unwrap())
        }
    }

    fn open(folder: &tempfile::TempDir, server: String) -> Session {
        let mut config = InstallConfig::new(folder.path().join("install"), Platform::LinuxX86_64);
        config.server = Some(server);
        config.title = Some("test".parse().unwrap());
        config.channel = Some("stable".parse().unwrap());
        Session::open(config).unwrap()
    }

    /// Takes messages until the operation has ended.
    fn until_finished(session: &mut Session) -> Vec<Message> {
        let mut messages = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            for item in session.drain(10) {
                match item {
                    // What is known of the network comes when it comes, after the end too.
                    Item::Discrete(Message::Network(_)) | Item::Latest(_) => {}
                    Item::Discrete(message) => messages.push(message),
                }
            }
            if matches!(messages.last(), Some(Message::Finished { .. })) {
                session.finished();
                return messages;
            }
            std::thread::yield_now();
        }
        panic!("no end after {messages:?}");
    }

    #[test]
    fn an_operation_that_fails_says_why_once_and_ends_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut session = open(&folder, "http://127.0.0.1:1".to_owned());
        assert!(session.submit(Command::Launch {
            arguments: vec![],
            vr: false
        }));
        assert!(!session.submit(Command::Verify), "one operation runs at a time");
        let messages = until_finished(&mut session);
        let errors: Vec<_> = messages
            .iter()
            .filter_map(|m| {
                if let Message::Failed(e) = m {
                    Some(e.code)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(errors, [ErrorCode::NotInstalled]);
        assert_eq!(
            messages.last(),
            Some(&Message::Finished {
                operation: "launch",
                ok: false
            })
        );
        assert!(session.submit(Command::Verify), "the next one may start");
        until_finished(&mut session);
    }

    #[test]
    fn a_cancelled_operation_ends_without_an_error_however_early_it_was_cancelled() {
        let server = SilentServer::start();
        let folder = tempfile::tempdir().unwrap();
        let mut session = open(&folder, server.address());
        for command in [Command::Check, Command::Update, Command::Check] {
            assert!(session.submit(command));
            session.cancel();
            let messages = until_finished(&mut session);
            assert!(
                !messages.iter().any(|m| matches!(m, Message::Failed(_))),
                "{messages:?}"
            );
            let state = Message::State {
                state: "Cancelled".to_owned(),
                phase: String::new(),
            };
            assert!(messages.contains(&state), "{messages:?}");
            assert!(matches!(
                messages.last(),
                Some(Message::Finished { ok: false, .. })
            ));
        }
    }

    #[test]
    fn a_session_closes_quickly_while_it_waits_for_a_server() {
        let server = SilentServer::start();
        let folder = tempfile::tempdir().unwrap();
        let mut session = open(&folder, server.address());
        assert!(session.submit(Command::Update));
        let start = Instant::now();
        assert!(session.close());
        assert!(start.elapsed() < CLOSE_LIMIT);
        assert!(
            !session.submit(Command::Check),
            "nothing starts in a closed session"
        );
        assert!(session.close(), "closing again is no error");
    }

    #[test]
    fn settings_can_be_changed_while_an_operation_runs() {
        let server = SilentServer::start();
        let folder = tempfile::tempdir().unwrap();
        let mut session = open(&folder, server.address());
        assert!(session.submit(Command::Update));
        let seven = session.preferences().with("keep-versions", "7").unwrap();
        session.choose(seven.clone(), |updater| {
            updater.set_preference("keep-versions", "7").map(drop)
        });
        assert_eq!(session.preferences(), seven, "they count at once");
        session.choose(seven, |updater| {
            updater.set_preference("keep-versions", "many").map(drop)
        });
        let mut told = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(60);
        while !told.iter().any(|m| matches!(m, Message::Failed(_))) && Instant::now() < deadline {
            for item in session.drain(10) {
                if let Item::Discrete(message) = item {
                    told.push(message);
                }
            }
            std::thread::yield_now();
        }
        assert_eq!(session.preferences().keep_versions, 7, "{told:?}");
        assert_eq!(session.running(), Some("update"));
    }

    #[test]
    fn the_status_is_known_before_anything_was_done() {
        let folder = tempfile::tempdir().unwrap();
        let session = open(&folder, "http://127.0.0.1:1".to_owned());
        let status = session.status();
        assert!(!status.installed && !status.game_running);
        assert_eq!(status.channel, "stable");
        assert_eq!(status.platform, "linux-x86_64");
    }
}
