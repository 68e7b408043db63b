// SPDX-License-Identifier: MIT
//! Which release an install goes to, by what its channel's signed pointer says. Pure.

use vsekai_formats::release::{ChannelPointer, InstallId, ReleaseRef, Version};

use crate::event::NoticeCode;
use crate::record::InstalledVersion;

/// What is to be done about a channel's offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// What is installed stays.
    Stay(Version),
    /// This release is to be had.
    Take(ReleaseRef),
    /// Nothing is installed, and nothing is offered to this install.
    Nothing,
}

/// Something the player should hear about a choice: what it is about, and a sentence.
pub(crate) type Remark = (NoticeCode, String);

/// Chooses between what is installed and what `pointer` offers to `install`.
///
/// An offer older than what the same channel gave before is not taken by itself, unless what is installed was
/// taken back: then the publisher signed that an older one is better.
pub(crate) fn choose(
    pointer: &ChannelPointer,
    install: &InstallId,
    installed: Option<&InstalledVersion>,
    allow_downgrade: bool,
) -> (Choice, Option<Remark>) {
    let offered = pointer.offer_for(install);
    let Some(installed) = installed else {
        return (offered.cloned().map_or(Choice::Nothing, Choice::Take), None);
    };
    let stay = Choice::Stay(installed.version.clone());
    let withdrawn = pointer.is_withdrawn(&installed.manifest);
    let version = &installed.version;
    let Some(offered) = offered.filter(|offered| offered.manifest != installed.manifest) else {
        let remark = || {
            (
                NoticeCode::Withdrawn,
                format!("{version} was taken back by its publisher, but nothing else is offered yet"),
            )
        };
        return (stay, withdrawn.then(remark));
    };
    if withdrawn {
        let remark = format!(
            "{version} was taken back by its publisher; {} is offered instead",
            offered.version
        );
        return (
            Choice::Take(offered.clone()),
            Some((NoticeCode::Withdrawn, remark)),
        );
    }
    let older = installed.channel == pointer.channel && offered.sequence < installed.sequence;
    if older && !allow_downgrade {
        let remark = format!(
            "The channel offers {}, which is older than {version}",
            offered.version
        );
        return (stay, Some((NoticeCode::OlderOffered, remark)));
    }
    (Choice::Take(offered.clone()), None)
}

#[cfg(test)]
mod tests {
    use vsekai_formats::release::{Percent, Pinned, Platform, Rollout, SCHEMA};

    use super::*;
    use crate::record::fixture::version;

    const INSTALL: InstallId = InstallId::from_bytes([7; 16]);

    fn release(sequence: u64) -> ReleaseRef {
        ReleaseRef {
            version: format!("{sequence}.0").parse().unwrap(),
            sequence,
            manifest: Pinned::of(&sequence.to_be_bytes()),
        }
    }

    fn pointer(sequence: u64) -> ChannelPointer {
        ChannelPointer {
            schema: SCHEMA,
            title: "game".parse().unwrap(),
            channel: "stable".parse().unwrap(),
            platform: Platform::LinuxX86_64,
            release: release(sequence),
            rollout: None,
            withdrawn: vec![],
            pinned: false,
        }
    }

    fn installed(sequence: u64, channel: &str) -> InstalledVersion {
        let release = release(sequence);
        InstalledVersion {
            sequence,
            channel: channel.parse().unwrap(),
            manifest: release.manifest,
            ..version(release.version.as_str())
        }
    }

    fn chosen(
        pointer: &ChannelPointer,
        installed: Option<&InstalledVersion>,
    ) -> (Choice, Option<NoticeCode>) {
        let (choice, remark) = choose(pointer, &INSTALL, installed, false);
        (choice, remark.map(|(code, _)| code))
    }

    #[test]
    fn a_newer_offer_is_taken_and_the_same_is_not() {
        assert_eq!(chosen(&pointer(2), None), (Choice::Take(release(2)), None));
        assert_eq!(
            chosen(&pointer(2), Some(&installed(1, "stable"))),
            (Choice::Take(release(2)), None)
        );
        assert_eq!(
            chosen(&pointer(2), Some(&installed(2, "stable"))),
            (Choice::Stay(release(2).version), None)
        );
    }

    #[test]
    fn an_older_offer_is_taken_only_from_another_channel_or_on_request() {
        assert_eq!(
            chosen(&pointer(1), Some(&installed(2, "stable"))),
            (Choice::Stay(release(2).version), Some(NoticeCode::OlderOffered))
        );
        assert_eq!(
            chosen(&pointer(1), Some(&installed(2, "nightly"))),
            (Choice::Take(release(1)), None)
        );
        let (choice, _) = choose(&pointer(1), &INSTALL, Some(&installed(2, "stable")), true);
        assert_eq!(choice, Choice::Take(release(1)));
    }

    #[test]
    fn a_release_that_was_taken_back_gives_way_to_an_older_one() {
        let mut pointer = pointer(1);
        pointer.withdrawn = vec![release(2).manifest.sha256];
        assert_eq!(
            chosen(&pointer, Some(&installed(2, "stable"))),
            (Choice::Take(release(1)), Some(NoticeCode::Withdrawn))
        );
    }

    #[test]
    fn a_release_that_was_taken_back_stays_while_nothing_else_is_offered() {
        let mut pointer = pointer(2);
        pointer.withdrawn = vec![release(2).manifest.sha256];
        assert_eq!(
            chosen(&pointer, Some(&installed(2, "stable"))),
            (Choice::Stay(release(2).version), Some(NoticeCode::Withdrawn))
        );
        assert_eq!(chosen(&pointer, None), (Choice::Nothing, None));
    }

    #[test]
    fn outside_a_rollout_the_release_before_is_offered_or_nothing() {
        let mut pointer = pointer(2);
        pointer.rollout = Some(Rollout {
            percent: Percent::new(0).unwrap(),
            previous: Some(release(1)),
        });
        assert_eq!(chosen(&pointer, None), (Choice::Take(release(1)), None));
        pointer.rollout.as_mut().unwrap().previous = None;
        assert_eq!(chosen(&pointer, None), (Choice::Nothing, None));
        assert_eq!(
            chosen(&pointer, Some(&installed(1, "stable"))),
            (Choice::Stay(release(1).version), None)
        );
    }
}
