// SPDX-License-Identifier: MIT
//! What is published of a title, verified from its root on.

use vsekai_formats::release::{ChannelPointer, Percent, Platform, Slug, Version};
use vsekai_trust::publisher::KeyFolder;

use crate::view::View;
use crate::{PublishError, Server};

/// A release that a channel lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRelease {
    /// The channel.
    pub channel: Slug,
    /// The platform.
    pub platform: Platform,
    /// The release's label.
    pub version: Version,
    /// Its place among the releases for the platform, counted from 1.
    pub sequence: u64,
    /// The part of the players that is offered it: all, some in a rollout, those outside of one, or none.
    pub offered: Option<Percent>,
    /// Whether it was taken back.
    pub withdrawn: bool,
}

/// Returns every release of `title`: by channel, then platform, the newest first.
///
/// # Errors
/// [`PublishError`].
pub async fn list_releases(
    server: &Server,
    keys: &KeyFolder,
    title: &Slug,
) -> Result<Vec<ListedRelease>, PublishError> {
    let mut view = View::fetch(&server.api()?, title, keys).await?;
    let channels: Vec<Slug> = view.verified.channels.keys().cloned().collect();
    let mut listed = Vec::new();
    for channel in channels {
        for platform in Platform::ALL {
            let releases = view.releases(&channel, platform)?;
            let pointer = view.pointer(&channel, platform).await?;
            listed.extend(releases.into_iter().map(|release| {
                let offered = pointer
                    .as_ref()
                    .and_then(|pointer| part(pointer, release.sequence));
                ListedRelease {
                    channel: channel.clone(),
                    platform,
                    withdrawn: pointer
                        .as_ref()
                        .is_some_and(|pointer| pointer.is_withdrawn(&release.manifest)),
                    version: release.version,
                    sequence: release.sequence,
                    offered,
                }
            }));
        }
    }
    Ok(listed)
}

/// Returns the part of the players whom `pointer` offers the release with that sequence.
fn part(pointer: &ChannelPointer, sequence: u64) -> Option<Percent> {
    let rollout = pointer.rollout.as_ref();
    let part = rollout.map_or(Percent::ALL, |rollout| rollout.percent);
    let previous = rollout.and_then(|rollout| rollout.previous.as_ref());
    match pointer.release.sequence == sequence {
        true => Some(part),
        false if previous.is_some_and(|previous| previous.sequence == sequence) => {
            Percent::new(100 - part.get())
        }
        false => None,
    }
}
