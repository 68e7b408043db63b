// SPDX-License-Identifier: MIT
//! How often the same client may ask: token buckets, one for each address and each token.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde::Deserialize;

/// A bound on how often something may be done: so many times at once, and then so many times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Times a second in the long run; 0 for no bound.
    pub per_second: u32,
    /// Times at once after a pause.
    pub burst: u32,
}

impl Rate {
    /// No bound.
    pub const NONE: Self = Self {
        per_second: 0,
        burst: 0,
    };

    fn quota(self) -> Option<Quota> {
        let per_second = NonZeroU32::new(self.per_second)?;
        let burst = NonZeroU32::new(self.burst).unwrap_or(per_second);
        Some(Quota::per_second(per_second).allow_burst(burst))
    }
}

/// What a request is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reading what players need.
    Read,
    /// Everything else: the publishing API and running the server.
    Api,
}

/// Counts requests.
#[derive(Debug)]
pub struct Rates {
    reads: Buckets<IpAddr>,
    calls: Buckets<IpAddr>,
    tokens: Buckets<String>,
}

impl Rates {
    /// Makes buckets that are full.
    pub fn new(reads: Rate, calls: Rate, tokens: Rate) -> Self {
        Self {
            reads: Buckets::new(reads),
            calls: Buckets::new(calls),
            tokens: Buckets::new(tokens),
        }
    }

    /// Counts a request from `address`.
    ///
    /// # Errors
    /// It is one too many; the time after which there is room for it.
    pub fn address(&self, class: Class, address: IpAddr) -> Result<(), Duration> {
        match class {
            Class::Read => self.reads.take(&address),
            Class::Api => self.calls.take(&address),
        }
    }

    /// Counts a request with the token whose public part is `id`.
    ///
    /// # Errors
    /// As [`Rates::address`].
    pub fn token(&self, id: &str) -> Result<(), Duration> {
        self.tokens.take(&id.to_owned())
    }
}

#[derive(Debug)]
struct Buckets<K: Clone + Eq + Hash> {
    limiter: Option<DefaultKeyedRateLimiter<K>>,
    clock: DefaultClock,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    fn new(rate: Rate) -> Self {
        Self {
            limiter: rate.quota().map(RateLimiter::keyed),
            clock: DefaultClock::default(),
        }
    }

    fn take(&self, key: &K) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        // Full buckets say nothing; without this, everybody who was ever here would be remembered.
        if limiter.len() > MOST_KEYS {
            limiter.retain_recent();
        }
        let taken = limiter.check_key(key);
        taken.map_err(|full| full.wait_time_from(self.clock.now()))
    }
}

/// Buckets beyond which those are forgotten that are full again.
const MOST_KEYS: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    const RARE: Rate = Rate {
        per_second: 1,
        burst: 3,
    };

    #[test]
    fn a_client_gets_its_burst_and_then_a_time_to_wait() {
        let rates = Rates::new(Rate::NONE, RARE, RARE);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..3 {
            assert_eq!(rates.address(Class::Api, one), Ok(()));
        }
        let wait = rates.address(Class::Api, one).unwrap_err();
        assert!(
            wait > Duration::ZERO && wait <= Duration::from_secs(1),
            "{wait:?}"
        );
        assert_eq!(
            rates.address(Class::Api, other),
            Ok(()),
            "others are not held back"
        );
        for _ in 0..1000 {
            assert_eq!(rates.address(Class::Read, one), Ok(()), "no bound was set");
        }
        for _ in 0..3 {
            assert_eq!(rates.token("0a"), Ok(()));
        }
        assert!(rates.token("0a").is_err());
        assert_eq!(rates.token("0b"), Ok(()));
    }

    #[test]
    fn a_rate_without_a_burst_has_one_of_a_second() {
        let rates = Rates::new(
            Rate {
                per_second: 2,
                burst: 0,
            },
            Rate::NONE,
            Rate::NONE,
        );
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(rates.address(Class::Read, address), Ok(()));
        assert_eq!(rates.address(Class::Read, address), Ok(()));
        assert!(rates.address(Class::Read, address).is_err());
    }
}
