// SPDX-License-Identifier: MIT
//! A limit on network bytes that all transports share and that can change at any moment.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Limits, pauses and counts the bytes that arrive from the network.
///
/// Clones share one limit. Readers wait in [`Throttle::admit`] before they read on, so a limit or a pause
/// holds the bytes back in the network and never in memory; what has arrived is theirs to use.
#[derive(Clone, Debug)]
pub struct Throttle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bucket: Mutex<Bucket>,
    /// Wakes all who wait, so that they look at the new settings.
    changes: watch::Sender<()>,
    received: AtomicU64,
}

#[derive(Debug)]
struct Bucket {
    rate: Option<NonZeroU64>,
    paused: bool,
    /// Bytes that may be read now; below zero is a debt to wait for.
    available: f64,
    filled: Option<Instant>,
}

/// What a reader has to wait for.
enum Wait {
    Nothing,
    Change,
    Time(Duration),
}

impl Throttle {
    /// Makes a throttle that lets `rate` bytes through per second; 0 means no limit.
    pub fn new(rate: u64) -> Self {
        Self(Arc::new(Shared {
            bucket: Mutex::new(Bucket {
                rate: NonZeroU64::new(rate),
                paused: false,
                available: 0.0,
                filled: None,
            }),
            changes: watch::Sender::new(()),
            received: AtomicU64::new(0),
        }))
    }

    /// Makes a throttle without limit, which can be given one later.
    pub fn unlimited() -> Self {
        Self::new(0)
    }

    /// Sets the limit in bytes per second from this moment on; 0 means no limit.
    pub fn set_rate(&self, rate: u64) {
        {
            let mut bucket = self.bucket();
            bucket.fill(Instant::now());
            bucket.rate = NonZeroU64::new(rate);
            // A debt or credit made at another rate would make the new one wrong for a while.
            bucket.available = 0.0;
        }
        self.0.changes.send_replace(());
    }

    /// Returns the limit in bytes per second; 0 means no limit.
    pub fn rate(&self) -> u64 {
        self.bucket().rate.map_or(0, NonZeroU64::get)
    }

    /// Holds all reading from now on until [`Throttle::resume`].
    pub fn pause(&self) {
        self.bucket().paused = true;
        self.0.changes.send_replace(());
    }

    /// Lets reading go on.
    pub fn resume(&self) {
        self.bucket().paused = false;
        self.0.changes.send_replace(());
    }

    /// Tells whether reading is held.
    pub fn is_paused(&self) -> bool {
        self.bucket().paused
    }

    /// Returns the bytes received since the throttle was made.
    pub fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// Waits until more may be read and returns how long that took.
    pub async fn admit(&self) -> Duration {
        let mut changes = self.0.changes.subscribe();
        let start = Instant::now();
        loop {
            changes.mark_unchanged();
            let wait = self.bucket().wait(Instant::now());
            // The sender lives in `self`, so `changed` cannot fail.
            match wait {
                Wait::Nothing => return start.elapsed(),
                Wait::Change => drop(changes.changed().await),
                Wait::Time(time) => tokio::select! {
                    () = sleep(time) => {}
                    _ = changes.changed() => {}
                },
            }
        }
    }

    /// Counts `bytes` that have been read; whoever asks next waits for them.
    pub fn spend(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
        let mut bucket = self.bucket();
        if bucket.rate.is_some() {
            bucket.fill(Instant::now());
            bucket.available -= bytes as f64;
        }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        // Every change of the bucket is complete before anything could panic.
        self.0.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::unlimited()
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let since = self
            .filled
            .map_or(Duration::ZERO, |then| now.saturating_duration_since(then));
        self.filled = Some(now);
        if let Some(rate) = self.rate {
            let rate = rate.get() as f64;
            let most = rate * BURST_SECONDS;
            self.available = (self.available + rate * since.as_secs_f64()).min(most);
        }
    }

    fn wait(&mut self, now: Instant) -> Wait {
        self.fill(now);
        match self.rate {
            _ if self.paused => Wait::Change,
            Some(rate) if self.available < 0.0 => {
                let seconds = (-self.available / rate.get() as f64).min(MAX_WAIT_SECONDS);
                // At least the timer's own step, lest rounding makes this a busy loop.
                Wait::Time(Duration::from_secs_f64(seconds).max(Duration::from_millis(1)))
            }
            _ => Wait::Nothing,
        }
    }
}

/// Unused time that may be caught up on, which keeps short gaps from lowering the rate.
const BURST_SECONDS: f64 = 0.25;

const MAX_WAIT_SECONDS: f64 = 3600.0;

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(throttle: &Throttle, pieces: usize, size: usize) {
        for _ in 0..pieces {
            throttle.admit().await;
            throttle.spend(size);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_readers_share_one_limit() {
        let throttle = Throttle::new(1_000_000);
        let start = Instant::now();
        let readers = (0..10).map(|_| read(&throttle, 50, 20_000));
        futures::future::join_all(readers).await;
        throttle.admit().await;
        let seconds = start.elapsed().as_secs_f64();
        assert!((9.7..10.3).contains(&seconds), "{seconds}");
        assert_eq!(throttle.received(), 10_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits() {
        let throttle = Throttle::unlimited();
        let start = Instant::now();
        read(&throttle, 1000, 1 << 20).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(throttle.rate(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_limit_reaches_those_who_wait_already() {
        let throttle = Throttle::new(1);
        throttle.spend(1_000_000);
        let waiting = tokio::spawn({
            let throttle = throttle.clone();
            async move { throttle.admit().await }
        });
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(!waiting.is_finished());
        throttle.set_rate(0);
        assert!(waiting.await.unwrap() < Duration::from_secs(6));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_readers_until_it_ends() {
        let throttle = Throttle::unlimited();
        throttle.pause();
        assert!(throttle.is_paused());
        let waiting = tokio::spawn({
            let throttle = throttle.clone();
            async move { throttle.admit().await }
        });
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_secs(3600)).await;
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        throttle.resume();
        assert!(waiting.await.unwrap() >= Duration::from_secs(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn idle_time_is_caught_up_on_for_a_quarter_of_a_second_only() {
        let throttle = Throttle::new(1000);
        throttle.admit().await;
        tokio::time::advance(Duration::from_secs(100)).await;
        let start = Instant::now();
        read(&throttle, 20, 100).await;
        throttle.admit().await;
        let seconds = start.elapsed().as_secs_f64();
        assert!((1.6..2.0).contains(&seconds), "{seconds}");
    }
}
