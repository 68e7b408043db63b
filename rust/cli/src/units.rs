// SPDX-License-Identifier: MIT
//! Sizes, speeds and times as people write and read them.

use std::str::FromStr;

pub use vsekai_engine::words::{bytes, count};

/// A speed in bytes per second, more than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub u64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let per_second = text
            .strip_suffix("/s")
            .or_else(|| text.strip_suffix("ps"))
            .unwrap_or(text);
        let digits = per_second
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(per_second.len());
        let (number, unit) = per_second.split_at(digits);
        let number: f64 = number.parse().map_err(|_| RATE_HELP.to_owned())?;
        let bytes = (number * unit_bytes(unit.trim())?).round();
        // The bounds keep the conversion exact; a petabyte a second is no limit any more.
        match (1.0..=1e15).contains(&bytes) {
            true => Ok(Self(bytes as u64)),
            false => Err(format!("{text} is not between 1B/s and 1PB/s")),
        }
    }
}

fn unit_bytes(unit: &str) -> Result<f64, String> {
    Ok(match unit {
        "" | "B" => 1.0,
        "kB" | "KB" | "k" | "K" => 1e3,
        "MB" | "M" => 1e6,
        "GB" | "G" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "kbit" | "Kbit" => 125.0,
        "Mbit" => 125e3,
        "Gbit" => 125e6,
        "kb" | "Kb" | "Mb" | "Gb" => {
            return Err("say MB/s for megabytes or Mbit/s for megabits".to_owned());
        }
        _ => return Err(RATE_HELP.to_owned()),
    })
}

/// Returns a duration for people: `45 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Returns the day of a time in seconds since 1970, where this computer is: `2026-11-25`; nothing if that is not known.
pub fn day(seconds: u64) -> Option<String> {
    let seconds = i64::try_from(seconds).ok()?;
    let is_known = (1..END_OF_9999).contains(&seconds);
    let time = chrono::DateTime::from_timestamp(seconds, 0).filter(|_| is_known)?;
    Some(time.with_timezone(&chrono::Local).date_naive().to_string())
}

/// The last day with a year of four digits, wherever this computer is.
const END_OF_9999: i64 = 253_402_214_400;
const RATE_HELP: &str = "a speed is a number and a unit, such as 2MB/s, 500KiB/s or 16Mbit/s";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_in_the_units_people_write() {
        let cases = [
            ("2MB/s", 2_000_000),
            ("500KiB/s", 512_000),
            ("1.5MiB/s", 1_572_864),
            ("16Mbit/s", 2_000_000),
            ("750", 750),
            ("1 MB/s", 1_000_000),
            ("3M", 3_000_000),
            ("8kbps", 0),
        ];
        for (text, expected) in cases {
            let rate = text.parse::<Rate>().map_or(0, |rate| rate.0);
            assert_eq!(rate, expected, "{text}");
        }
    }

    #[test]
    fn speeds_without_meaning_are_refused_with_the_way_out() {
        for text in [
            "",
            "fast",
            "-1MB/s",
            "0",
            "0MB/s",
            "1e9GB/s",
            "2MB/h",
            "NaN",
            "1.2.3MB/s",
        ] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        assert!("2Mb/s".parse::<Rate>().unwrap_err().contains("Mbit/s"));
    }

    #[test]
    fn days_are_those_of_this_computer_and_none_is_made_up() {
        let noon = 1_763_985_600;
        assert!(day(noon).unwrap().starts_with("2025-11-2"));
        for unknown in [0, u64::MAX, END_OF_9999 as u64] {
            assert_eq!(day(unknown), None);
        }
    }

    #[test]
    fn durations_are_shown_in_two_units_at_most() {
        assert_eq!(duration(45), "45 s");
        assert_eq!(duration(200), "3 min 20 s");
        assert_eq!(duration(7500), "2 h 5 min");
    }
}
