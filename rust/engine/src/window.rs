// SPDX-License-Identifier: MIT
//! How many requests are under way at once: as many as make the download faster, and no more.
//!
//! Pure: completions with their time and size go in, a number comes out. The number doubles as long as each
//! doubling brings more bytes per second, then tries one step up now and then, and is halved by a failure.
//! Losses on the line are TCP's business; what is looked for here is the point where the line, the server,
//! this machine or the player's limit is busy, whatever the round trip.

use std::time::Duration;

/// The number of requests that may be under way.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    size: usize,
    most: usize,
    growth: Growth,
    /// Bytes per second that are to be beaten.
    rate: f64,
    started: Duration,
    bytes: u64,
    completions: usize,
}

/// What the last change of the size was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Growth {
    /// It was doubled, or is the first one.
    Doubled,
    /// It was raised by this much, to see whether that helps.
    Raised(usize),
    /// It is as it was for this many rounds.
    Held(u32),
}

impl Window {
    /// Starts with `first` requests, to be at most `most`; both count as 1 if they are 0.
    pub(crate) fn new(first: usize, most: usize) -> Self {
        let most = most.max(1);
        Self {
            size: first.clamp(1, most),
            most,
            growth: Growth::Doubled,
            rate: 0.0,
            started: Duration::ZERO,
            bytes: 0,
            completions: 0,
        }
    }

    /// Returns how many requests may be under way now.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Takes note of a request that brought `bytes`; `now` counts from the start of the download.
    ///
    /// A round is judged once every request of the window can have ended.
    pub(crate) fn completed(&mut self, now: Duration, bytes: u64) {
        self.bytes += bytes;
        self.completions += 1;
        let elapsed = now.saturating_sub(self.started);
        if self.completions < self.size || elapsed < SHORTEST_ROUND {
            return;
        }
        let rate = self.bytes as f64 / elapsed.as_secs_f64();
        self.judge(rate);
        self.begin_round(now);
    }

    /// Takes note of a request that failed.
    pub(crate) fn failed(&mut self, now: Duration) {
        self.size = (self.size / 2).max(1);
        self.growth = Growth::Held(0);
        self.rate = 0.0;
        self.begin_round(now);
    }

    fn judge(&mut self, rate: f64) {
        match self.growth {
            Growth::Doubled if rate > self.rate * WORTH_DOUBLING => self.double(rate),
            Growth::Doubled => {
                // Half as many did as well.
                self.size = (self.size / 2).max(1);
                self.growth = Growth::Held(0);
            }
            Growth::Raised(step) => {
                if rate < self.rate * WORTH_A_STEP {
                    self.size = self.size.saturating_sub(step).max(1);
                }
                self.rate = self.rate.max(rate);
                self.growth = Growth::Held(0);
            }
            Growth::Held(rounds) if rounds >= ROUNDS_HELD && self.size < self.most => {
                self.rate = rate;
                self.raise();
            }
            Growth::Held(rounds) => {
                self.rate = rate;
                self.growth = Growth::Held(rounds + 1);
            }
        }
    }

    fn double(&mut self, rate: f64) {
        self.rate = rate;
        match self.size < self.most {
            true => self.size = (self.size * 2).min(self.most),
            false => self.growth = Growth::Held(0),
        }
    }

    fn raise(&mut self) {
        let step = (self.size / 4).max(1).min(self.most - self.size);
        self.size += step;
        self.growth = Growth::Raised(step);
    }

    fn begin_round(&mut self, now: Duration) {
        self.started = now;
        self.bytes = 0;
        self.completions = 0;
    }
}

/// Shorter rounds say more about chance than about the line.
const SHORTEST_ROUND: Duration = Duration::from_millis(200);
/// Twice the requests are kept for a fifth more bytes per second.
const WORTH_DOUBLING: f64 = 1.2;
/// A quarter more requests for a twentieth more.
const WORTH_A_STEP: f64 = 1.05;
/// Rounds between two attempts to do better.
const ROUNDS_HELD: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// A line with a round trip and a speed, over which requests of one size are made for a while.
    struct Line {
        round_trip: f64,
        bytes_per_second: f64,
        request: u64,
    }

    impl Line {
        /// Returns the window after `seconds`, and the bytes fetched.
        fn run(&self, window: &mut Window, from: f64, seconds: f64) -> u64 {
            let (mut now, mut bytes) = (from, 0);
            while now < from + seconds {
                let size = window.size();
                let busy = size as f64 * self.request as f64 / self.bytes_per_second;
                now += self.round_trip.max(busy);
                for _ in 0..size {
                    window.completed(Duration::from_secs_f64(now), self.request);
                    bytes += self.request;
                }
            }
            bytes
        }
    }

    #[test]
    fn a_long_fast_line_gets_all_requests_there_may_be() {
        let line = Line {
            round_trip: 0.1,
            bytes_per_second: 100e6,
            request: 50_000,
        };
        let mut window = Window::new(4, 48);
        line.run(&mut window, 0.0, 10.0);
        assert_eq!(window.size(), 48);
    }

    #[test]
    fn a_slow_line_is_not_crowded() {
        let line = Line {
            round_trip: 0.05,
            bytes_per_second: 1e6,
            request: 50_000,
        };
        let mut window = Window::new(4, 48);
        line.run(&mut window, 0.0, 60.0);
        assert!(window.size() <= 4, "{}", window.size());
    }

    #[test]
    fn most_of_any_line_is_used() {
        for round_trip in [0.001, 0.01, 0.05, 0.1, 0.2] {
            for megabytes in [0.5, 2.0, 10.0] {
                let line = Line {
                    round_trip,
                    bytes_per_second: megabytes * 1e6,
                    request: 50_000,
                };
                let mut window = Window::new(4, 64);
                line.run(&mut window, 0.0, 30.0);
                let fetched = line.run(&mut window, 30.0, 30.0) as f64 / 30.0;
                let possible = line.bytes_per_second.min(64.0 * 50_000.0 / round_trip);
                assert!(
                    fetched > possible * 0.75,
                    "{round_trip} s, {megabytes} MB/s: {fetched}"
                );
            }
        }
    }

    #[test]
    fn a_line_that_gets_faster_is_found_out() {
        let mut line = Line {
            round_trip: 0.1,
            bytes_per_second: 1e6,
            request: 50_000,
        };
        let mut window = Window::new(4, 64);
        line.run(&mut window, 0.0, 30.0);
        let before = window.size();
        line.bytes_per_second = 20e6;
        line.run(&mut window, 30.0, 60.0);
        assert!(window.size() >= before * 3, "{before} -> {}", window.size());
    }

    #[test]
    fn failures_halve_it_down_to_one() {
        let mut window = Window::new(16, 64);
        for expected in [8, 4, 2, 1, 1] {
            window.failed(Duration::from_secs(1));
            assert_eq!(window.size(), expected);
        }
    }

    #[test]
    fn it_never_leaves_its_bounds() {
        let mut window = Window::new(0, 0);
        assert_eq!(window.size(), 1);
        for second in 0..1000u64 {
            window.completed(Duration::from_secs(second), second * second);
            assert_eq!(window.size(), 1);
        }
        let mut window = Window::new(100, 10);
        assert_eq!(window.size(), 10);
        for second in 0..1000u64 {
            window.completed(Duration::from_secs(second), u64::MAX / 2000);
            assert!((1..=10).contains(&window.size()));
        }
    }
}
