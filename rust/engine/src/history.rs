// SPDX-License-Identifier: MIT
//! Which old versions are kept.
//!
//! Pure. The version before the current one stays until the current one has started well, and so does the last
//! one that is known to have started well; beyond that the player's preferences count.

use crate::preferences::{MAX_KEPT, Preferences};
use crate::record::Current;
use crate::starts::StartLog;

/// Returns the record without the old versions that need not be kept; `own_bytes` tells what a version takes
/// on disk beyond the newer ones.
pub(crate) fn retained(
    current: &Current,
    preferences: &Preferences,
    log: &StartLog,
    own_bytes: impl Fn(&str) -> u64,
) -> Current {
    let current_is_good = log.started_well(&current.current.name);
    let mut good_is_kept = current_is_good;
    let (mut bytes, mut kept) = (0u64, Vec::new());
    for (position, version) in current.older().enumerate() {
        let is_last_good = !good_is_kept && log.started_well(&version.name);
        let needed = is_last_good || position == 0 && !current_is_good;
        let wanted = kept.len() < preferences.keep_versions as usize && kept.len() < MAX_KEPT as usize;
        let fits = || match preferences.keep_bytes {
            Some(most) => bytes.saturating_add(own_bytes(&version.name)) <= most,
            None => true,
        };
        if needed || wanted && fits() {
            if preferences.keep_bytes.is_some() {
                bytes = bytes.saturating_add(own_bytes(&version.name));
            }
            good_is_kept |= is_last_good;
            kept.push(version.clone());
        }
    }
    current.with_older(kept)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::record::fixture::current;
    use crate::starts::Seen;

    fn kept(current: &Current, pairs: &[(&str, &str)], good: &[&str]) -> Vec<String> {
        let mut preferences = Preferences::default();
        for (name, value) in pairs {
            preferences = preferences.with(name, value).unwrap();
        }
        let mut log = StartLog::default();
        for version in current.versions().filter(|v| good.contains(&v.version.as_str())) {
            let id = log.begin(version);
            let seen = Seen {
                exit: None,
                ran: Duration::from_secs(99),
                reported: true,
            };
            log.settle(id, &seen, Duration::from_secs(30));
        }
        let retained = retained(current, &preferences, &log, |_| 10);
        retained.older().map(|older| older.version.to_string()).collect()
    }

    #[test]
    fn as_many_old_versions_are_kept_as_the_player_says() {
        let five = current(&["5", "4", "3", "2", "1"]);
        assert_eq!(kept(&five, &[], &[]), ["4"]);
        assert_eq!(kept(&five, &[("keep-versions", "3")], &[]), ["4", "3", "2"]);
        let sized = [("keep-versions", "20"), ("keep-size", "25")];
        assert_eq!(kept(&five, &sized, &[]), ["4", "3"]);
    }

    #[test]
    fn the_version_before_stays_until_the_new_one_has_started_well() {
        let three = current(&["3", "2", "1"]);
        let none = [("keep-versions", "0")];
        assert_eq!(kept(&three, &none, &[]), ["2"]);
        assert_eq!(kept(&three, &none, &["3"]), [""; 0]);
    }

    #[test]
    fn the_last_good_version_stays_however_many_came_after_it() {
        let five = current(&["5", "4", "3", "2", "1"]);
        assert_eq!(kept(&five, &[], &["2", "1"]), ["4", "2"]);
        assert_eq!(kept(&five, &[("keep-versions", "0")], &["2", "1"]), ["4", "2"]);
        assert_eq!(kept(&five, &[], &["5", "2"]), ["4"]);
    }
}
