// SPDX-License-Identifier: MIT
//! What becomes of a channel pointer. Pure: the pointer before and a wish in, the pointer after out.

use vsekai_formats::release::{ChannelPointer, Percent, Platform, ReleaseRef, Rollout, SCHEMA, Slug};

use crate::PublishError;

/// Returns the pointer after `release` was published, or `None` if it stays: where it is pinned, or points at
/// something as new already.
pub(crate) fn after_publication(
    before: Option<&ChannelPointer>,
    first: ChannelPointer,
    rollout: Option<Percent>,
) -> Option<ChannelPointer> {
    match before {
        Some(before) if before.pinned || before.release.sequence >= first.release.sequence => None,
        before => Some(moved(before, first, rollout)),
    }
}

/// Returns the pointer after it was pointed at a release on purpose, in either direction.
///
/// A release that was taken back before is offered again.
pub(crate) fn moved(
    before: Option<&ChannelPointer>,
    first: ChannelPointer,
    rollout: Option<Percent>,
) -> ChannelPointer {
    let mut withdrawn = before.map(|before| before.withdrawn.clone()).unwrap_or_default();
    withdrawn.retain(|manifest| *manifest != first.release.manifest.sha256);
    ChannelPointer {
        rollout: rollout
            .filter(|percent| *percent < Percent::ALL)
            .map(|percent| Rollout {
                percent,
                previous: before.and_then(|before| settled(before, &first.release)),
            }),
        pinned: before.is_some_and(|before| before.pinned),
        withdrawn,
        ..first
    }
}

/// Returns the pointer with another part of the players being offered its release.
pub(crate) fn with_rollout(
    before: &ChannelPointer,
    percent: Percent,
) -> Result<ChannelPointer, PublishError> {
    let rollout = match (&before.rollout, percent) {
        (_, Percent::ALL) => None,
        (Some(rollout), percent) => Some(Rollout {
            percent,
            previous: rollout.previous.clone(),
        }),
        (None, _) => {
            return Err(PublishError::Refused {
                action: "change the rollout",
                status: 0,
                reason:
                    "everybody is offered the release already; a rollout begins with publish --rollout or \
                         channel promote --rollout"
                        .to_owned(),
            });
        }
    };
    Ok(ChannelPointer {
        rollout,
        ..before.clone()
    })
}

/// Returns the pointer after `release` was taken back: it offers the newest other one of `listed`.
///
/// Players who have the release go back to what is offered.
pub(crate) fn without(
    before: &ChannelPointer,
    release: &ReleaseRef,
    listed: &[ReleaseRef],
) -> Result<ChannelPointer, PublishError> {
    let mut after = before.clone();
    after.withdrawn.push(release.manifest.sha256);
    after.withdrawn.sort();
    after.withdrawn.dedup();
    let is_good = |candidate: &&ReleaseRef| {
        candidate.sequence <= before.release.sequence && !after.withdrawn.contains(&candidate.manifest.sha256)
    };
    let previous = before
        .rollout
        .as_ref()
        .and_then(|rollout| rollout.previous.as_ref());
    if previous == Some(release) {
        after.rollout = None;
    }
    if before.release == *release {
        let next = previous.filter(is_good).cloned();
        let newest = || {
            listed
                .iter()
                .filter(is_good)
                .max_by_key(|candidate| candidate.sequence)
                .cloned()
        };
        after.release = next.or_else(newest).ok_or_else(|| PublishError::NothingLeft {
            channel: before.channel.clone(),
            version: release.version.clone(),
        })?;
        after.rollout = None;
    }
    Ok(after)
}

/// Returns a pointer at `release` for everybody.
pub(crate) fn first(title: &Slug, channel: &Slug, platform: Platform, release: ReleaseRef) -> ChannelPointer {
    ChannelPointer {
        schema: SCHEMA,
        title: title.clone(),
        channel: channel.clone(),
        platform,
        release,
        rollout: None,
        withdrawn: Vec::new(),
        pinned: false,
    }
}

