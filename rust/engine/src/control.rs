// SPDX-License-Identifier: MIT
//! The player's hand on a running operation.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use vsekai_store::throttle::Throttle;

use crate::error::EngineError;

/// Pauses, resumes, cancels and limits the operations of one [`crate::Updater`], from any thread.
#[derive(Clone, Debug)]
pub struct Control {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    paused: watch::Sender<bool>,
    cancel: Mutex<CancellationToken>,
    throttle: Throttle,
}

impl Control {
    pub(crate) fn new(rate_limit: Option<u64>) -> Self {
        let throttle = Throttle::new(rate_limit.unwrap_or(0));
        let inner = Inner {
            paused: watch::Sender::new(false),
            cancel: Mutex::default(),
            throttle,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Stops fetching for now; nothing that was fetched is lost.
    ///
    /// Takes effect while downloading, or as soon as the download starts.
    pub fn pause(&self) {
        self.inner.paused.send_replace(true);
    }

    /// Goes on after [`Control::pause`].
    pub fn resume(&self) {
        self.inner.paused.send_replace(false);
    }

    /// Gives up the running operation, if there is one; the installed version stays as it is.
    pub fn cancel(&self) {
        self.token().cancel();
        // A paused download must wake up to notice.
        self.resume();
    }

    /// Sets the most bytes read from the network per second, all connections together; `None` for no limit.
    pub fn set_rate_limit(&self, bytes_per_second: Option<u64>) {
        self.inner.throttle.set_rate(bytes_per_second.unwrap_or(0));
    }

    /// Tells whether the player has paused.
    pub fn is_paused(&self) -> bool {
        *self.inner.paused.borrow()
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.inner.throttle
    }

    pub(crate) fn paused(&self) -> watch::Receiver<bool> {
        self.inner.paused.subscribe()
    }

    /// Forgets a cancellation that was meant for an earlier operation.
    pub(crate) fn begin(&self) -> CancellationToken {
        let mut cancel = self.inner.cancel.lock().unwrap_or_else(PoisonError::into_inner);
        *cancel = CancellationToken::new();
        cancel.clone()
    }

    fn token(&self) -> CancellationToken {
        self.inner
            .cancel
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Fails with [`EngineError::Cancelled`] once `token` is cancelled.
pub(crate) fn check(token: &CancellationToken) -> Result<(), EngineError> {
    match token.is_cancelled() {
        true => Err(EngineError::Cancelled),
        false => Ok(()),
    }
}
