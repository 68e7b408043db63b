// SPDX-License-Identifier: MIT
//! What the player decides once and for all: when updates are taken, how fast, what is kept.
//!
//! Kept in the install folder (`.vsekai/preferences.json`), so that every launcher and the command line go by
//! the same. Each preference has a name and a text form, under which people see and change it.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};
use vsekai_formats::release::Version;

use crate::clock::QuietHours;
use crate::record::Document as _;

/// How updates come about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateMode {
    /// They are taken by themselves.
    Automatic,
    /// They are offered, and wait for the player's word.
    #[default]
    Ask,
    /// They are neither offered nor taken unless the player asks for one.
    Manual,
}

/// Whether the connection costs by the byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metered {
    /// As the launcher can tell.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It does not.
    No,
}

/// What becomes of a download that nobody asked for while the game runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhilePlaying {
    /// It waits.
    #[default]
    Pause,
    /// It goes on at so many bytes a second at most.
    Slow(NonZeroU64),
    /// It goes on.
    Continue,
}

/// What the player has decided; see the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Version of this document.
    pub schema: u32,
    /// How updates come about.
    pub updates: UpdateMode,
    /// When nothing is fetched by itself.
    pub quiet_hours: Vec<QuietHours>,
    /// Whether the connection costs by the byte.
    pub metered: Metered,
    /// Most bytes that are fetched over such a connection without asking.
    pub metered_bytes: u64,
    /// Most bytes read from the network per second.
    pub rate_limit: Option<NonZeroU64>,
    /// What becomes of a download that nobody asked for while the game runs.
    pub while_playing: WhilePlaying,
    /// Versions that are not taken, the oldest decision first.
    pub skipped: Vec<Version>,
    /// The only version that is taken, if there is one.
    pub pinned: Option<Version>,
    /// How many old versions are kept.
    pub keep_versions: u32,
    /// Most bytes that old versions may take beyond the current one.
    pub keep_bytes: Option<u64>,
    /// After how many failed starts in a row the last good version comes back; 0 for never.
    pub failed_starts: u32,
    /// Within how many seconds a crash is one of the start.
    pub start_seconds: u32,
    /// Base addresses that have the same as the server, asked in this order after it.
    pub mirrors: Vec<String>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            schema: Self::SCHEMA,
            updates: UpdateMode::default(),
            quiet_hours: Vec::new(),
            metered: Metered::default(),
            metered_bytes: 20_000_000,
            rate_limit: None,
            while_playing: WhilePlaying::default(),
            skipped: Vec::new(),
            pinned: None,
            keep_versions: 1,
            keep_bytes: None,
            failed_starts: 3,
            start_seconds: 30,
            mirrors: Vec::new(),
        }
    }
}

/// A preference that cannot be what somebody wants it to be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PreferenceError {
    /// There is no preference of that name.
    #[error("there is no setting {0:?}; there are {list}", list = Preferences::NAMES.join(", "))]
    Unknown(String),
    /// It cannot have that value.
    #[error("the setting {name} cannot be {value:?}: {reason}")]
    Value {
        /// Its name.
        name: &'static str,
        /// What was asked for.
        value: String,
        /// What it can be.
        reason: String,
    },
}

impl Preferences {
    /// The names of all preferences, in the order they are shown.
    pub const NAMES: [&'static str; 11] = [
        "updates",
        "quiet-hours",
        "metered",
        "metered-size",
        "rate-limit",
        "while-playing",
        "keep-versions",
        "keep-size",
        "failed-starts",
        "start-seconds",
        "mirrors",
    ];

    /// Returns every preference with its value as [`Preferences::with`] takes it, in the order of the names.
    pub fn entries(&self) -> Vec<(&'static str, String)> {
        let values = [
            word(&self.updates),
            list(&self.quiet_hours, ","),
            word(&self.metered),
            self.metered_bytes.to_string(),
            self.rate_limit.map_or_else(none, |limit| limit.to_string()),
            match self.while_playing {
                WhilePlaying::Pause => "pause".to_owned(),
                WhilePlaying::Continue => "continue".to_owned(),
                WhilePlaying::Slow(limit) => limit.to_string(),
            },
            self.keep_versions.to_string(),
            self.keep_bytes.map_or_else(none, |bytes| bytes.to_string()),
            self.failed_starts.to_string(),
            self.start_seconds.to_string(),
            list(&self.mirrors, " "),
        ];
        Self::NAMES.into_iter().zip(values).collect()
    }

