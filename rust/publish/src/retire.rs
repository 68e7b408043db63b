// SPDX-License-Identifier: MIT
//! Listing old releases no more, so that servers may collect them.
//!
//! Nothing is removed here: a release that is listed nowhere cannot be found by players any more, and its server
//! keeps it for as long as its own rules say.

use vsekai_formats::release::{ChannelPointer, Platform, ReleaseRef, Slug, Version};

use crate::channels::sign_and_send;
use crate::view::View;
use crate::{PublishError, Server, Signing};

/// Which releases of a channel are to be listed no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retirement {
    /// These.
    Versions(Vec<Version>),
    /// All but those that the channel offers, those that are newer, and so many of the newest for each platform.
    AllBut(usize),
}

/// A release that is listed no more.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Retired {
    /// The platform.
    pub platform: Platform,
    /// The version.
    pub version: Version,
}

/// Lists releases in `channel` of `title` no more, for `platform` or for every platform it has, and returns them.
///
/// # Errors
/// [`PublishError`], among others if the channel offers one of them or something older; the channel is as it was
/// then.
pub async fn retire(
    server: &Server,
    signing: &Signing,
    title: &Slug,
    channel: &Slug,
    platform: Option<Platform>,
    retirement: &Retirement,
) -> Result<Vec<Retired>, PublishError> {
    let platforms = |view: &View| match platform {
        Some(platform) => Ok(vec![platform]),
        None => view.platforms(channel),
    };
    sign_and_send(
        server,
        signing,
        title,
        channel,
        platforms,
        |view, offers, editor| {
            let mut found = Vec::new();
            for (platform, pointer) in offers {
                let platform = *platform;
                let listed = view.releases(channel, platform)?;
                let due = due(&listed, pointer.as_ref(), channel, retirement)?;
                found.extend(due.into_iter().map(|version| Retired { platform, version }));
            }
            refuse_unknown(&found, platform, retirement)?;
            for release in &found {
                editor.remove_manifest(channel, release.platform, &release.version)?;
            }
            Ok(found)
        },
    )
    .await
}

/// Returns which of the releases `listed`, newest first, are due.
fn due(
    listed: &[ReleaseRef],
    pointer: Option<&ChannelPointer>,
    channel: &Slug,
    retirement: &Retirement,
) -> Result<Vec<Version>, PublishError> {
    let stays = |release: &ReleaseRef| {
        pointer.is_some_and(|pointer| {
            release.sequence >= pointer.release.sequence
                || pointer.releases().any(|offered| offered == release)
        })
    };
    match retirement {
        Retirement::AllBut(newest) => {
            let old = listed.iter().skip(*newest).filter(|release| !stays(release));
            Ok(old.map(|release| release.version.clone()).collect())
        }
        Retirement::Versions(versions) => {
            let named = listed
                .iter()
                .filter(|release| versions.contains(&release.version));
            let named: Vec<&ReleaseRef> = named.collect();
            match named.iter().find(|release| stays(release)) {
                Some(release) => Err(PublishError::StillOffered {
                    channel: channel.clone(),
                    version: release.version.clone(),
                }),
                None => Ok(named.into_iter().map(|release| release.version.clone()).collect()),
            }
        }
    }
}

fn refuse_unknown(
    found: &[Retired],
    platform: Option<Platform>,
    retirement: &Retirement,
) -> Result<(), PublishError> {
    let Retirement::Versions(versions) = retirement else {
        return Ok(());
    };
    let is_unknown = |version: &&Version| !found.iter().any(|release| release.version == **version);
    match versions.iter().find(is_unknown) {
        None => Ok(()),
        Some(version) => Err(PublishError::NoRelease {
            version: version.clone(),
            platform,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pointers::fixture::{at, release};

    fn stable() -> Slug {
        "stable".parse().unwrap()
    }

    fn names(found: Result<Vec<Version>, PublishError>) -> Vec<String> {
        found.unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_but_the_newest_and_what_is_offered_are_due() {
        let listed = [release(4), release(3), release(2), release(1)];
        let due_at = |pointer: &ChannelPointer, newest| {
            names(due(
                &listed,
                Some(pointer),
                &stable(),
                &Retirement::AllBut(newest),
            ))
        };
        assert_eq!(due_at(&at(4), 2), ["2.0", "1.0"]);
        assert_eq!(due_at(&at(4), 0), ["3.0", "2.0", "1.0"]);
        assert_eq!(due_at(&at(2), 1), ["1.0"], "newer ones are not offered yet");
        assert_eq!(due_at(&at(4), 9), Vec::<String>::new());
    }

    #[test]
    fn what_is_offered_cannot_be_retired() {
        let listed = [release(3), release(2), release(1)];
        let wish = |version: &str| Retirement::Versions(vec![version.parse().unwrap()]);
        assert_eq!(
            names(due(&listed, Some(&at(3)), &stable(), &wish("1.0"))),
            ["1.0"]
        );
        for version in ["3.0", "2.0"] {
            assert!(
                due(&listed, Some(&at(2)), &stable(), &wish(version)).is_err(),
                "{version}"
            );
        }
        let mut rolling = at(3);
        rolling.rollout = Some(vsekai_formats::release::Rollout {
            percent: vsekai_formats::release::Percent::new(10).unwrap(),
            previous: Some(release(1)),
        });
        assert!(due(&listed, Some(&rolling), &stable(), &wish("1.0")).is_err());
    }
}
