// SPDX-License-Identifier: MIT
//! Which releases are kept, and for how long: the settings, and the decision. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use vsekai_formats::release::{Platform, Slug};

use crate::limits::seconds;
use crate::service::token::Pattern;

/// What the server keeps, and when it collects the rest.
///
/// In the configuration file these stand in `[retention]`, in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// How often the server collects by itself; 0 for never.
    #[serde(deserialize_with = "seconds")]
    pub every: Duration,
    /// How long something stays after the last thing that named it is gone, for downloads under way, and a chunk
    /// after somebody was told that it is there, for publishers who are not done.
    #[serde(deserialize_with = "seconds")]
    pub grace: Duration,
    /// The rules; the first one that fits a channel counts. A channel that none fits keeps everything.
    pub rules: Vec<KeepRule>,
}

/// What a channel keeps of what it once listed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepRule {
    /// The title, or `*` for all.
    #[serde(default = "any", deserialize_with = "pattern")]
    pub title: Pattern,
    /// The channel, or `*` for all.
    #[serde(default = "any", deserialize_with = "pattern")]
    pub channel: Pattern,
    /// This many releases with the highest sequences, for each platform.
    #[serde(default)]
    pub last: usize,
    /// Those published in this many days.
    #[serde(default)]
    pub days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            every: DAY,
            grace: 7 * DAY,
            rules: Vec::new(),
        }
    }
}

impl Retention {
    /// Returns the latest time that is longer ago than the grace at `now`, in seconds since 1970-01-01 UTC.
    pub fn grace_ends(&self, now: i64) -> i64 {
        now.saturating_sub(whole_seconds(self.grace))
    }

    /// Returns the time since which a touch of a chunk is fresh enough at `now` to be left as it is.
    ///
    /// So a chunk that somebody was told of stays for three quarters of the grace at least, and asking again and
    /// again costs few writes.
    pub fn touched_since(&self, now: i64) -> i64 {
        now.saturating_sub(whole_seconds(self.grace / 4))
    }

    fn rule(&self, title: &Slug, channel: &Slug) -> Option<&KeepRule> {
        let fits = |rule: &&KeepRule| rule.title.matches(title) && rule.channel.matches(channel);
        self.rules.iter().find(fits)
    }
}

/// A release, as far as keeping it is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The title.
    pub title: Slug,
    /// The platform.
    pub platform: Platform,
    /// The publish sequence.
    pub sequence: u64,
    /// When it was published, in seconds since 1970-01-01 UTC.
    pub published_at: i64,
    /// Channels that list it or once did.
    pub channels: BTreeSet<Slug>,
    /// Channels whose signed metadata lists it now.
    pub listed_by: BTreeSet<Slug>,
    /// Channels that offer it, to everybody or to those outside a rollout.
    pub offered_by: BTreeSet<Slug>,
    /// When the last channel stopped listing it.
    pub unlisted_at: Option<i64>,
    /// Whether somebody holds it.
    pub held: bool,
}

/// What is to become of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A rule, a channel that offers it, or a person keeps it.
    Kept,
    /// No rule keeps it, but signed metadata lists it: its publisher has to retire it first.
    Listed,
    /// Nothing keeps it; its grace has not ended.
    Waiting,
    /// It goes.
    Collected,
}

/// A verdict and its reasons, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is to become of the release.
    pub verdict: Verdict,
    /// Why; several reasons can keep a release.
    pub reasons: Vec<String>,
}

/// Decides on every one of `candidates` at `now`, in seconds since 1970-01-01 UTC; returns as many judgements, in
/// the same order.
pub fn judge(candidates: &[Candidate], retention: &Retention, now: i64) -> Vec<Judgement> {
    let ranks = ranks(candidates);
    let judged = candidates.iter().enumerate();
    judged
        .map(|(position, candidate)| {
            let mut reasons = offers(candidate);
            for channel in &candidate.channels {
                let rank = ranks.get(&(position, channel)).copied().unwrap_or_default();
                reasons.extend(kept_by_rule(candidate, channel, rank, retention, now));
            }
            judge_one(candidate, reasons, retention, now)
        })
        .collect()
}

