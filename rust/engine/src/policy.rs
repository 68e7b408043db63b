// SPDX-License-Identifier: MIT
//! Whether an update is taken now, and how fast it comes: the player's preferences, applied.
//!
//! Pure: time, network and running games are what the caller says they are.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Serialize, Serializer};
use vsekai_formats::release::Version;

use crate::clock::{TimeOfDay, is_quiet, quiet_until};
use crate::preferences::{Metered, Preferences, UpdateMode, WhilePlaying};
use crate::words;

/// What kind of connection the player has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkKind {
    /// Nobody can tell.
    #[default]
    Unknown,
    /// It does not cost by the byte.
    Unmetered,
    /// It does.
    Metered,
}

/// How things are at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// The time where the player is; `None` if nobody can tell.
    pub now: Option<TimeOfDay>,
    /// The connection.
    pub network: NetworkKind,
    /// Whether a game runs from the install folder.
    pub game_running: bool,
}

/// Who wants an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The player, now.
    Player,
    /// Nobody in particular: it is time to look after updates.
    Background,
}

/// What is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The version.
    pub version: Version,
    /// Bytes to fetch.
    pub download_bytes: u64,
    /// Whether the player went back from it before.
    pub left_before: bool,
    /// How often it failed to start here, if it was given up for that.
    pub failed_starts: u32,
}

/// What is done about an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is taken.
    Take,
    /// The player is asked.
    Ask(Reason),
    /// It is not taken for now.
    HoldBack(Reason),
}

/// Why an offer is not simply taken; its text is one sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Another version is pinned.
    Pinned(Version),
    /// The player skips this one.
    Skipped(Version),
    /// It was given up because it did not start.
    FailedStarts(Version, u32),
    /// The player went back from it.
    LeftBefore(Version),
    /// Updates are only taken when the player asks for one.
    Manual,
    /// The player wants to be asked about so many bytes.
    AskFirst(u64),
    /// So many bytes would come over a connection that costs by the byte.
    Metered(u64),
    /// It is quiet, until then if it ever ends.
    Quiet(Option<TimeOfDay>),
    /// The game runs.
    Playing,
}

/// How fast a download may go at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At so many bytes a second at most.
    Go(Option<NonZeroU64>),
    /// Not at all.
    Wait(Reason),
}

impl Preferences {
    /// Decides what is done about an offer.
    ///
    /// The player's own wish is only held back by the player's own decisions about that version.
    pub fn decide(&self, offered: &Offered, situation: &Situation, wish: Wish) -> Decision {
        if let Some(reason) = self.ruled_out(offered) {
            return Decision::HoldBack(reason);
        }
        if wish == Wish::Player {
            return Decision::Take;
        }
        if offered.left_before {
            return Decision::Ask(Reason::LeftBefore(offered.version.clone()));
        }
        if self.updates == UpdateMode::Manual {
            return Decision::HoldBack(Reason::Manual);
        }
        if let Some(reason) = self.wait(situation) {
            return Decision::HoldBack(reason);
        }
        if self.costs(offered.download_bytes, situation.network) {
            return Decision::Ask(Reason::Metered(offered.download_bytes));
        }
        match self.updates {
            UpdateMode::Automatic => Decision::Take,
            _ => Decision::Ask(Reason::AskFirst(offered.download_bytes)),
        }
    }

    /// Decides how fast a download of `bytes` goes at the moment.
    pub fn pace(&self, bytes: u64, situation: &Situation, wish: Wish) -> Pace {
        if wish == Wish::Player {
            return Pace::Go(self.rate_limit);
        }
        if let Some(reason) = self.wait(situation) {
            return Pace::Wait(reason);
        }
        if self.costs(bytes, situation.network) {
            return Pace::Wait(Reason::Metered(bytes));
        }
        match self.while_playing {
            WhilePlaying::Slow(limit) if situation.game_running => {
                Pace::Go(Some(self.rate_limit.map_or(limit, |other| other.min(limit))))
            }
            _ => Pace::Go(self.rate_limit),
        }
    }

    /// What the player has decided about this very version.
    fn ruled_out(&self, offered: &Offered) -> Option<Reason> {
        let version = &offered.version;
        if let Some(pinned) = self.pinned.as_ref().filter(|pinned| *pinned != version) {
            return Some(Reason::Pinned(pinned.clone()));
        }
        if self.skipped.contains(version) {
            return Some(Reason::Skipped(version.clone()));
        }
        let failed = offered.failed_starts;
        (failed > 0).then(|| Reason::FailedStarts(version.clone(), failed))
    }

    /// What a download that nobody asked for waits for.
    fn wait(&self, situation: &Situation) -> Option<Reason> {
        if situation.game_running && self.while_playing == WhilePlaying::Pause {
            return Some(Reason::Playing);
        }
        let now = situation.now.filter(|now| is_quiet(&self.quiet_hours, *now))?;
        Some(Reason::Quiet(quiet_until(&self.quiet_hours, now)))
    }

    fn costs(&self, bytes: u64, network: NetworkKind) -> bool {
        let metered = match self.metered {
            Metered::Yes => true,
            Metered::No => false,
            Metered::Auto => network == NetworkKind::Metered,
        };
        metered && bytes > self.metered_bytes
    }
}

