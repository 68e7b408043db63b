// SPDX-License-Identifier: MIT
//! A player who is attacked: has verified a title once, and looks again.

use std::time::Duration;

use fs_err as fs;
use jiff::Timestamp;
use vsekai_formats::release::{
    ChannelPointer, InstallId, Pinned, Platform, ReleaseManifest, ReleaseRef, Slug,
};
use vsekai_store::{HttpOptions, HttpOrigin, RetryPolicy};
use vsekai_trust::TrustError;
use vsekai_trust::client::{Anchor, TrustClient, TrustedState};

use crate::forge::{Forge, Key};
use crate::web::Web;

pub const PLATFORM: Platform = Platform::LinuxX86_64;

pub struct Victim {
    pub forge: Forge,
    pub web: Web,
    pub anchor: Anchor,
    pub now: Timestamp,
    pub folder: tempfile::TempDir,
    site: tempfile::TempDir,
}

impl Victim {
    /// A player who has verified version 1.0 of the channel `stable`.
    pub async fn new() -> Self {
        let victim = Self::stranger().await;
        victim.update().await.unwrap();
        victim
    }

    /// A player who knows the root only.
    pub async fn stranger() -> Self {
        let site = tempfile::tempdir().unwrap();
        let mut forge = Forge::new();
        put_release(&mut forge, "stable", "1.0", 1);
        forge.publish();
        let victim = Self {
            anchor: Anchor::Pinned(forge.root().into()),
            forge,
            web: Web::start(site.path()).await,
            now: Timestamp::now(),
            folder: tempfile::tempdir().unwrap(),
            site,
        };
        victim.serve();
        victim
    }

    /// Serves what the forge has, and nothing it does not have.
    pub fn serve(&self) {
        let folder = self.site.path().join("titles/game/tuf");
        let _ = fs::remove_dir_all(&folder);
        self.forge.write(&folder);
    }

    /// Changes the repository and serves it.
    pub fn attack(&mut self, change: impl FnOnce(&mut Forge)) {
        change(&mut self.forge);
        self.serve();
    }

    /// Looks for an update as the engine does.
    pub async fn update(&self) -> Result<(ChannelPointer, ReleaseManifest), TrustError> {
        let stable: Slug = "stable".parse().unwrap();
        let mut title = self.client().refresh(self.now).await?;
        let pointer = title.pointer(&stable, PLATFORM).await?;
        let release = pointer
            .offer_for(&InstallId::from_bytes([0; 16]))
            .unwrap()
            .clone();
        let (manifest, _) = title.manifest(&stable, PLATFORM, &release).await?;
        title.commit()?;
        Ok((pointer, manifest))
    }

    /// Asserts that an update is refused in these words and that nothing that is trusted changed.
    pub async fn refuses(&self, words: &str) -> TrustError {
        let before = self.remembered();
        let error = self.update().await.expect_err("the attack succeeded");
        assert!(error.to_string().contains(words), "{error}");
        assert!(
            !error.to_string().ends_with('.') && !error.to_string().contains('\n'),
            "{error}"
        );
        assert!(before == self.remembered(), "the trusted state changed");
        error
    }

    /// Asserts that the release is offered.
    pub async fn accepts(&self, version: &str) {
        let (pointer, manifest) = self.update().await.unwrap();
        assert_eq!(pointer.release.version.as_str(), version);
        assert_eq!(manifest.version.as_str(), version);
    }

    pub fn state(&self) -> TrustedState {
        TrustedState::new(self.folder.path())
    }

    pub fn client(&self) -> TrustClient {
        let options = HttpOptions {
            stall_timeout: Duration::from_millis(300),
            retry: RetryPolicy::NEVER,
            ..HttpOptions::default()
        };
        let origin = HttpOrigin::new(&self.web.address, options).unwrap();
        let expected = self.remembered().is_some();
        TrustClient::new(
            origin,
            "game".parse().unwrap(),
            self.state(),
            self.anchor.clone(),
            expected,
        )
    }

    pub fn remembered(&self) -> Option<Vec<u8>> {
        fs::read(self.folder.path().join("trusted.json")).ok()
    }
}

/// Lets `channel` sign a release and point at it.
pub fn put_release(forge: &mut Forge, channel: &str, version: &str, sequence: u64) {
    let manifest = manifest(version, sequence);
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let pointer = pointer(channel, &manifest);
    let platform = PLATFORM.as_str();
    forge.put_target(channel, &format!("{channel}@{platform}@{version}.json"), &bytes);
    let bytes = serde_json::to_vec(&pointer).unwrap();
    forge.put_target(channel, &format!("{channel}@{platform}.json"), &bytes);
}

/// Lets two keys of `stable` sign it, both of which are needed, and returns what the first of them signs.
pub fn need_two_signatures(forge: &mut Forge) -> serde_json::Value {
    forge.keys.get_mut("stable").unwrap().push(Key::new());
    forge.tell_channel_keys();
    forge.role("targets")["delegations"]["roles"][1]["threshold"] = 2.into();
    forge.bump("targets");
    forge.bump("stable");
    let value = forge.roles["stable"].clone();
    forge.keys["stable"][0].sign(&value)
}

/// Publishes another release, whose target of this name is changed after it was signed.
pub fn put_changed(forge: &mut Forge, target: &str, change: impl Fn(&mut Vec<u8>)) {
    put_release(forge, "stable", "2.0", 2);
    forge.publish();
    for (path, bytes) in &mut forge.files {
        if path.ends_with(target) {
            change(bytes);
        }
    }
}

pub fn pointer(channel: &str, manifest: &ReleaseManifest) -> ChannelPointer {
    ChannelPointer {
        schema: 1,
        title: "game".parse().unwrap(),
        channel: channel.parse().unwrap(),
        platform: PLATFORM,
        release: ReleaseRef {
            version: manifest.version.clone(),
            sequence: manifest.sequence,
            manifest: Pinned::of(&serde_json::to_vec(manifest).unwrap()),
        },
        rollout: None,
        withdrawn: vec![],
        pinned: false,
    }
}

pub fn manifest(version: &str, sequence: u64) -> ReleaseManifest {
    let pin = Pinned::of(version.as_bytes());
    serde_json::from_value(serde_json::json!({
        "schema": 1, "title": "game", "platform": PLATFORM, "version": version, "sequence": sequence,
        "index": pin, "contents": pin, "launch": { "desktop": { "path": "Game.x86_64" } },
        "size": { "files": 1, "installed_bytes": 1, "chunks": 1, "download_bytes": 1 },
    }))
    .unwrap()
}
