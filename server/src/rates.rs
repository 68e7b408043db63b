// SPDX-License-Identifier: MIT
//! How often the same client may ask: token buckets, one for each address and each token.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
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

    /// Counts a request from an [`owner`]'s address.
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
    taken: AtomicU32,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    fn new(rate: Rate) -> Self {
        Self {
            limiter: rate.quota().map(RateLimiter::keyed),
            clock: DefaultClock::default(),
            taken: AtomicU32::new(0),
        }
    }

    fn take(&self, key: &K) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        // Full buckets say nothing; without this, everybody who was ever here would be remembered. It looks at every
        // bucket, so not each request pays for it, not even while more clients than that are busy.
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        if taken.is_multiple_of(TAKEN_BETWEEN) && limiter.len() > MOST_KEYS {
            limiter.retain_recent();
        }
        let taken = limiter.check_key(key);
        taken.map_err(|full| full.wait_time_from(self.clock.now()))
    }
}

/// Returns the one address that stands for all of a client's: a single home has a whole /64 of IPv6 addresses.
pub fn owner(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

/// Buckets beyond which those are forgotten that are full again.
const MOST_KEYS: usize = 50_000;
/// Requests between two looks at whether there are so many.
const TAKEN_BETWEEN: u32 = 10_000;

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
    fn one_home_is_one_client_however_many_addresses_it_has() {
        let owner = |address: &str| owner(address.parse().unwrap());
        for address in ["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff::"] {
            assert_eq!(owner(address), owner("2001:db8:1:2::7"));
        }
        assert_ne!(
            owner("2001:db8:1:3::1"),
            owner("2001:db8:1:2::1"),
            "the neighbour"
        );
        // The same address, written in two ways.
        assert_eq!(owner("::ffff:192.0.2.1"), owner("192.0.2.1"));
        assert_ne!(owner("192.0.2.1"), owner("192.0.2.2"));
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
