// SPDX-License-Identifier: MIT
//! Times of the day, and windows of them that go over midnight.
//!
//! Pure: nobody here asks for the time. Whoever uses the engine says what time it is where the player is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A time of the day where the player is, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Returns the time, or `None` if there is no such hour or minute.
    pub const fn new(hour: u8, minute: u8) -> Option<Self> {
        match hour < 24 && minute < 60 {
            true => Some(Self(hour as u16 * 60 + minute as u16)),
            false => None,
        }
    }

    /// Returns the minutes since midnight.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let help = || format!("{text:?} is no time of the day such as 22:30");
        let (hour, minute) = text.split_once(':').ok_or_else(help)?;
        let digits = |part: &str| -> Option<u8> {
            let plain = part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| part.parse().ok()).flatten()
        };
        let parsed = digits(hour).zip(digits(minute).filter(|_| minute.len() == 2));
        parsed
            .and_then(|(hour, minute)| Self::new(hour, minute))
            .ok_or_else(help)
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

/// Hours of every day in which nothing is fetched by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietHours {
    from: TimeOfDay,
    to: TimeOfDay,
}

impl QuietHours {
    /// Returns the window from `from` up to `to`, over midnight if `to` is earlier; `None` for an empty one.
    pub fn new(from: TimeOfDay, to: TimeOfDay) -> Option<Self> {
        (from != to).then_some(Self { from, to })
    }

    /// Tells whether `now` is in the window; its end is not.
    pub fn holds(&self, now: TimeOfDay) -> bool {
        match self.from < self.to {
            true => self.from <= now && now < self.to,
            false => self.from <= now || now < self.to,
        }
    }

    /// Returns when the window ends.
    pub const fn end(&self) -> TimeOfDay {
        self.to
    }
}

/// Returns when the quiet ends that `now` lies in, windows that touch counted as one; `None` if it is not
/// quiet, or never ends.
pub fn quiet_until(windows: &[QuietHours], now: TimeOfDay) -> Option<TimeOfDay> {
    let mut end = windows.iter().find(|window| window.holds(now))?.end();
    // Every step leaves a window behind for good, so more steps than windows go in circles.
    for _ in windows {
        match windows.iter().find(|window| window.holds(end)) {
            Some(next) => end = next.end(),
            None => return Some(end),
        }
    }
    windows.iter().all(|window| !window.holds(end)).then_some(end)
}

/// Tells whether `now` lies in one of the windows.
pub fn is_quiet(windows: &[QuietHours], now: TimeOfDay) -> bool {
    windows.iter().any(|window| window.holds(now))
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from, self.to)
    }
}

impl FromStr for QuietHours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (from, to) = text
            .split_once('-')
            .ok_or_else(|| format!("{text:?} is no window of time such as 22:00-07:00"))?;
        let (from, to) = (from.trim().parse()?, to.trim().parse()?);
        Self::new(from, to).ok_or_else(|| format!("the window {text} is empty"))
    }
}

impl TryFrom<String> for QuietHours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<QuietHours> for String {
    fn from(window: QuietHours) -> Self {
        window.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> TimeOfDay {
        text.parse().unwrap()
    }

    fn any_time() -> impl Strategy<Value = TimeOfDay> {
        (0u8..24, 0u8..60).prop_map(|(hour, minute)| TimeOfDay::new(hour, minute).unwrap())
    }

    fn any_window() -> impl Strategy<Value = QuietHours> {
        (any_time(), any_time()).prop_filter_map("empty", |(from, to)| QuietHours::new(from, to))
    }

    #[test]
    fn a_window_may_go_over_midnight() {
        let night: QuietHours = "22:00-07:00".parse().unwrap();
        for (now, quiet) in [
            ("21:59", false),
            ("22:00", true),
            ("00:00", true),
            ("06:59", true),
            ("07:00", false),
        ] {
            assert_eq!(night.holds(time(now)), quiet, "{now}");
        }
        assert_eq!(quiet_until(&[night], time("23:00")), Some(time("07:00")));
    }

    #[test]
    fn windows_that_touch_end_together_and_a_whole_day_never_ends() {
        let windows = ["22:00-07:00", "06:00-09:30"].map(|text| text.parse().unwrap());
        assert_eq!(quiet_until(&windows, time("23:00")), Some(time("09:30")));
        let day = ["00:00-12:00", "12:00-00:00"].map(|text| text.parse().unwrap());
        assert_eq!(quiet_until(&day, time("03:00")), None);
        assert!(is_quiet(&day, time("03:00")));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "", "24:00", "12:60", "7", "7:5", "-1:00", "+1:00", "12:000", "noon",
        ] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
        for text in ["22:00", "22:00-22:00", "22:00-", "-"] {
            assert!(text.parse::<QuietHours>().is_err(), "{text}");
        }
        assert_eq!(time("7:05").to_string(), "07:05");
    }

    proptest! {
        #[test]
        fn a_window_and_the_rest_of_the_day_are_the_day(window in any_window(), now in any_time()) {
            let rest = QuietHours::new(window.to, window.from).unwrap();
            prop_assert!(window.holds(now) != rest.holds(now));
            prop_assert_eq!(window.to_string().parse(), Ok(window));
        }

        #[test]
        fn the_end_of_the_quiet_is_not_quiet(
            windows in proptest::collection::vec(any_window(), 0..6), now in any_time()
        ) {
            if let Some(end) = quiet_until(&windows, now) {
                prop_assert!(is_quiet(&windows, now) && !is_quiet(&windows, end));
            }
        }
    }
}
