// SPDX-License-Identifier: MIT
//! Our workflow beside the loader of `tough`, over the same repositories.
//!
//! On good ones both come to the same; what the loader refuses we must not accept, with the one exception that is
//! the reason for a workflow of our own: another channel's broken role.

#[path = "support/forge.rs"]
mod forge;

use std::collections::BTreeMap;
use std::path::Path;

use forge::{Forge, Key, in_days};
use fs_err as fs;
use jiff::Timestamp;
use tough::{ExpirationEnforcement, FilesystemTransport, RepositoryLoader};
use url::Url;
use vsekai_trust::TrustError;
use vsekai_trust::client::TrustedSet;

const POINTER: &str = "stable@linux-x86_64.json";

/// Asks the loader of `tough` for the digest of the pointer.
async fn tough_says(forge: &Forge, folder: &Path) -> Result<Vec<u8>, String> {
    let metadata = folder.join("metadata");
    let _ = fs::remove_dir_all(&metadata);
    forge.write(&metadata);
    let url = Url::from_directory_path(&metadata).unwrap();
    let root = forge.root();
    let loader = RepositoryLoader::new(&root, url.clone(), url.join("targets/").unwrap())
        .transport(FilesystemTransport)
        .expiration_enforcement(ExpirationEnforcement::Safe);
    let repository = loader.load().await.map_err(|error| error.to_string())?;
    let name = tough::TargetName::new(POINTER).unwrap();
    let found = repository.targets().signed.find_target(&name, false);
    let target = found.map_err(|error| error.to_string())?;
    Ok(target.hashes.sha256.to_vec())
}

/// Asks our workflow, fed from the same files.
fn we_say(forge: &Forge) -> Result<Vec<u8>, String> {
    workflow(forge).map_err(|error| error.to_string())
}

fn workflow(forge: &Forge) -> Result<Vec<u8>, TrustError> {
    let get = |name: String| match forge.files.get(&name) {
        Some(bytes) => Ok(bytes.clone().into()),
        None => Err(TrustError::NotListed { what: name }),
    };
    let mut set = TrustedSet::start(forge.root().into(), Timestamp::now())?;
    while let Ok(next) = get(format!(
        "{}.root.json",
        set.root().signed.signed.version.get() + 1
    )) {
        set.update_root(next)?;
    }
    set.finish_root()?;
    set.update_timestamp(get("timestamp.json".to_owned())?)?;
    if let Some(wanted) = set.wanted_snapshot()? {
        set.update_snapshot(get(format!("{}.snapshot.json", wanted.version))?)?;
    }
    for (role, delegator) in [("targets", None), ("stable", Some("targets"))] {
        let version = set.announced_role(role)?.version;
        set.update_role(role, delegator, get(format!("{version}.{role}.json"))?)?;
    }
    let name = tough::TargetName::new(POINTER).unwrap();
    let target = set
        .targets("stable")
        .and_then(|role| role.signed.signed.targets.get(&name));
    match target {
        Some(target) => Ok(target.hashes.sha256.to_vec()),
        None => Err(TrustError::NotListed {
            what: POINTER.to_owned(),
        }),
    }
}

fn good() -> Forge {
    let mut forge = Forge::new();
    forge.put_target("stable", POINTER, b"a pointer");
    forge.publish();
    forge
}

type Attack = fn(&mut Forge);