fn judge_one(candidate: &Candidate, reasons: Vec<String>, retention: &Retention, now: i64) -> Judgement {
    let (verdict, reasons) = if !reasons.is_empty() {
        (Verdict::Kept, reasons)
    } else if !candidate.listed_by.is_empty() {
        let listed = candidate.listed_by.iter();
        let line = |channel| format!("the signed metadata of {channel} lists it: retire it there first");
        (Verdict::Listed, listed.map(line).collect())
    } else {
        let since = candidate.unlisted_at.unwrap_or(candidate.published_at);
        match since < retention.grace_ends(now) {
            true => (Verdict::Collected, vec!["no rule keeps it".to_owned()]),
            false => {
                let line = "downloads of it may be under way, which the grace is for";
                (Verdict::Waiting, vec![line.to_owned()])
            }
        }
    };
    Judgement { verdict, reasons }
}

fn offers(candidate: &Candidate) -> Vec<String> {
    let offered = candidate.offered_by.iter();
    let mut reasons: Vec<String> = offered.map(|channel| format!("{channel} offers it")).collect();
    if candidate.held {
        reasons.push("it is held".to_owned());
    }
    reasons
}

fn kept_by_rule(
    candidate: &Candidate,
    channel: &Slug,
    rank: usize,
    retention: &Retention,
    now: i64,
) -> Option<String> {
    let Some(rule) = retention.rule(&candidate.title, channel) else {
        return Some(format!("{channel} keeps everything"));
    };
    let youngest = now.saturating_sub(i64::from(rule.days).saturating_mul(whole_seconds(DAY)));
    if rank < rule.last {
        Some(format!("one of the last {} of {channel}", rule.last))
    } else if rule.days > 0 && candidate.published_at >= youngest {
        Some(format!("{channel} keeps {} days", rule.days))
    } else {
        None
    }
}