    /// Returns the preferences with `name` set to `value`; sizes and speeds in bytes, `none` for no limit.
    ///
    /// # Errors
    /// There is no such preference, or it cannot be that.
    pub fn with(&self, name: &str, value: &str) -> Result<Self, PreferenceError> {
        let mut changed = self.clone();
        let known = Self::NAMES.into_iter().find(|known| *known == name);
        let name = known.ok_or_else(|| PreferenceError::Unknown(name.to_owned()))?;
        let value = value.trim();
        changed
            .set(name, value)
            .map_err(|reason| PreferenceError::Value {
                name,
                value: value.to_owned(),
                reason,
            })?;
        Ok(changed)
    }

    /// Returns the preferences with `name` as it is at first.
    ///
    /// # Errors
    /// There is no such preference.
    pub fn without(&self, name: &str) -> Result<Self, PreferenceError> {
        let standard = Self::default().entries();
        match standard.into_iter().find(|(known, _)| *known == name) {
            Some((_, value)) => self.with(name, &value),
            None => Err(PreferenceError::Unknown(name.to_owned())),
        }
    }

    /// Returns the preferences with `version` skipped from now on.
    #[must_use]
    pub fn skipping(&self, version: &Version) -> Self {
        let mut changed = self.not_skipping(version);
        changed.skipped.push(version.clone());
        let too_many = changed.skipped.len().saturating_sub(MAX_SKIPPED);
        changed.skipped.drain(..too_many);
        changed
    }

    /// Returns the preferences with `version` no longer skipped.
    #[must_use]
    pub fn not_skipping(&self, version: &Version) -> Self {
        let mut changed = self.clone();
        changed.skipped.retain(|skipped| skipped != version);
        changed
    }

    /// Returns the preferences with nothing but `version` taken from now on; `None` lifts that.
    #[must_use]
    pub fn pinning(&self, version: Option<Version>) -> Self {
        Self {
            pinned: version,
            ..self.clone()
        }
    }

    /// Checks what was read from disk: it may have been edited there.
    pub(crate) fn check(&self) -> Result<(), PreferenceError> {
        for (name, value) in self.entries() {
            Self::default().with(name, &value)?;
        }
        if self.skipped.len() > MAX_SKIPPED {
            return Err(PreferenceError::Value {
                name: "skipped",
                value: self.skipped.len().to_string(),
                reason: format!("at most {MAX_SKIPPED} versions are skipped"),
            });
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "updates" => self.updates = parse_word(value, "automatic, ask or manual")?,
            "quiet-hours" => self.quiet_hours = parse_list(value, ',', MAX_WINDOWS, |window| window.parse())?,
            "metered" => self.metered = parse_word(value, "auto, yes or no")?,
            "metered-size" => self.metered_bytes = number(value, 0, u64::MAX)?,
            "rate-limit" => self.rate_limit = limit(value)?.and_then(NonZeroU64::new),
            "while-playing" => self.while_playing = parse_while_playing(value)?,
            "keep-versions" => self.keep_versions = small(value, 0, MAX_KEPT)?,
            "keep-size" => self.keep_bytes = optional(value, |value| number(value, 0, u64::MAX))?,
            "failed-starts" => self.failed_starts = small(value, 0, 10)?,
            "start-seconds" => self.start_seconds = small(value, 1, 600)?,
            "mirrors" => self.mirrors = parse_list(value, ' ', MAX_MIRRORS, parse_mirror)?,
            _ => return Err("there is no such setting".to_owned()),
        }
        Ok(())
    }
}

/// Old versions that can be kept at the most.
pub(crate) const MAX_KEPT: u64 = 20;
const MAX_WINDOWS: usize = 8;
const MAX_MIRRORS: usize = 16;
const MAX_SKIPPED: usize = 64;
const MAX_ADDRESS_BYTES: usize = 2048;

fn none() -> String {
    "none".to_owned()
}

fn word(value: &impl Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}

fn parse_word<T: for<'de> Deserialize<'de>>(text: &str, words: &str) -> Result<T, String> {
    let parsed = serde_json::from_value(serde_json::Value::String(text.to_owned()));
    parsed.map_err(|_| format!("it is {words}"))
}

fn list<T: ToString>(values: &[T], separator: &str) -> String {
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    match texts.is_empty() {
        true => none(),
        false => texts.join(separator),
    }
}

fn parse_list<T: PartialEq>(
    text: &str,
    separator: char,
    most: usize,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut values = Vec::new();
    if text == "none" {
        return Ok(values);
    }
    for part in text
        .split(separator)
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let value = parse(part)?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    match values.len() {
        0 => Err("say none for nothing".to_owned()),
        count if count > most => Err(format!("there can be {most} at the most")),
        _ => Ok(values),
    }
}

fn number(text: &str, least: u64, most: u64) -> Result<u64, String> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let parsed = text.parse().ok().filter(|_| digits);
    parsed
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| match most {
            u64::MAX => "it is a whole number".to_owned(),
            _ => format!("it is a whole number from {least} to {most}"),
        })
}

