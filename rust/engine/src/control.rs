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
    /// Whether anybody wants the download to wait.
    paused: watch::Sender<bool>,
    hands: Mutex<Hands>,
    cancel: Mutex<CancellationToken>,
    throttle: Throttle,
}

/// Who wants what of a download.
#[derive(Clone, Copy, Debug, Default)]
struct Hands {
    /// The player has paused it.
    player_waits: bool,
    /// The player's preferences hold it back for now.
    policy_waits: bool,
    /// The player went on although the preferences say to wait.
    overruled: bool,
    /// Limits in bytes per second, 0 for none.
    player_limit: u64,
    policy_limit: u64,
}

impl Hands {
    /// The lower of two limits, of which 0 is none.
    fn limit(&self) -> u64 {
        match (self.player_limit, self.policy_limit) {
            (0, limit) | (limit, 0) => limit,
            (one, other) => one.min(other),
        }
    }
}

impl Control {
    pub(crate) fn new(rate_limit: Option<u64>) -> Self {
        let throttle = Throttle::new(rate_limit.unwrap_or(0));
        let inner = Inner {
            paused: watch::Sender::new(false),
            hands: Mutex::new(Hands {
                player_limit: rate_limit.unwrap_or(0),
                ..Hands::default()
            }),
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
        self.change(|hands| hands.player_waits = true);
    }

    /// Goes on after [`Control::pause`], and although the preferences hold the running download back.
    pub fn resume(&self) {
        self.change(|hands| {
            hands.player_waits = false;
            hands.policy_waits = false;
            hands.overruled = true;
        });
    }

    /// Gives up the running operation, if there is one; the installed version stays as it is.
    pub fn cancel(&self) {
        self.token().cancel();
        // A paused download must wake up to notice.
        self.resume();
    }

    /// Sets the most bytes read from the network per second, all connections together; `None` for no limit.
    pub fn set_rate_limit(&self, bytes_per_second: Option<u64>) {
        self.change(|hands| hands.player_limit = bytes_per_second.unwrap_or(0));
    }

    /// Holds the running download back, or lets it go on at a limit of its own, unless the player overruled it.
    pub(crate) fn hold(&self, wait: bool, limit: Option<u64>) {
        self.change(|hands| {
            hands.policy_waits = wait && !hands.overruled;
            hands.policy_limit = limit.unwrap_or(0);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Hands)) {
        let mut hands = self.inner.hands.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut hands);
        if self.inner.throttle.rate() != hands.limit() {
            self.inner.throttle.set_rate(hands.limit());
        }
        // Told under the lock, so that the last wish is the one that counts.
        let wait = hands.player_waits || hands.policy_waits;
        self.inner
            .paused
            .send_if_modified(|paused| std::mem::replace(paused, wait) != wait);
    }

    /// Tells whether a download waits.
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
        self.change(|hands| {
            hands.policy_waits = false;
            hands.policy_limit = 0;
            hands.overruled = false;
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_waits_while_the_player_or_the_preferences_want_it_to() {
        let control = Control::new(None);
        control.hold(true, None);
        assert!(control.is_paused());
        control.pause();
        control.hold(false, None);
        assert!(control.is_paused(), "the player still waits");
        control.resume();
        control.hold(true, None);
        assert!(!control.is_paused(), "the player has overruled it");
        control.begin();
        control.hold(true, None);
        assert!(control.is_paused(), "for that one download only");
    }

    #[test]
    fn the_lower_limit_counts() {
        let control = Control::new(Some(500));
        control.hold(false, Some(300));
        assert_eq!(control.throttle().rate(), 300);
        control.set_rate_limit(Some(200));
        assert_eq!(control.throttle().rate(), 200);
        control.set_rate_limit(None);
        assert_eq!(control.throttle().rate(), 300);
        control.begin();
        assert_eq!(control.throttle().rate(), 0);
    }
}