/// Counts for each release and channel how many newer releases the channel has for the platform.
fn ranks(candidates: &[Candidate]) -> BTreeMap<(usize, &Slug), usize> {
    // Title, channel and platform; the sequences of their releases and where they are.
    type Groups<'a> = BTreeMap<(&'a Slug, &'a Slug, Platform), Vec<(u64, usize)>>;
    let mut groups = Groups::new();
    for (position, candidate) in candidates.iter().enumerate() {
        for channel in &candidate.channels {
            let group = (&candidate.title, channel, candidate.platform);
            groups
                .entry(group)
                .or_default()
                .push((candidate.sequence, position));
        }
    }
    let mut ranks = BTreeMap::new();
    for ((_, channel, _), mut members) in groups {
        members.sort_unstable_by(|a, b| b.cmp(a));
        let members = members.into_iter().enumerate();
        ranks.extend(members.map(|(rank, (_, position))| ((position, channel), rank)));
    }
    ranks
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn any() -> Pattern {
    Pattern::Any
}

fn pattern<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pattern, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 100 * 86_400;

    fn slugs(names: &[&str]) -> BTreeSet<Slug> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// A release of `channels` that none of them lists any more since long ago.
    fn release(sequence: u64, days_old: i64, channels: &[&str]) -> Candidate {
        Candidate {
            title: "game".parse().unwrap(),
            platform: Platform::LinuxX86_64,
            sequence,
            published_at: NOW - days_old * 86_400,
            channels: slugs(channels),
            listed_by: BTreeSet::new(),
            offered_by: BTreeSet::new(),
            unlisted_at: Some(0),
            held: false,
        }
    }

    fn rule(title: &str, channel: &str, last: usize, days: u32) -> KeepRule {
        KeepRule {
            title: title.parse().unwrap(),
            channel: channel.parse().unwrap(),
            last,
            days,
        }
    }

    fn verdicts(candidates: &[Candidate], rules: &[KeepRule]) -> Vec<Verdict> {
        let retention = Retention {
            rules: rules.to_vec(),
            ..Retention::default()
        };
        let judged = judge(candidates, &retention, NOW).into_iter();
        judged.map(|judgement| judgement.verdict).collect()
    }

    #[test]
    fn without_a_rule_everything_is_kept() {
        let old = release(1, 90, &["stable"]);
        assert_eq!(verdicts(std::slice::from_ref(&old), &[]), [Verdict::Kept]);
        let other = [rule("*", "nightly", 1, 0)];
        assert_eq!(verdicts(&[old], &other), [Verdict::Kept]);
    }

    #[test]
    fn the_last_few_of_each_channel_and_platform_are_kept() {
        let mut other_platform = release(1, 90, &["nightly"]);
        other_platform.platform = Platform::WindowsX86_64;
        let releases = [
            release(1, 90, &["nightly"]),
            release(2, 80, &["nightly"]),
            release(3, 70, &["nightly"]),
            other_platform,
        ];
        assert_eq!(
            verdicts(&releases, &[rule("*", "*", 2, 0)]),
            [Verdict::Collected, Verdict::Kept, Verdict::Kept, Verdict::Kept]
        );
    }

    #[test]
    fn any_channel_that_keeps_a_release_is_enough() {
        let releases = [
            release(1, 90, &["nightly", "stable"]),
            release(2, 80, &["nightly"]),
            release(3, 1, &["nightly"]),
        ];
        let rules = [rule("game", "nightly", 0, 10), rule("*", "*", 5, 0)];
        assert_eq!(
            verdicts(&releases, &rules),
            [Verdict::Kept, Verdict::Collected, Verdict::Kept]
        );
    }

    #[test]
    fn the_first_rule_that_fits_counts() {
        let releases = [release(1, 90, &["nightly"])];
        let rules = [
            rule("other", "*", 0, 0),
            rule("game", "*", 1, 0),
            rule("*", "*", 0, 0),
        ];
        assert_eq!(verdicts(&releases, &rules), [Verdict::Kept]);
        assert_eq!(verdicts(&releases, &rules[2..]), [Verdict::Collected]);
    }

    #[test]
    fn what_is_offered_or_held_is_kept_and_what_is_listed_has_to_be_retired_first() {
        let mut offered = release(1, 90, &["stable"]);
        offered.offered_by = slugs(&["stable"]);
        offered.listed_by = slugs(&["stable"]);
        let mut held = release(2, 90, &["stable"]);
        held.held = true;
        let mut listed = release(3, 90, &["stable"]);
        listed.listed_by = slugs(&["stable"]);
        assert_eq!(
            verdicts(&[offered, held, listed], &[rule("*", "*", 0, 0)]),
            [Verdict::Kept, Verdict::Kept, Verdict::Listed]
        );
    }

    #[test]
    fn what_was_listed_a_moment_ago_waits_for_those_who_are_downloading_it() {
        let grace = 7 * 86_400;
        let mut release = release(1, 90, &["stable"]);
        let rules = [rule("*", "*", 0, 0)];
        for (unlisted_at, verdict) in [
            (NOW, Verdict::Waiting),
            (NOW - grace, Verdict::Waiting),
            (NOW - grace - 1, Verdict::Collected),
        ] {
            release.unlisted_at = Some(unlisted_at);
            assert_eq!(verdicts(std::slice::from_ref(&release), &rules), [verdict]);
        }
        release.unlisted_at = None;
        release.published_at = NOW - 1;
        assert_eq!(verdicts(&[release], &rules), [Verdict::Waiting], "never listed");
    }

    #[test]
    fn settings_are_read_from_a_table() {
        let text = "every = 3600\ngrace = 60\n[[rules]]\nchannel = \"nightly\"\nlast = 14\n";
        let retention: Retention = toml::from_str(text).unwrap();
        assert_eq!(retention.rules, [rule("*", "nightly", 14, 0)]);
        assert!(toml::from_str::<Retention>("[[rules]]\nchannel = \"No Channel\"\n").is_err());
        assert!(toml::from_str::<Retention>("[[rules]]\nlats = 3\n").is_err());
    }
}
