// SPDX-License-Identifier: MIT
//! Asking the server as a signed title: where trust begins, what is remembered, what the player hears.

use jiff::Timestamp;
use serde::Serialize;
use vsekai_formats::release::{ChannelPointer, ChannelSummary};
use vsekai_store::{HttpOrigin, StoreError};
use vsekai_trust::TrustError;
use vsekai_trust::client::{Anchor, Notice, RoleState, TrustClient, TrustedState, VerifiedTitle};

use crate::config::InstallConfig;
use crate::error::EngineError;
use crate::event::NoticeCode;
use crate::lock::InstallLock;
use crate::paths::InstallPaths;
use crate::record::Settings;
use crate::session::Session;

/// What an install trusts, told without asking the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustView {
    /// SHA-256 of the root that trust began with.
    pub anchor: String,
    /// The latest time the clock was seen to show, RFC 3339.
    pub latest_time: String,
    /// The newest verified metadata by role.
    pub roles: Vec<RoleState>,
}

/// Fetches what changed of the title's signed metadata and verifies it.
///
/// # Errors
/// It is refused, or the server cannot be asked.
pub(crate) async fn title(
    session: &Session,
    config: &InstallConfig,
    paths: &InstallPaths,
    origin: HttpOrigin,
    settings: &Settings,
) -> Result<VerifiedTitle, EngineError> {
    let anchor = match &config.trusted_root {
        Some(root) => Anchor::Pinned(root.clone().into()),
        None => Anchor::FirstUse,
    };
    let state = TrustedState::new(paths.trust(&settings.title));
    // Only of the title that was installed something must be known.
    let stored = Settings::load(paths)?;
    let expected = stored.is_some_and(|stored| stored.title == settings.title && stored.anchor.is_some());
    let client = TrustClient::new(origin, settings.title.clone(), state, anchor, expected);
    let refreshed = session.unless_cancelled(client.refresh(Timestamp::now())).await;
    let mut title = match refreshed {
        Err(EngineError::Store(StoreError::Missing { .. })) => {
            let what = format!("title \"{}\"", settings.title);
            return Err(EngineError::NotOffered { what });
        }
        other => other?,
    };
    for notice in title.take_notices() {
        let (code, message) = words(&notice);
        session.notice(code, message);
    }
    Ok(title)
}

/// Asks what the channel offers, and remembers what was verified in a folder that was used before.
///
/// # Errors
/// As [`title`].
pub(crate) async fn pointer(
    session: &Session,
    paths: &InstallPaths,
    settings: &Settings,
    title: &mut VerifiedTitle,
) -> Result<ChannelPointer, EngineError> {
    let asked = title.pointer(&settings.channel, settings.platform);
    let pointer = match session.unless_cancelled(asked).await {
        Err(EngineError::Trust(TrustError::NotListed { .. })) => {
            let what = not_offered(settings);
            return Err(EngineError::NotOffered { what });
        }
        other => other?,
    };
    remember(paths, title)?;
    Ok(pointer)
}

/// Asks which channels the title has; a channel that is refused is told of and has no platforms.
///
/// # Errors
/// What was verified cannot be remembered.
pub(crate) async fn channels(
    session: &Session,
    paths: &InstallPaths,
    title: &mut VerifiedTitle,
) -> Result<Vec<ChannelSummary>, EngineError> {
    let listed = session
        .unless_cancelled(async { Ok::<_, EngineError>(title.channels().await) })
        .await?;
    remember(paths, title)?;
    let mut channels = Vec::new();
    for channel in listed {
        if let Some(problem) = channel.problem {
            let name = &channel.name;
            let message = match problem {
                TrustError::Store(StoreError::Refused {
                    credentials: true, ..
                }) => {
                    format!("The channel {name} is private; it takes a read token from its publisher")
                }
                problem => format!("The channel {name} cannot be used at the moment: {problem}"),
            };
            session.notice(NoticeCode::ChannelRefused, message);
        }
        channels.push(ChannelSummary {
            name: channel.name,
            platforms: channel.platforms,
        });
    }
    Ok(channels)
}

/// Reads what is trusted; `None` if nothing was verified yet.
///
/// # Errors
/// The trusted state is there but cannot be read.
pub(crate) fn view(paths: &InstallPaths, settings: &Settings) -> Result<Option<TrustView>, EngineError> {
    let remembered = TrustedState::new(paths.trust(&settings.title)).load(&settings.title)?;
    Ok(remembered.map(|remembered| TrustView {
        anchor: remembered.anchor.sha256.to_string(),
        latest_time: remembered.latest_time.to_string(),
        roles: remembered.roles(),
    }))
}

/// Names what the channel should offer.
pub(crate) fn not_offered(settings: &Settings) -> String {
    let Settings {
        title,
        channel,
        platform,
        ..
    } = settings;
    format!("build of \"{title}\" for {platform} in the channel \"{channel}\"")
}

/// In a folder that was never used nothing is created just by looking.
fn remember(paths: &InstallPaths, title: &mut VerifiedTitle) -> Result<(), EngineError> {
    if !paths.state().is_dir() {
        return Ok(());
    }
    title.commit()?;
    let Some(settings) = Settings::load(paths)?.filter(|stored| stored.title == *title.name()) else {
        return Ok(());
    };
    let anchor = Some(title.anchor());
    if settings.anchor == anchor {
        return Ok(());
    }
    // From now on the state must be there. Whoever holds the folder notes it with what it installs.
    match InstallLock::take(paths) {
        Ok(_lock) => Settings { anchor, ..settings }.store(paths),
        Err(EngineError::Locked { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn words(notice: &Notice) -> (NoticeCode, String) {
    match notice {
        Notice::FirstUse { fingerprint } => (
            NoticeCode::FirstUse,
            format!(
                "No root file was given, so the one the server shows is trusted from now on: {fingerprint}"
            ),
        ),
        Notice::NewRoot { version } => (
            NoticeCode::NewRoot,
            format!("The publisher's keys changed: root {version} is trusted now"),
        ),
    }
}