/// Attacks that a single look at a repository can show.
fn attacks() -> BTreeMap<&'static str, Attack> {
    fn strange_key(forge: &mut Forge, role: &str) {
        forge.keys.insert(role.to_owned(), vec![Key::new()]);
        forge.bump(role);
        forge.publish();
    }
    fn expired(forge: &mut Forge, role: &str) {
        forge.role(role)["expires"] = in_days(-1).into();
        forge.bump(role);
        forge.publish();
    }
    fn other_bytes(forge: &mut Forge, name: &str) {
        let names: Vec<String> = forge
            .files
            .keys()
            .filter(|file| file.ends_with(name))
            .cloned()
            .collect();
        for file in names {
            forge.files.get_mut(&file).unwrap().push(b' ');
        }
    }
    BTreeMap::from([
        (
            "strange timestamp key",
            (|forge| strange_key(forge, "timestamp")) as Attack,
        ),
        ("strange snapshot key", |forge| strange_key(forge, "snapshot")),
        ("strange targets key", |forge| strange_key(forge, "targets")),
        ("strange channel key", |forge| strange_key(forge, "stable")),
        ("expired timestamp", |forge| expired(forge, "timestamp")),
        ("expired snapshot", |forge| expired(forge, "snapshot")),
        ("expired targets", |forge| expired(forge, "targets")),
        ("expired channel", |forge| expired(forge, "stable")),
        ("other snapshot bytes", |forge| {
            other_bytes(forge, "snapshot.json")
        }),
        ("other targets bytes", |forge| other_bytes(forge, "targets.json")),
        ("other channel bytes", |forge| other_bytes(forge, "stable.json")),
        ("no timestamp", |forge| drop(forge.files.remove("timestamp.json"))),
        ("root gap", |forge| {
            forge.rotate_root(|_| {});
            forge.rotate_root(|_| {});
            let third = forge.files.remove("3.root.json").unwrap();
            forge.files.insert("2.root.json".to_owned(), third);
        }),
        ("expired root", |forge| {
            forge.rotate_root(|forge| forge.role("root")["expires"] = in_days(-1).into());
            forge.publish();
        }),
        ("threshold", |forge| {
            forge.role("targets")["delegations"]["roles"][1]["threshold"] = 2.into();
            forge.bump("targets");
            forge.publish();
        }),
        ("pointer gone", |forge| {
            forge.role("stable")["targets"] = serde_json::json!({});
            forge.bump("stable");
            forge.publish();
        }),
    ])
}

#[tokio::test]
async fn both_come_to_the_same_on_good_repositories() {
    let folder = tempfile::tempdir().unwrap();
    let mut forge = good();
    for round in 0..20_u8 {
        match round % 4 {
            0 => forge.put_target("stable", POINTER, &[round]),
            1 => forge.put_target("nightly", "nightly@linux-x86_64.json", &[round]),
            2 => forge.rotate_root(|forge| {
                forge.keys.insert("snapshot".to_owned(), vec![Key::new()]);
            }),
            _ => {
                forge.keys.insert("stable".to_owned(), vec![Key::new()]);
                forge.tell_channel_keys();
                forge.bump("targets");
                forge.bump("stable");
            }
        }
        forge.publish();
        let (ours, theirs) = (we_say(&forge), tough_says(&forge, folder.path()).await);
        assert!(ours.is_ok(), "round {round}: {ours:?}");
        assert_eq!(ours, theirs, "round {round}");
    }
}

#[tokio::test]
async fn neither_accepts_what_the_other_refuses() {
    let folder = tempfile::tempdir().unwrap();
    for (name, attack) in attacks() {
        let mut forge = good();
        attack(&mut forge);
        let (ours, theirs) = (we_say(&forge), tough_says(&forge, folder.path()).await);
        assert!(ours.is_err(), "{name}: ours accepts");
        assert!(theirs.is_err(), "{name}: tough accepts");
    }
}

#[tokio::test]
async fn another_channels_expired_role_stops_the_loader_of_tough_and_not_us() {
    let folder = tempfile::tempdir().unwrap();
    let mut forge = good();
    forge.role("nightly")["expires"] = in_days(-1).into();
    forge.bump("nightly");
    forge.publish();
    let theirs = tough_says(&forge, folder.path()).await.unwrap_err();
    assert!(theirs.contains("expired"), "{theirs}");
    we_say(&forge).unwrap();
}

#[tokio::test]
async fn no_changed_byte_of_the_metadata_is_accepted_by_us_that_tough_refuses() {
    let forge = good();
    let folder = tempfile::tempdir().unwrap();
    let documents: Vec<String> = forge
        .files
        .keys()
        .filter(|name| name.ends_with(".json"))
        .cloned()
        .collect();
    let (mut tried, mut stricter) = (0, 0);
    for document in documents
        .iter()
        .filter(|name| !name.starts_with("targets/") && !name.contains("nightly"))
    {
        for place in (0..forge.files[document].len()).step_by(7) {
            let mut changed = good_copy(&forge);
            changed.files.get_mut(document).unwrap()[place] ^= 1;
            let ours = we_say(&changed);
            let theirs = tough_says(&changed, folder.path()).await;
            // Spaces and the form of signatures are covered by no signature. We are stricter about types.
            assert!(
                theirs.is_ok() || ours.is_err(),
                "{document} at {place}: {theirs:?}, but ours accepts"
            );
            stricter += u32::from(theirs.is_ok() && ours.is_err());
            tried += 1;
        }
    }
    println!("{tried} changed bytes, none accepted by us alone, {stricter} refused by us alone");
}

fn good_copy(forge: &Forge) -> Forge {
    Forge {
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
        files: forge.files.clone(),
    }
}
