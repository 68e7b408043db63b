// SPDX-License-Identifier: MIT
//! Changes of what channels offer: new signed metadata, and no bytes of a build are moved.

use std::collections::BTreeMap;

use vsekai_formats::release::{ChannelPointer, Percent, Platform, ReleaseRef, Slug, Version};
use vsekai_trust::publisher::Editor;

use crate::server::{Api, Changed};
use crate::view::View;
use crate::{PublishError, Server, Signing, pointers};

/// What to do with a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelChange {
    /// Offer a release that some channel of the title lists, newer or older.
    Promote {
        /// The release.
        version: Version,
        /// The part of the players that are offered it first; everybody if absent.
        rollout: Option<Percent>,
    },
    /// Take a release back.
    Withdraw {
        /// The release.
        version: Version,
    },
    /// Stay, whatever is published.
    Pin,
    /// Move again with what is published.
    Unpin,
    /// Offer the release of a rollout to another part of the players.
    Rollout {
        /// The part.
        percent: Percent,
    },
}

/// Changes `channel` of `title` for `platform`, or for every platform it has, and returns its pointers then.
///
/// # Errors
/// [`PublishError`]; the channel is as it was then.
pub async fn change_channel(
    server: &Server,
    signing: &Signing,
    title: &Slug,
    channel: &Slug,
    platform: Option<Platform>,
    change: &ChannelChange,
) -> Result<Vec<ChannelPointer>, PublishError> {
    let changed = |view: &View| platforms(view, channel, platform, change);
    sign_and_send(
        server,
        signing,
        title,
        channel,
        changed,
        |view, offers, editor| {
            let mut after = Vec::new();
            for (platform, before) in offers {
                let (platform, before) = (*platform, before.as_ref());
                let there = || before.ok_or_else(|| nothing_there(channel, platform));
                let next = match change {
                    ChannelChange::Promote { version, rollout } => {
                        let found = view.find(platform, version, channel);
                        let (_, release) = found.ok_or_else(|| not_listed(version, platform))?;
                        let ReleaseRef {
                            version,
                            sequence,
                            manifest,
                        } = &release;
                        editor.put_manifest(channel, platform, version, *sequence, manifest)?;
                        let first = pointers::first(title, channel, platform, release.clone());
                        pointers::moved(before, first, *rollout)
                    }
                    ChannelChange::Withdraw { version } => withdrawn(view, there()?, version)?,
                    ChannelChange::Pin => pinned(there()?, true),
                    ChannelChange::Unpin => pinned(there()?, false),
                    ChannelChange::Rollout { percent } => pointers::with_rollout(there()?, *percent)?,
                };
                editor.put_pointer(&next)?;
                after.push(next);
            }
            Ok(after)
        },
    )
    .await
}

/// What a channel offers for some platforms, if anything.
pub(crate) type Offers = BTreeMap<Platform, Option<ChannelPointer>>;

/// Signs and sends what `edit` makes of what is in force and what `channel` offers for `platforms`, and begins anew if
/// somebody else changed the same in between. Nothing is sent if `edit` returns an empty list.
pub(crate) async fn sign_and_send<T>(
    server: &Server,
    signing: &Signing,
    title: &Slug,
    channel: &Slug,
    platforms: impl Fn(&View) -> Result<Vec<Platform>, PublishError>,
    edit: impl Fn(&View, &Offers, &mut Editor) -> Result<Vec<T>, PublishError>,
) -> Result<Vec<T>, PublishError> {
    let api = server.api()?;
    for _ in 0..ROUNDS {
        let mut view = View::fetch(&api, title, &signing.keys).await?;
        let mut offers = Offers::new();
        for platform in platforms(&view)? {
            offers.insert(platform, view.pointer(channel, platform).await?);
        }
        let mut editor = signing.editor(view.verified.clone());
        let done = edit(&view, &offers, &mut editor)?;
        if done.is_empty() {
            return Ok(done);
        }
        let change = signing.finish(editor).await?;
        match api.post_change(title, &change).await? {
            Changed::Done => return Ok(done),
            Changed::Overtaken => {}
        }
    }
    Err(PublishError::ChangedMeanwhile)
}

fn pinned(before: &ChannelPointer, pinned: bool) -> ChannelPointer {
    ChannelPointer {
        pinned,
        ..before.clone()
    }
}

fn withdrawn(
    view: &View,
    before: &ChannelPointer,
    version: &Version,
) -> Result<ChannelPointer, PublishError> {
    let listed = view.releases(&before.channel, before.platform)?;
    let release = listed.iter().find(|release| release.version == *version);
    let release = release.ok_or_else(|| not_listed(version, before.platform))?;
    pointers::without(before, release, &listed)
}

fn platforms(
    view: &View,
    channel: &Slug,
    platform: Option<Platform>,
    change: &ChannelChange,
) -> Result<Vec<Platform>, PublishError> {
    let there = view.platforms(channel)?;
    let has = |platform: &Platform, version: &Version| view.find(*platform, version, channel).is_some();
    let found: Vec<Platform> = match (platform, change) {
        (Some(platform), _) => vec![platform],
        (None, ChannelChange::Promote { version, .. }) => Platform::ALL
            .into_iter()
            .filter(|platform| has(platform, version))
            .collect(),
        (None, ChannelChange::Withdraw { version }) => there
            .into_iter()
            .filter(|platform| has(platform, version))
            .collect(),
        (None, _) => there,
    };
    match (found.is_empty(), change) {
        (false, _) => Ok(found),
        (true, ChannelChange::Promote { version, .. } | ChannelChange::Withdraw { version }) => {
            Err(PublishError::NoRelease {
                version: version.clone(),
                platform: None,
            })
        }
        (true, _) => Err(PublishError::EmptyChannel {
            channel: channel.clone(),
            platform: None,
        }),
    }
}

fn not_listed(version: &Version, platform: Platform) -> PublishError {
    PublishError::NoRelease {
        version: version.clone(),
        platform: Some(platform),
    }
}

fn nothing_there(channel: &Slug, platform: Platform) -> PublishError {
    PublishError::EmptyChannel {
        channel: channel.clone(),
        platform: Some(platform),
    }
}

impl Api {
    /// As [`Api::post_change`], but what somebody else changed in between is an error.
    pub(crate) async fn send_change(
        &self,
        title: &Slug,
        change: &vsekai_trust::online::Change,
    ) -> Result<(), PublishError> {
        match self.post_change(title, change).await? {
            Changed::Done => Ok(()),
            Changed::Overtaken => Err(PublishError::ChangedMeanwhile),
        }
    }
}

/// How often what others changed in between is looked at again.
const ROUNDS: usize = 4;
