// SPDX-License-Identifier: MIT
//! The log of one command, on its own threads: nothing of it is shared with the rest of the process.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Dispatch;
use tracing::dispatcher::DefaultGuard;
use tracing_subscriber::EnvFilter;

/// One stream for several writers, each of whose writes stays in one piece.
#[derive(Clone)]
pub(super) struct SharedWriter(Arc<Mutex<Box<dyn Write + Send>>>);

impl SharedWriter {
    pub(super) fn new(writer: Box<dyn Write + Send>) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn Write + Send>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for SharedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whole, so that lines of other threads do not come between.
        self.lock().write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

impl std::fmt::Debug for SharedWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedWriter")
    }
}

/// What the libraries tell about their work.
#[derive(Clone, Debug)]
pub(super) struct Log(Dispatch);

impl Log {
    /// Writes failures to `writer`, and details too if it is `verbose`.
    pub(super) fn new(verbose: bool, writer: SharedWriter) -> Self {
        let filter = if verbose { VERBOSE } else { FAILURES };
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_ansi(false)
            .with_writer(move || writer.clone());
        Self(Dispatch::new(subscriber.finish()))
    }

    /// Makes this the log of the thread that calls, until it ends.
    pub(super) fn attach(&self) {
        let guard = tracing::dispatcher::set_default(&self.0);
        ATTACHED.with(|attached| *attached.borrow_mut() = Some(guard));
    }
}

thread_local! {
    static ATTACHED: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// What a server cannot tell its clients; commands report failures themselves.
const FAILURES: &str = "off,vsekai_server=error";
const VERBOSE: &str = "off,vsekai_cli=debug,vsekai_desync=debug,vsekai_server=debug,vsekai_store=debug";
