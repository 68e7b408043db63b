// SPDX-License-Identifier: MIT
//! Reads and signs metadata as a publisher does, with the keys of a server for development.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use vsekai_formats::release::{ChannelPointer, Pinned, ReleaseRef, SCHEMA, Slug};
use vsekai_server::storage::dev_keys_folder;
use vsekai_trust::names::{self, TargetName};
use vsekai_trust::online::{Change, ListedTarget, Metadata, listed};
use vsekai_trust::publisher::{Editor, KeyFolder, Validity};

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::Client;

pub fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

/// Names a build as channels do.
pub fn release_of(build: &Build) -> ReleaseRef {
    ReleaseRef {
        version: build.manifest.version.clone(),
        sequence: build.manifest.sequence,
        manifest: Pinned::of(&serde_json::to_vec(&build.manifest).unwrap()),
    }
}

pub fn pointer_at(channel: &str, release: ReleaseRef) -> ChannelPointer {
    ChannelPointer {
        schema: SCHEMA,
        title: slug(TITLE),
        channel: slug(channel),
        platform: PLATFORM,
        release,
        rollout: None,
        withdrawn: vec![],
        pinned: false,
    }
}

impl Client {
    /// The keys of the title.
    pub fn keys(&self) -> KeyFolder {
        KeyFolder::new(dev_keys_folder(self.data.as_ref().unwrap(), &slug(TITLE)))
    }

    /// Fetches everything that people signed; `None` once the server is gone.
    pub async fn try_metadata(&self) -> Option<Metadata> {
        let timestamp: Value = serde_json::from_str(&self.tuf(names::TIMESTAMP).await?).unwrap();
        let version = timestamp["signed"]["meta"]["snapshot.json"]["version"].as_u64()?;
        let snapshot = self.tuf(&names::snapshot(version)).await?;
        let snapshot: Value = serde_json::from_str(&snapshot).unwrap();
        let mut metadata = Metadata::default();
        for (name, meta) in snapshot["signed"]["meta"].as_object()? {
            let role = name.strip_suffix(".json")?;
            let text = self.tuf(&names::targets(role, meta["version"].as_u64()?)).await?;
            match role {
                "targets" => metadata.targets = text,
                channel => drop(metadata.channels.insert(slug(channel), text)),
            }
        }
        for version in 1.. {
            match self.tuf(&names::root(version)).await {
                Some(root) => metadata.root = root,
                None => break,
            }
        }
        Some(metadata)
    }

    pub async fn metadata(&self) -> Metadata {
        self.try_metadata().await.unwrap()
    }

    /// Fetches what `channel` offers, as a client reaches it.
    pub async fn pointer(&self, channel: &str) -> Option<ChannelPointer> {
        let metadata = self.try_metadata().await?;
        let verified = metadata.verify().unwrap();
        let role = verified.channels.get(&slug(channel))?;
        let name = TargetName::pointer(&slug(channel), PLATFORM);
        let found: ListedTarget = listed(&role.signed).find(|target| target.name == name)?;
        let path = names::target(&found.pinned.sha256, &found.name);
        let text = self.tuf(&path).await?;
        assert!(found.pinned.matches(text.as_bytes()));
        Some(serde_json::from_str(&text).unwrap())
    }

    /// Fetches the manifest of a release that `channel` lists.
    pub async fn get_manifest(&self, channel: &str, release: &ReleaseRef) -> Response {
        let name = TargetName::manifest(&slug(channel), PLATFORM, &release.version);
        let path = names::target(&release.manifest.sha256, &name);
        self.get(&format!("titles/{TITLE}/tuf/{path}")).await
    }

    /// Signs a change that `edit` makes, from what is in force.
    pub async fn signed(&self, edit: impl FnOnce(&mut Editor)) -> Option<Change> {
        let verified = self.try_metadata().await?.verify().unwrap();
        let mut editor = Editor::change(verified, Validity::default(), Timestamp::now());
        edit(&mut editor);
        Some(editor.finish(&self.keys(), &mut |file| file.open(None)).unwrap())
    }

    /// Signs the role of `channel` with a build in it, which it points at unless that is older.
    pub async fn sign_release(&self, build: &Build, channel: &str) -> Option<Change> {
        let before = self
            .pointer(channel)
            .await
            .map_or(0, |before| before.release.sequence);
        let release = release_of(build);
        self.signed(|editor| {
            let ReleaseRef {
                version,
                sequence,
                manifest,
            } = &release;
            editor
                .put_manifest(&slug(channel), PLATFORM, version, *sequence, manifest)
                .unwrap();
            if release.sequence >= before {
                editor.put_pointer(&pointer_at(channel, release.clone())).unwrap();
            }
        })
        .await
    }

    pub async fn post_change(&self, change: &Change) -> Response {
        let path = format!("api/v1/titles/{TITLE}/metadata");
        self.send(Method::POST, &path, serde_json::to_string(change).unwrap())
            .await
    }

    /// Points `channel` at `build`, which is on the server.
    pub async fn promote(&self, channel: &str, build: &Build) -> Response {
        let release = release_of(build);
        let change = self.signed(|editor| {
            let ReleaseRef {
                version,
                sequence,
                manifest,
            } = &release;
            editor
                .put_manifest(&slug(channel), PLATFORM, version, *sequence, manifest)
                .unwrap();
            editor.put_pointer(&pointer_at(channel, release.clone())).unwrap();
        });
        self.post_change(&change.await.unwrap()).await
    }

    async fn tuf(&self, name: &str) -> Option<String> {
        let path = format!("titles/{TITLE}/tuf/{name}");
        // Only private channels take the token.
        let request = self.request(Method::GET, &path).bearer_auth(&self.token);
        let answer = request.send().await.ok()?;
        match answer.status() {
            StatusCode::OK => answer.text().await.ok(),
            _ => None,
        }
    }
}

/// A change that touches nothing.
pub fn no_change() -> Change {
    Change {
        root: None,
        targets: None,
        channels: BTreeMap::new(),
        pointers: Vec::new(),
    }
}
