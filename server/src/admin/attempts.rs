// SPDX-License-Identifier: MIT
//! How often somebody may try to log in. Pure: times are passed in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts failed attempts to log in, by address.
///
/// Tokens cannot be guessed; this only keeps guessing cheap for the server. So there is no bound on all addresses
/// together: whoever has many could keep everybody else out with it.
#[derive(Debug, Default)]
pub struct Attempts(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    began: i64,
    of_address: HashMap<IpAddr, u32>,
}

impl Attempts {
    /// Tells how many seconds `address` has to wait before it may try, at `now` in seconds; `None` if it may.
    pub fn wait(&self, address: IpAddr, now: i64) -> Option<u64> {
        let window = self.window(now);
        let of_address = window.of_address.get(&address).copied().unwrap_or_default();
        (of_address >= MOST_OF_ADDRESS).then(|| (window.began + PERIOD - now).max(1).unsigned_abs())
    }

    /// Notes that `address` failed.
    pub fn note_failure(&self, address: IpAddr, now: i64) {
        let mut window = self.window(now);
        if window.of_address.len() >= MOST_ADDRESSES {
            window.of_address.clear();
        }
        *window.of_address.entry(address).or_default() += 1;
    }

    fn window(&self, now: i64) -> MutexGuard<'_, Window> {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back begins anew, too.
        if !(window.began..window.began + PERIOD).contains(&now) {
            *window = Window {
                began: now,
                ..Window::default()
            };
        }
        window
    }
}

/// Seconds after which failures are forgotten.
const PERIOD: i64 = 15 * 60;
/// Failures of one address in that time.
const MOST_OF_ADDRESS: u32 = 10;
/// Addresses that are remembered in that time; beyond, all of them may try again.
const MOST_ADDRESSES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_fails_often_has_to_wait_and_others_do_not() {
        let attempts = Attempts::default();
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..MOST_OF_ADDRESS {
            assert_eq!(attempts.wait(one, 1000), None);
            attempts.note_failure(one, 1000);
        }
        assert_eq!(attempts.wait(one, 1100), Some(PERIOD.unsigned_abs() - 100));
        assert_eq!(attempts.wait(other, 1100), None);
        assert_eq!(attempts.wait(one, 1000 + PERIOD), None);
    }

    #[test]
    fn whoever_has_many_addresses_keeps_nobody_else_out_and_is_not_remembered_without_end() {
        let attempts = Attempts::default();
        for number in 0..25_000_u32 {
            attempts.note_failure(IpAddr::from(number.to_be_bytes()), 0);
        }
        assert_eq!(attempts.wait("2001:db8::1".parse().unwrap(), 1), None);
        assert!(attempts.window(1).of_address.len() <= MOST_ADDRESSES);
    }
}