/// Returns what everybody was offered before a new rollout: the release of the pointer, unless that has not
/// reached everybody itself.
fn settled(before: &ChannelPointer, next: &ReleaseRef) -> Option<ReleaseRef> {
    let settled = match &before.rollout {
        Some(rollout) => rollout.previous.clone(),
        None => Some(before.release.clone()),
    };
    settled.filter(|settled| settled != next && !before.is_withdrawn(&settled.manifest))
}

/// Releases and pointers for tests of what becomes of them.
#[cfg(test)]
pub(crate) mod fixture {
    use vsekai_formats::release::Pinned;

    use super::*;

    pub(crate) fn release(sequence: u64) -> ReleaseRef {
        ReleaseRef {
            version: format!("{sequence}.0").parse().unwrap(),
            sequence,
            manifest: Pinned::of(&sequence.to_le_bytes()),
        }
    }

    /// Returns a pointer of the channel "stable" at `release(sequence)`.
    pub(crate) fn at(sequence: u64) -> ChannelPointer {
        let (title, channel) = ("game".parse().unwrap(), "stable".parse().unwrap());
        first(&title, &channel, Platform::LinuxX86_64, release(sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::{at, release};
    use super::*;

    fn percent(percent: u8) -> Option<Percent> {
        Percent::new(percent)
    }

    #[test]
    fn publishing_moves_a_channel_forward_only() {
        assert_eq!(after_publication(None, at(1), None), Some(at(1)));
        assert_eq!(after_publication(Some(&at(1)), at(2), None), Some(at(2)));
        assert_eq!(after_publication(Some(&at(2)), at(1), None), None);
        assert_eq!(after_publication(Some(&at(2)), at(2), None), None);
    }

    #[test]
    fn publishing_does_not_move_a_pinned_channel() {
        let mut pinned = at(1);
        pinned.pinned = true;
        assert_eq!(after_publication(Some(&pinned), at(2), None), None);
        assert!(moved(Some(&pinned), at(2), None).pinned);
    }

    #[test]
    fn those_outside_a_rollout_stay_with_what_everybody_had() {
        let second = moved(Some(&at(1)), at(2), percent(10));
        let rollout = second.rollout.clone().unwrap();
        assert_eq!(rollout.previous, Some(release(1)));
        let third = moved(Some(&second), at(3), percent(10));
        assert_eq!(third.rollout.unwrap().previous, Some(release(1)));
        let whole = with_rollout(&second, Percent::ALL).unwrap();
        assert_eq!(whole.rollout, None);
        assert!(with_rollout(&whole, percent(50).unwrap()).is_err());
    }

    #[test]
    fn a_release_that_was_taken_back_gives_way_to_the_newest_good_one() {
        let listed = [release(4), release(3), release(2), release(1)];
        let first = without(&at(3), &release(3), &listed).unwrap();
        assert_eq!(first.release, release(2), "never one that was not offered yet");
        assert!(first.is_withdrawn(&release(3).manifest));
        let second = without(&first, &release(2), &listed).unwrap();
        assert_eq!(second.release, release(1));
        assert!(without(&second, &release(1), &listed).is_err());
        let older = without(&at(3), &release(1), &listed).unwrap();
        assert_eq!(older.release, release(3));
    }

    #[test]
    fn a_release_that_was_taken_back_can_be_offered_again() {
        let gone = without(&at(2), &release(2), &[release(2), release(1)]).unwrap();
        let again = moved(Some(&gone), at(2), None);
        assert!(!again.is_withdrawn(&release(2).manifest));
    }

    #[test]
    fn taking_back_what_is_being_rolled_out_ends_the_rollout() {
        let rolling = moved(Some(&at(1)), at(2), percent(10));
        let after = without(&rolling, &release(2), &[release(2), release(1)]).unwrap();
        assert_eq!((after.release, after.rollout), (release(1), None));
    }
}