fn small(text: &str, least: u64, most: u64) -> Result<u32, String> {
    number(text, least, most.min(u64::from(u32::MAX))).map(|number| number as u32)
}

fn optional<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    match text {
        "none" => Ok(None),
        _ => parse(text).map(Some),
    }
}

fn limit(text: &str) -> Result<Option<u64>, String> {
    optional(text, |text| number(text, 1, MAX_RATE))
        .map_err(|_| "it is none or a number of bytes a second from 1 on".to_owned())
}

/// A petabyte a second is no limit any more.
const MAX_RATE: u64 = 1_000_000_000_000_000;

fn parse_while_playing(text: &str) -> Result<WhilePlaying, String> {
    match text {
        "pause" => Ok(WhilePlaying::Pause),
        "continue" => Ok(WhilePlaying::Continue),
        _ => limit(text)
            .ok()
            .flatten()
            .and_then(NonZeroU64::new)
            .map(WhilePlaying::Slow)
            .ok_or_else(|| "it is pause, continue or a number of bytes a second".to_owned()),
    }
}

fn parse_mirror(text: &str) -> Result<String, String> {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    let host = text
        .split_once("://")
        .map_or("", |(_, rest)| rest.split('/').next().unwrap_or(""));
    let plain = text.bytes().all(|b| b.is_ascii_graphic()) && text.len() <= MAX_ADDRESS_BYTES;
    match is_web && plain && !host.is_empty() && !text.contains(['?', '#']) {
        true => Ok(text.trim_end_matches('/').to_owned()),
        false => Err("an address looks like https://mirror.example.org".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_preference_can_be_changed_by_name_and_set_back() {
        let values = [
            "manual",
            "22:00-07:00,12:00-13:00",
            "yes",
            "0",
            "250000",
            "50000",
            "4",
            "1000000",
            "0",
            "45",
            "https://a.example.org https://b.example.org/store",
        ];
        let mut preferences = Preferences::default();
        for (name, value) in Preferences::NAMES.into_iter().zip(values) {
            preferences = preferences.with(name, value).unwrap();
        }
        let expected: Vec<_> = Preferences::NAMES
            .into_iter()
            .zip(values.map(str::to_owned))
            .collect();
        assert_eq!(preferences.entries(), expected);
        preferences.check().unwrap();
        for name in Preferences::NAMES {
            preferences = preferences.without(name).unwrap();
        }
        assert_eq!(preferences, Preferences::default());
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_says_what_would() {
        for (name, value) in [
            ("updates", "sometimes"),
            ("quiet-hours", "22:00"),
            ("quiet-hours", ""),
            ("metered", "true"),
            ("metered-size", "-1"),
            ("rate-limit", "0"),
            ("rate-limit", "+5"),
            ("while-playing", "0"),
            ("keep-versions", "21"),
            ("failed-starts", "11"),
            ("start-seconds", "0"),
            ("mirrors", "ftp://example.org"),
            ("mirrors", "https:///path"),
            ("mirrors", "https://example.org/?token=1"),
        ] {
            let error = Preferences::default().with(name, value).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(name) && !text.ends_with('.'), "{text}");
        }
        let many: Vec<String> = (0..17).map(|n| format!("https://m{n}.example.org")).collect();
        assert!(Preferences::default().with("mirrors", &many.join(" ")).is_err());
        let unknown = Preferences::default().with("colour", "red").unwrap_err();
        assert!(unknown.to_string().contains("rate-limit"), "{unknown}");
    }

    #[test]
    fn only_so_many_skipped_versions_are_remembered_the_latest_of_them() {
        let mut preferences = Preferences::default();
        for number in 0..100 {
            preferences = preferences.skipping(&format!("1.{number}").parse().unwrap());
        }
        preferences = preferences.skipping(&"1.99".parse().unwrap());
        assert_eq!(preferences.skipped.len(), MAX_SKIPPED);
        assert_eq!(preferences.skipped.last().unwrap().as_str(), "1.99");
        preferences.check().unwrap();
        let one = preferences.not_skipping(&"1.99".parse().unwrap());
        assert_eq!(one.skipped.len(), MAX_SKIPPED - 1);
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_preference_and_what_is_taken_is_kept_as_it_is_shown(
            name in 0..Preferences::NAMES.len(), value in "\\PC{0,24}"
        ) {
            let name = Preferences::NAMES[name];
            if let Ok(changed) = Preferences::default().with(name, &value) {
                changed.check().unwrap();
                let json = serde_json::to_vec(&changed).unwrap();
                prop_assert_eq!(serde_json::from_slice::<Preferences>(&json).unwrap(), changed);
            }
        }
    }
}
