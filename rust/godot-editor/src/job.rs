// SPDX-License-Identifier: MIT
//! One operation on a thread of its own, which can be told to stop.

use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use vsekai_godot_common::worker::{Worker, whole};
use vsekai_publish::Cancel;

use crate::failure::Failure;
use crate::message::{Level, Message, Messages, Operation, Progress};

/// How an operation hears that it should stop.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    token: CancellationToken,
    publishing: Cancel,
}

impl Stop {
    /// Asks for the end; returns at once.
    pub fn stop(&self) {
        self.publishing.cancel();
        self.token.cancel();
    }

    /// Waits until the end is asked for.
    pub async fn stopped(&self) {
        self.token.cancelled().await;
    }

    /// Returns the same for what publishes.
    pub fn publishing(&self) -> &Cancel {
        &self.publishing
    }
}

/// Where an operation tells what it does.
#[derive(Clone, Debug)]
pub struct Desktop {
    /// The way to the main thread.
    pub messages: Arc<Messages>,
    /// How it hears that it should stop.
    pub stop: Stop,
}

impl Desktop {
    /// Says a line for the log: `text`, which the dock has in every language, with places such as `{0}` for `values`.
    pub fn say(&self, level: Level, text: &'static str, values: &[&dyn Display]) {
        let values = values.iter().map(ToString::to_string).collect();
        self.messages.push(Message::Said(level, text, values));
    }

    /// Passes on a line that a program printed.
    pub fn log(&self, level: Level, line: impl Into<String>) {
        self.messages.push(Message::Log(level, line.into()));
    }

    /// Says how far the operation is.
    pub fn progress(&self, step: &'static str, done: u64, total: u64) {
        self.messages.set_latest(Progress { step, done, total });
    }
}

impl vsekai_publish::Observer for Desktop {
    fn on_progress(&self, progress: vsekai_publish::Progress) {
        use vsekai_publish::Phase::{Comparing, Reading, Releasing, Scanning, Uploading};
        let step = match progress.phase {
            Scanning => "scan",
            Reading => "read",
            Comparing => "compare",
            Uploading => "upload",
            Releasing => "release",
        };
        self.progress(step, progress.done_bytes, progress.total_bytes);
    }
}

/// A thread that carries out one operation, or keeps something running.
pub struct Job {
    worker: Arc<Worker>,
    stop: Stop,
}

impl Job {
    /// Carries out `work`; its end is told by [`Message::Finished`], after [`Message::Failed`] if it failed.
    ///
    /// Work that does not end soon after it was told to stop is given up.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start<W>(
        operation: Operation,
        messages: Arc<Messages>,
        work: impl FnOnce(Desktop) -> W + Send + 'static,
    ) -> io::Result<Self>
    where
        W: Future<Output = Result<(), Failure>>,
    {
        Self::spawn(messages, move |desktop, runtime| {
            let messages = Arc::clone(&desktop.messages);
            let stop = desktop.stop.clone();
            let ended = runtime.block_on(supervise(work(desktop), &stop));
            report(&messages, operation, ended);
        })
    }

    /// Runs `body` with a runtime of its own, which ends with it.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn spawn(
        messages: Arc<Messages>,
        body: impl FnOnce(Desktop, &Runtime) + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("vsekai-publisher")
            .enable_all()
            .build()?;
        let stop = Stop::default();
        let desktop = Desktop {
            messages,
            stop: stop.clone(),
        };
        let on_stop = {
            let stop = stop.clone();
            move || stop.stop()
        };
        let worker = Worker::start("vsekai-publisher", on_stop, move || {
            body(desktop, &runtime);
            runtime.shutdown_timeout(BLOCKING_GRACE);
        })?;
        Ok(Self { worker, stop })
    }

    /// Asks for the end; returns at once.
    pub fn stop(&self) {
        self.stop.stop();
    }

    /// Asks for the end and waits for it at most `limit`; true if it has ended.
    pub fn stop_within(&self, limit: Duration) -> bool {
        self.worker.stop_within(limit)
    }
}

/// Tells how an operation ended.
pub fn report(messages: &Messages, operation: Operation, ended: Result<(), Failure>) {
    let ok = ended.is_ok();
    if let Err(failure) = ended
        && !failure.is_cancelled()
    {
        messages.push(Message::Failed(failure));
    }
    messages.push(Message::Finished(operation, ok));
}

async fn supervise(work: impl Future<Output = Result<(), Failure>>, stop: &Stop) -> Result<(), Failure> {
    let given_up = async {
        stop.stopped().await;
        tokio::time::sleep(STOP_GRACE).await;
    };
    tokio::select! {
        biased;
        ended = unbroken(work) => ended,
        () = given_up => Err(Failure::cancelled()),
    }
}

/// Does `work`; a defect in it is a failure too.
pub async fn unbroken<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let broken = || Err(Failure::internal("the work broke off"));
    whole(work).await.unwrap_or_else(broken)
}

/// Threads that poll; reading and hashing run on others.
const RUNTIME_THREADS: usize = 2;
/// How long an operation may take to end by itself.
const STOP_GRACE: Duration = Duration::from_secs(2);
/// How long file operations may take to end after that.
const BLOCKING_GRACE: Duration = Duration::from_secs(2);