impl Decision {
    /// Returns the decision's name, for programs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Take => "take",
            Self::Ask(_) => "ask",
            Self::HoldBack(_) => "hold-back",
        }
    }

    /// Returns why it is not simply taken.
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Take => None,
            Self::Ask(reason) | Self::HoldBack(reason) => Some(reason),
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Take => write!(f, "taken now"),
            Self::Ask(reason) => write!(f, "waits for your word: {reason}"),
            Self::HoldBack(Reason::Quiet(Some(until))) => write!(f, "held back until {until}"),
            Self::HoldBack(reason) => write!(f, "held back: {reason}"),
        }
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("Decision", 3)?;
        fields.serialize_field("action", self.as_str())?;
        fields.serialize_field("reason", &self.reason().map(Reason::code))?;
        fields.serialize_field("message", &self.to_string())?;
        fields.end()
    }
}

impl Reason {
    /// Returns the time of the day at which it no longer holds, if that can be told.
    pub const fn until(&self) -> Option<TimeOfDay> {
        match self {
            Self::Quiet(until) => *until,
            _ => None,
        }
    }

    /// Returns the reason's name, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Pinned(_) => "pinned",
            Self::Skipped(_) => "skipped",
            Self::FailedStarts(..) => "failed-starts",
            Self::LeftBefore(_) => "left-before",
            Self::Manual => "manual",
            Self::AskFirst(_) => "ask-first",
            Self::Metered(_) => "metered",
            Self::Quiet(_) => "quiet-hours",
            Self::Playing => "playing",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pinned(version) => write!(f, "this install stays at {version} until that is lifted"),
            Self::Skipped(version) => write!(f, "{version} is to be skipped"),
            Self::FailedStarts(version, times) => write!(
                f,
                "{version} did not start here, {} in a row",
                words::count(u64::from(*times), "time")
            ),
            Self::LeftBefore(version) => write!(f, "you went back from {version} before"),
            Self::Manual => write!(f, "updates are only taken when you ask for one"),
            Self::AskFirst(bytes) => write!(f, "{} to download", words::bytes(*bytes)),
            Self::Metered(bytes) => write!(f, "{} over a metered connection", words::bytes(*bytes)),
            Self::Quiet(Some(until)) => write!(f, "it is quiet until {until}"),
            Self::Quiet(None) => write!(f, "the quiet hours fill the whole day"),
            Self::Playing => write!(f, "the game runs"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn offered() -> Offered {
        Offered {
            version: version("2.0"),
            download_bytes: 61_500_000,
            left_before: false,
            failed_starts: 0,
        }
    }

    fn set(pairs: &[(&str, &str)]) -> Preferences {
        let with =
            |preferences: Preferences, (name, value): &(&str, &str)| preferences.with(name, value).unwrap();
        pairs.iter().fold(Preferences::default(), with)
    }

    fn at(time: &str) -> Situation {
        Situation {
            now: Some(time.parse().unwrap()),
            ..Situation::default()
        }
    }

    fn background(preferences: &Preferences, situation: &Situation) -> String {
        preferences
            .decide(&offered(), situation, Wish::Background)
            .to_string()
    }

    #[test]
    fn every_decision_says_in_words_why() {
        let automatic = [("updates", "automatic")];
        let quiet = set(&[automatic[0], ("quiet-hours", "22:00-07:00")]);
        assert_eq!(background(&quiet, &at("23:00")), "held back until 07:00");
        assert_eq!(background(&quiet, &at("12:00")), "taken now");
        let metered = set(&[automatic[0], ("metered", "yes")]);
        assert_eq!(
            background(&metered, &at("12:00")),
            "waits for your word: 61.5 MB over a metered connection"
        );
        let ask = set(&[("updates", "ask")]);
        assert_eq!(
            background(&ask, &at("12:00")),
            "waits for your word: 61.5 MB to download"
        );
        let manual = set(&[("updates", "manual")]);
        assert_eq!(
            background(&manual, &at("12:00")),
            "held back: updates are only taken when you ask for one"
        );
        let playing = Situation {
            game_running: true,
            ..Situation::default()
        };
        assert_eq!(background(&set(&automatic), &playing), "held back: the game runs");
        let skipping = set(&automatic).skipping(&version("2.0"));
        assert_eq!(
            background(&skipping, &at("12:00")),
            "held back: 2.0 is to be skipped"
        );
        let pinned = set(&automatic).pinning(Some(version("1.0")));
        assert_eq!(
            background(&pinned, &at("12:00")),
            "held back: this install stays at 1.0 until that is lifted"
        );
        let failed = Offered {
            failed_starts: 3,
            ..offered()
        };
        let decision = set(&automatic).decide(&failed, &at("12:00"), Wish::Background);
        assert_eq!(
            decision.to_string(),
            "held back: 2.0 did not start here, 3 times in a row"
        );
        let json = serde_json::to_value(&decision).unwrap();
        assert_eq!(
            (json["action"].as_str(), json["reason"].as_str()),
            (Some("hold-back"), Some("failed-starts"))
        );
    }

    #[test]
    fn small_updates_come_over_a_metered_connection_without_asking() {
        let preferences = set(&[("updates", "automatic"), ("metered-size", "61500000")]);
        let metered = Situation {
            network: NetworkKind::Metered,
            ..at("12:00")
        };
        assert_eq!(background(&preferences, &metered), "taken now");
        let less = preferences.with("metered-size", "61499999").unwrap();
        assert!(background(&less, &metered).starts_with("waits for your word"));
        let free = less.with("metered", "no").unwrap();
        assert_eq!(background(&free, &metered), "taken now");
    }

    #[test]
    fn a_download_that_nobody_asked_for_backs_off_while_the_game_runs() {
        let playing = Situation {
            game_running: true,
            ..Situation::default()
        };
        let pace = |value: &str, wish| set(&[("while-playing", value)]).pace(1, &playing, wish);
        assert_eq!(pace("pause", Wish::Background), Pace::Wait(Reason::Playing));
        assert_eq!(pace("pause", Wish::Player), Pace::Go(None));
        assert_eq!(pace("5000", Wish::Background), Pace::Go(NonZeroU64::new(5000)));
        assert_eq!(pace("continue", Wish::Background), Pace::Go(None));
    }

    fn any_preferences() -> impl Strategy<Value = Preferences> {
        let modes = prop::sample::select(vec!["automatic", "ask", "manual"]);
        let metered = prop::sample::select(vec!["auto", "yes", "no"]);
        let playing = prop::sample::select(vec!["pause", "continue", "1000", "900000"]);
        let limit = prop::sample::select(vec!["none", "1", "50000", "1000000"]);
        let quiet = prop::sample::select(vec!["none", "22:00-07:00", "00:00-12:00,12:00-00:00"]);
        let size = (0u64..200_000_000).prop_map(|size| size.to_string());
        (modes, metered, playing, limit, quiet, size).prop_map(
            |(mode, metered, playing, limit, quiet, size)| {
                set(&[
                    ("updates", mode),
                    ("metered", metered),
                    ("while-playing", playing),
                    ("rate-limit", limit),
                    ("quiet-hours", quiet),
                    ("metered-size", &size),
                ])
            },
        )
    }

    fn any_situation() -> impl Strategy<Value = Situation> {
        let network = prop::sample::select(vec![
            NetworkKind::Unknown,
            NetworkKind::Metered,
            NetworkKind::Unmetered,
        ]);
        let now = prop::option::of(
            (0u8..24, 0u8..60).prop_map(|(hour, minute)| TimeOfDay::new(hour, minute).unwrap()),
        );
        (now, network, any::<bool>()).prop_map(|(now, network, game_running)| Situation {
            now,
            network,
            game_running,
        })
    }

    proptest! {
        #[test]
        fn the_players_own_wish_waits_for_nothing(
            preferences in any_preferences(), situation in any_situation(), bytes in any::<u64>()
        ) {
            let offer = Offered { download_bytes: bytes, left_before: true, ..offered() };
            prop_assert_eq!(preferences.decide(&offer, &situation, Wish::Player), Decision::Take);
            prop_assert_eq!(preferences.pace(bytes, &situation, Wish::Player), Pace::Go(preferences.rate_limit));
        }

        #[test]
        fn no_pace_is_faster_than_the_limit_and_what_is_taken_does_not_wait(
            preferences in any_preferences(), situation in any_situation(), bytes in any::<u64>()
        ) {
            let offer = Offered { download_bytes: bytes, ..offered() };
            let pace = preferences.pace(bytes, &situation, Wish::Background);
            if let (Pace::Go(limit), Some(most)) = (&pace, preferences.rate_limit) {
                prop_assert!(limit.is_some_and(|limit| limit <= most));
            }
            let decision = preferences.decide(&offer, &situation, Wish::Background);
            prop_assert!(decision != Decision::Take || matches!(pace, Pace::Go(_)));
            prop_assert!(decision != Decision::Take || preferences.updates == UpdateMode::Automatic);
            prop_assert!(!decision.to_string().ends_with('.'));
        }

        #[test]
        fn what_the_player_ruled_out_is_never_taken_and_skipping_ends_when_it_is_lifted(
            preferences in any_preferences(), situation in any_situation(), background in any::<bool>()
        ) {
            let wish = if background { Wish::Background } else { Wish::Player };
            let two = version("2.0");
            let before = preferences.decide(&offered(), &situation, wish);
            let skipping = preferences.skipping(&two);
            prop_assert_eq!(skipping.decide(&offered(), &situation, wish),
                Decision::HoldBack(Reason::Skipped(two.clone())));
            prop_assert_eq!(skipping.not_skipping(&two).decide(&offered(), &situation, wish), before.clone());
            let other = preferences.pinning(Some(version("1.0")));
            prop_assert_eq!(other.decide(&offered(), &situation, wish),
                Decision::HoldBack(Reason::Pinned(version("1.0"))));
            let same = preferences.pinning(Some(two));
            prop_assert_eq!(same.decide(&offered(), &situation, wish), before);
        }
    }
}
