// SPDX-License-Identifier: MIT
//! When to try again: a pure function of the attempt, the failure and a seed, and a loop's use of it.

use std::time::Duration;

use tokio::time::sleep;

use crate::error::{StoreError, StoreErrorClass};

/// How often and how soon a failed request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Requests sent in all, the first included; 0 counts as 1.
    pub attempts: u32,
    /// Longest wait after the first failure; it doubles with each further one.
    pub base: Duration,
    /// Longest wait of our own making.
    pub max_delay: Duration,
    /// Longest wait a server may ask for; if it asks for more, the failure is reported at once.
    pub max_retry_after: Duration,
}

/// What a failure means for trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may pass by itself; `retry_after` is the wait the server asked for.
    Passing {
        /// The server's wish.
        retry_after: Option<Duration>,
    },
    /// The same request would fail again.
    Lasting,
}

impl RetryPolicy {
    /// One attempt, no waiting.
    pub const NEVER: Self = Self {
        attempts: 1,
        base: Duration::ZERO,
        max_delay: Duration::ZERO,
        max_retry_after: Duration::ZERO,
    };

    /// Returns how long to wait before the next attempt, or `None` to give up.
    ///
    /// `attempt` counts from 1 and is the one that failed. A wait of our own lies between half of the doubled
    /// base and all of it, so that clients that failed together do not come back together; a wait the server
    /// asked for is kept, and overrun by at most a tenth. The same `seed` gives the same waits.
    pub fn delay(&self, attempt: u32, failure: Failure, seed: u64) -> Option<Duration> {
        let Failure::Passing { retry_after } = failure else {
            return None;
        };
        if attempt >= self.attempts.max(1) {
            return None;
        }
        let chance = fraction(seed, attempt);
        match retry_after {
            Some(wish) if wish > self.max_retry_after => None,
            Some(wish) if !wish.is_zero() => Some(wish + wish.mul_f64(chance / 10.0)),
            _ => Some(self.backoff(attempt).mul_f64(0.5 + chance / 2.0)),
        }
    }

    fn backoff(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.max_delay)
    }
}

impl Default for RetryPolicy {
    /// Five attempts with waits of up to 0.5, 1, 2 and 4 seconds; up to two minutes if the server asks.
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(500),
            max_delay: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(120),
        }
    }
}

impl Failure {
    /// Returns what `error` means for trying again.
    pub fn of(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable { retry_after, .. } => Self::Passing {
                retry_after: *retry_after,
            },
            other if other.class() == StoreErrorClass::Retry => Self::Passing { retry_after: None },
            _ => Self::Lasting,
        }
    }
}

/// The attempts at one request.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    seed: u64,
    failed: u32,
}

impl Attempts {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            seed: rand::random(),
            failed: 0,
        }
    }

    /// Waits until the next attempt, or gives `error` back if there should be none.
    pub(crate) async fn wait(&mut self, error: StoreError) -> Result<(), StoreError> {
        self.failed += 1;
        let Some(delay) = self.policy.delay(self.failed, Failure::of(&error), self.seed) else {
            return Err(error);
        };
        tracing::debug!(%error, failed = self.failed, ?delay, "request failed, trying again");
        sleep(delay).await;
        Ok(())
    }
}

/// Returns a number from 0 to below 1 that looks random (the finaliser of SplitMix64).
fn fraction(seed: u64, attempt: u32) -> f64 {
    let mut bits = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PASSING: Failure = Failure::Passing { retry_after: None };

    fn asked(seconds: u64) -> Failure {
        Failure::Passing {
            retry_after: Some(Duration::from_secs(seconds)),
        }
    }

    #[test]
    fn a_lasting_failure_is_never_tried_again() {
        assert_eq!(RetryPolicy::default().delay(1, Failure::Lasting, 7), None);
    }

    #[test]
    fn attempts_are_counted_from_the_first() {
        let policy = RetryPolicy {
            attempts: 3,
            ..RetryPolicy::default()
        };
        assert!(policy.delay(1, PASSING, 7).is_some());
        assert!(policy.delay(2, PASSING, 7).is_some());
        assert_eq!(policy.delay(3, PASSING, 7), None);
        assert_eq!(RetryPolicy::NEVER.delay(1, PASSING, 7), None);
        let zero = RetryPolicy {
            attempts: 0,
            ..policy
        };
        assert_eq!(zero.delay(1, PASSING, 7), None);
    }

    #[test]
    fn a_server_that_asks_for_too_long_is_given_up_at_once() {
        let policy = RetryPolicy::default();
        assert!(policy.delay(1, asked(120), 7).is_some());
        assert_eq!(policy.delay(1, asked(121), 7), None);
    }

    proptest! {
        #[test]
        fn own_waits_double_and_stay_between_half_and_all(attempt in 1u32..1000, seed: u64) {
            let policy = RetryPolicy { attempts: u32::MAX, ..RetryPolicy::default() };
            let most = policy.base.saturating_mul(1 << (attempt - 1).min(20)).min(policy.max_delay);
            let delay = policy.delay(attempt, PASSING, seed).unwrap();
            prop_assert!(delay >= most / 2 && delay <= most, "{delay:?} of {most:?}");
        }

        #[test]
        fn a_wish_of_the_server_is_met_within_a_tenth(seconds in 1u64..=120, seed: u64) {
            let wish = Duration::from_secs(seconds);
            let delay = RetryPolicy::default().delay(1, asked(seconds), seed).unwrap();
            prop_assert!(delay >= wish && delay <= wish + wish / 10);
        }

        #[test]
        fn the_same_seed_gives_the_same_waits(attempt in 1u32..4, seed: u64) {
            let policy = RetryPolicy::default();
            prop_assert_eq!(policy.delay(attempt, PASSING, seed), policy.delay(attempt, PASSING, seed));
        }
    }
}
