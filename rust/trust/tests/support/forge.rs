// SPDX-License-Identifier: MIT
//! A forge of repositories: makes any metadata, right or wrong, and signs it for real.
//!
//! It shares no code with the publisher's half, so that a mistake there cannot hide one here.

#![allow(dead_code, reason = "each test file uses its own part of this module")]

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use fs_err as fs;
use serde_json::{Value, json};

/// A key pair.
pub struct Key(Ed25519KeyPair);

impl Key {
    pub fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    /// Returns the public key as metadata holds it.
    pub fn public(&self) -> Value {
        let public = hex::encode(self.0.public_key().as_ref());
        json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": public } })
    }

    pub fn id(&self) -> String {
        key_id(&self.public())
    }

    pub fn sign(&self, signed: &Value) -> Value {
        let signature = self.0.sign(&canonical(signed));
        json!({ "keyid": self.id(), "sig": hex::encode(signature.as_ref()) })
    }
}

/// A title's repository: what each role says, who signs it, and the files as they are served.
pub struct Forge {
    /// Who signs each role.
    pub keys: BTreeMap<String, Vec<Key>>,
    /// What each role says. Those of the channels stand under the channels' names.
    pub roles: BTreeMap<String, Value>,
    /// Every file, by its path below the repository.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Forge {
    /// A repository with one key for each role and the channels `stable` and `nightly`, all of it valid.
    pub fn new() -> Self {
        let names = ["root", "timestamp", "snapshot", "targets", "stable", "nightly"];
        let mut forge = Self {
            keys: names
                .iter()
                .map(|role| ((*role).to_owned(), vec![Key::new()]))
                .collect(),
            roles: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        for role in names {
            let value = forge.first(role);
            forge.roles.insert(role.to_owned(), value);
        }
        forge.tell_root_keys();
        forge.tell_channel_keys();
        forge.sign_root();
        forge.publish();
        forge
    }

    /// Returns what a role says, to be changed.
    pub fn role(&mut self, role: &str) -> &mut Value {
        self.roles.get_mut(role).unwrap()
    }

    pub fn version(&self, role: &str) -> u64 {
        self.roles[role]["version"].as_u64().unwrap()
    }

    /// Makes the next version of a role.
    pub fn bump(&mut self, role: &str) {
        let next = self.version(role) + 1;
        self.role(role)["version"] = next.into();
    }

    /// Adds a target that `channel` signs.
    pub fn put_target(&mut self, channel: &str, name: &str, bytes: &[u8]) {
        let sha256 = sha256(bytes);
        self.role(channel)["targets"][name] =
            json!({ "length": bytes.len(), "hashes": { "sha256": sha256 } });
        self.files
            .insert(format!("targets/{sha256}.{name}"), bytes.to_vec());
        self.bump(channel);
    }

    /// Signs everything below the root, the next snapshot and timestamp included. The versions before are not
    /// served any more.
    pub fn publish(&mut self) {
        if self.files.contains_key("timestamp.json") {
            let is_old = |path: &str| path.ends_with(".json") && !path.ends_with(".root.json");
            self.files
                .retain(|path, _| path.starts_with("targets/") || !is_old(path));
            self.bump("snapshot");
            self.bump("timestamp");
        }
        self.tell_snapshot();
        self.tell_timestamp();
    }

    /// The same with the bytes that `write` makes of what `role` says.
    pub fn publish_as(&mut self, role: &str, write: impl FnOnce(&Value) -> Vec<u8>) {
        self.publish();
        let bytes = write(&self.roles[role]);
        match role {
            "timestamp" => drop(self.files.insert("timestamp.json".to_owned(), bytes)),
            "snapshot" => {
                self.files
                    .insert(format!("{}.snapshot.json", self.version(role)), bytes);
                self.tell_timestamp();
            }
            _ => {
                let meta = meta(self.version(role), &bytes);
                self.role("snapshot")["meta"][format!("{role}.json")] = meta;
                self.files
                    .insert(format!("{}.{role}.json", self.version(role)), bytes);
                self.sign_snapshot();
                self.tell_timestamp();
            }
        }
    }

    /// Signs the targets roles and lists them in the snapshot.
    pub fn tell_snapshot(&mut self) {
        let names: Vec<String> = self
            .roles
            .keys()
            .filter(|role| is_targets(role))
            .cloned()
            .collect();
        for role in names {
            let bytes = self.signed(&role);
            let meta = meta(self.version(&role), &bytes);
            self.role("snapshot")["meta"][format!("{role}.json")] = meta;
            self.files
                .insert(format!("{}.{role}.json", self.version(&role)), bytes);
        }
        self.sign_snapshot();
    }

    /// Signs the snapshot as it is.
    pub fn sign_snapshot(&mut self) {
        let bytes = self.signed("snapshot");
        self.files
            .insert(format!("{}.snapshot.json", self.version("snapshot")), bytes);
    }

    /// Lists the snapshot in the timestamp and signs that.
    pub fn tell_timestamp(&mut self) {
        let version = self.version("snapshot");
        let bytes = &self.files[&format!("{version}.snapshot.json")];
        let meta = meta(version, bytes);
        self.role("timestamp")["meta"]["snapshot.json"] = meta;
        self.sign_timestamp();
    }

    /// Signs the timestamp as it is.
    pub fn sign_timestamp(&mut self) {
        let bytes = self.signed("timestamp");
        self.files.insert("timestamp.json".to_owned(), bytes);
    }

    /// Signs the root as it is, with its own keys.
    pub fn sign_root(&mut self) {
        let bytes = self.signed("root");
        self.files
            .insert(format!("{}.root.json", self.version("root")), bytes);
    }

    /// Makes the next root, signed by the keys of the one before and by its own.
    pub fn rotate_root(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.keys.remove("root").unwrap();
        self.keys.insert("root".to_owned(), vec![Key::new()]);
        change(self);
        self.bump("root");
        self.tell_root_keys();
        let root = self.roles["root"].clone();
        let signers = before.iter().chain(&self.keys["root"]);
        let bytes = with_signatures(&root, signers.map(|key| key.sign(&root)).collect());
        self.files
            .insert(format!("{}.root.json", self.version("root")), bytes);
    }

    /// Lets the root name the keys that sign the top-level roles now.
    pub fn tell_root_keys(&mut self) {
        let mut keys = serde_json::Map::new();
        let mut roles = serde_json::Map::new();
        for role in ["root", "timestamp", "snapshot", "targets"] {
            let ids: Vec<String> = self.keys[role].iter().map(Key::id).collect();
            keys.extend(self.keys[role].iter().map(|key| (key.id(), key.public())));
            roles.insert(role.to_owned(), json!({ "keyids": ids, "threshold": 1 }));
        }
        self.role("root")["keys"] = keys.into();
        self.role("root")["roles"] = roles.into();
    }

    /// Lets `targets` delegate to the channels with the keys that sign them now.
    pub fn tell_channel_keys(&mut self) {
        let channels = ["nightly", "stable"];
        let keys = channels.iter().flat_map(|channel| &self.keys[*channel]);
        let keys: serde_json::Map<String, Value> = keys.map(|key| (key.id(), key.public())).collect();
        let roles: Vec<Value> = channels
            .iter()
            .map(|channel| {
                let ids: Vec<String> = self.keys[*channel].iter().map(Key::id).collect();
                json!({ "name": channel, "keyids": ids, "threshold": 1, "terminating": true,
                    "paths": [format!("{channel}@*")] })
            })
            .collect();
        self.role("targets")["delegations"] = json!({ "keys": keys, "roles": roles });
    }

    /// Returns a role as it is now, signed by its keys.
    pub fn signed(&self, role: &str) -> Vec<u8> {
        let value = &self.roles[role];
        with_signatures(value, self.keys[role].iter().map(|key| key.sign(value)).collect())
    }

    /// Returns the first root, for pinning.
    pub fn root(&self) -> Vec<u8> {
        self.files["1.root.json"].clone()
    }

    /// Writes every file below `folder`.
    pub fn write(&self, folder: &Path) {
        for (path, bytes) in &self.files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    fn first(&self, role: &str) -> Value {
        let kind = if is_targets(role) { "targets" } else { role };
        let mut value = json!({
            "_type": kind, "spec_version": "1.0.31", "version": 1, "expires": in_days(30),
        });
        match kind {
            "root" => value["consistent_snapshot"] = true.into(),
            "targets" => value["targets"] = json!({}),
            _ => value["meta"] = json!({}),
        }
        value
    }
}

/// Returns metadata with these signatures.
pub fn with_signatures(signed: &Value, signatures: Vec<Value>) -> Vec<u8> {
    serde_json::to_vec(&json!({ "signed": signed, "signatures": signatures })).unwrap()
}

/// Returns the time in some days, or before as many if negative.
pub fn in_days(days: i64) -> String {
    let second = jiff::Timestamp::now().as_second() + days * 24 * 60 * 60;
    jiff::Timestamp::from_second(second).unwrap().to_string()
}

/// Returns what a snapshot or timestamp says about a file.
pub fn meta(version: u64, bytes: &[u8]) -> Value {
    json!({ "version": version, "length": bytes.len(), "hashes": { "sha256": sha256(bytes) } })
}

pub fn key_id(public: &Value) -> String {
    sha256(&canonical(public))
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes).as_ref())
}

fn is_targets(role: &str) -> bool {
    !matches!(role, "root" | "timestamp" | "snapshot")
}

fn canonical(value: &Value) -> Vec<u8> {
    use serde::Serialize as _;
    let mut bytes = Vec::new();
    let formatter = olpc_cjson::CanonicalFormatter::new();
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))
        .unwrap();
    bytes
}
