// SPDX-License-Identifier: MIT
//! Progress that people can read: counted everywhere, told at most ten times a second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vsekai_store::throttle::Throttle;

use crate::event::{Event, Observer, Progress, Step};

/// Counts the bytes of one step and tells an observer about them.
pub(crate) struct Meter<'a> {
    observer: &'a dyn Observer,
    throttle: &'a Throttle,
    network_at_start: u64,
    step: Step,
    total: u64,
    done: AtomicU64,
    pace: Mutex<Pace>,
}

/// When was told last, and how fast it went since.
struct Pace {
    started: Instant,
    done_at_start: u64,
    told: Instant,
    done: u64,
    per_second: f64,
}

/// Time between two events.
const INTERVAL: Duration = Duration::from_millis(100);
/// Time at the start in which the speed is the plain average: a first burst would be remembered for long.
const WARM_UP: Duration = Duration::from_secs(3);
/// Weight of the past in the speed: about three seconds at ten events a second.
const SMOOTHING: f64 = 0.97;

impl<'a> Meter<'a> {
    /// Starts a step of `total` bytes, `done` of which are there from an earlier run.
    ///
    /// `network_at_start` is what the throttle had counted when the operation began.
    pub(crate) fn start(
        observer: &'a dyn Observer,
        throttle: &'a Throttle,
        network_at_start: u64,
        step: Step,
        (done, total): (u64, u64),
    ) -> Self {
        let now = Instant::now();
        let pace = Pace {
            started: now,
            done_at_start: done,
            told: now,
            done,
            per_second: 0.0,
        };
        let pace = Mutex::new(pace);
        let done = AtomicU64::new(done);
        let meter = Self {
            observer,
            throttle,
            network_at_start,
            step,
            total,
            done,
            pace,
        };
        meter.tell(0.0);
        meter
    }

    /// Returns the counter, for work that counts by itself; call [`Meter::tick`] now and then.
    pub(crate) fn counter(&self) -> &AtomicU64 {
        &self.done
    }

    /// Counts `bytes` and tells if it is time to.
    pub(crate) fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        self.tick();
    }

    /// Tells if it is time to.
    pub(crate) fn tick(&self) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = pace.told.elapsed();
        if elapsed < INTERVAL {
            return;
        }
        let done = self.done.load(Ordering::Relaxed);
        let since_start = pace.started.elapsed();
        pace.per_second = if since_start < WARM_UP {
            done.saturating_sub(pace.done_at_start) as f64 / since_start.as_secs_f64()
        } else {
            let now = done.saturating_sub(pace.done) as f64 / elapsed.as_secs_f64();
            let weight = SMOOTHING.powf(elapsed.as_secs_f64() / INTERVAL.as_secs_f64());
            pace.per_second * weight + now * (1.0 - weight)
        };
        pace.told = Instant::now();
        pace.done = done;
        // Told under the lock, so that figures never go backwards.
        self.tell(pace.per_second);
    }

    /// Runs `work`, which counts by itself, and tells how far it is.
    pub(crate) fn ticking<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let result = std::thread::scope(|scope| {
            let (done, wait) = mpsc::channel::<()>();
            scope.spawn(move || {
                while wait.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    self.tick();
                }
            });
            let result = work();
            drop(done);
            result
        });
        self.finish();
        result
    }

    /// Tells the last figures.
    pub(crate) fn finish(&self) {
        let speed = self
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .per_second;
        self.tell(speed);
    }

    fn tell(&self, per_second: f64) {
        let done = self.done.load(Ordering::Relaxed).min(self.total);
        let left = self.total - done;
        let seconds_left = (per_second >= 1.0).then(|| (left as f64 / per_second).ceil() as u64);
        self.observer.on_event(Event::Progress(Progress {
            step: self.step,
            done_bytes: done,
            total_bytes: self.total,
            network_bytes: self.throttle.received().saturating_sub(self.network_at_start),
            bytes_per_second: per_second as u64,
            seconds_left,
        }));
    }
}
