// SPDX-License-Identifier: MIT
//! Keys and what they sign, from the first root to the loss of keys, without a server.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use vsekai_formats::release::{Pinned, Platform, Slug};
use vsekai_trust::online::{
    Applied, Change, ChangeError, Metadata, check_online, sign_snapshot, sign_timestamp,
};
use vsekai_trust::publisher::{
    Editor, KeyError, KeyFile, KeyFolder, KeyRole, Passphrase, PublicKey, SigningKey, Validity, read_key,
};

/// A title and everybody's keys.
struct Title {
    _folder: tempfile::TempDir,
    keys: KeyFolder,
    online: SigningKey,
    metadata: Metadata,
    now: Timestamp,
}

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn open(file: &KeyFile) -> Result<SigningKey, KeyError> {
    file.open(None)
}

fn channel(name: &str) -> KeyRole {
    KeyRole::Channel(slug(name))
}

impl Title {
    /// Begins a title with the channels stable and nightly.
    fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(folder.path().join("keys"));
        let online = SigningKey::generate().unwrap();
        let now = Timestamp::now();
        let mut title = Self {
            _folder: folder,
            keys,
            online,
            metadata: Metadata::default(),
            now,
        };
        let (root, targets) = (title.key("root"), title.key("targets"));
        let online = [title.online.public()];
        let mut editor = Editor::begin(&[root], &[targets], &online, Validity::default(), now);
        for name in ["stable", "nightly"] {
            editor.add_channel(&slug(name), &[title.key(name)]).unwrap();
        }
        let change = editor.finish(&title.keys, &mut open).unwrap();
        title.metadata = change.apply(None, now).unwrap().metadata;
        title
    }

    /// Makes a key in the folder.
    fn key(&self, role: &str) -> PublicKey {
        let key = SigningKey::generate().unwrap();
        self.keys.add(role, &key, None).unwrap();
        key.public()
    }

    fn editor(&self) -> Editor {
        Editor::change(self.metadata.verify().unwrap(), Validity::default(), self.now)
    }

    fn sign(&self, edit: impl FnOnce(&mut Editor)) -> Result<Change, KeyError> {
        let mut editor = self.editor();
        edit(&mut editor);
        editor.finish(&self.keys, &mut open)
    }

    fn judge(&self, change: &Change) -> Result<Applied, ChangeError> {
        change.apply(Some(&self.metadata), self.now)
    }

    /// Signs a change and puts it in force.
    fn change(&mut self, edit: impl FnOnce(&mut Editor)) -> Change {
        let change = self.sign(edit).unwrap();
        self.metadata = self.judge(&change).unwrap().metadata;
        change
    }

    fn lose(&self, role: &str) {
        for file in self.keys.list().unwrap().iter().filter(|file| file.role == role) {
            fs_err::remove_file(&file.path).unwrap();
        }
    }
}

#[test]
fn a_new_root_is_signed_by_the_old_keys_and_the_new_ones() {
    let mut title = Title::begin();
    let old = title.metadata.verify().unwrap().root;
    let new = title.key("root");
    let change = title.change(|editor| editor.set_keys(&KeyRole::Root, &[new], 1).unwrap());
    assert_eq!((change.targets, change.channels.len()), (None, 0));
    let root = title.metadata.verify().unwrap().root;
    assert_eq!(root.signed.version.get(), 2);
    assert_eq!(root.signatures.len(), 2);
    old.signed.verify_role(&root).unwrap();
    // From now on the old key is worth nothing.
    let ids = &root.signed.roles[&tough::schema::RoleType::Root].keyids;
    assert_eq!(*ids, [new.id()]);
}

#[test]
fn a_root_cannot_be_replaced_without_the_old_keys() {
    let title = Title::begin();
    title.lose("root");
    let new = title.key("root");
    let error = title.sign(|editor| editor.set_keys(&KeyRole::Root, &[new], 1).unwrap());
    let error = error.unwrap_err();
    assert!(matches!(error, KeyError::TooFewKeys { .. }), "{error}");
}

#[test]
fn a_second_root_key_makes_up_for_the_loss_of_the_first() {
    let mut title = Title::begin();
    let first = title.editor().keys(&KeyRole::Root).unwrap().keys[0].1.unwrap();
    let second = title.key("root");
    title.change(|editor| editor.set_keys(&KeyRole::Root, &[first, second], 1).unwrap());
    let lost = title.keys.find(&[first.id()]).unwrap();
    fs_err::remove_file(&lost[0].path).unwrap();
    let third = title.key("root");
    title.change(|editor| editor.set_keys(&KeyRole::Root, &[second, third], 1).unwrap());
    assert_eq!(title.metadata.verify().unwrap().root.signed.version.get(), 3);
}

#[test]
fn a_threshold_asks_for_as_many_signatures() {
    let mut title = Title::begin();
    let first = title.editor().keys(&KeyRole::Root).unwrap().keys[0].1.unwrap();
    let second = title.key("root");
    title.change(|editor| editor.set_keys(&KeyRole::Root, &[first, second], 2).unwrap());
    title.change(|editor| editor.renew(&KeyRole::Root).unwrap());
    let lost = title.keys.find(&[second.id()]).unwrap();
    fs_err::remove_file(&lost[0].path).unwrap();
    let error = title
        .sign(|editor| editor.renew(&KeyRole::Root).unwrap())
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("needs 2 signatures") && text.contains("holds 1"),
        "{text}"
    );
    let mut editor = title.editor();
    assert!(editor.set_keys(&KeyRole::Root, &[first], 2).is_err());
    assert!(editor.set_keys(&KeyRole::Root, &[first], 0).is_err());
}

#[test]
fn new_targets_keys_sign_the_delegations_anew() {
    let mut title = Title::begin();
    title.lose("targets");
    let new = title.key("targets");
    let change = title.change(|editor| editor.set_keys(&KeyRole::Targets, &[new], 1).unwrap());
    assert!(change.root.is_some() && change.targets.is_some() && change.channels.is_empty());
    let verified = title.metadata.verify().unwrap();
    assert_eq!(verified.targets.signed.version.get(), 2);
    assert_eq!(verified.targets.signatures.len(), 1);
}

#[test]
fn a_new_channel_key_signs_the_channel_anew_and_nothing_else() {
    let mut title = Title::begin();
    title.lose("nightly");
    let new = title.key("nightly");
    let change = title.change(|editor| editor.set_keys(&channel("nightly"), &[new], 1).unwrap());
    assert!(change.root.is_none() && change.targets.is_some());
    assert_eq!(change.channels.keys().collect::<Vec<_>>(), [&slug("nightly")]);
}

#[test]
fn the_key_of_one_channel_can_do_nothing_to_another() {
    let title = Title::begin();
    title.lose("root");
    title.lose("targets");
    title.lose("stable");
    let pinned = Pinned::of(b"manifest");
    let put = |name: &'static str| {
        let pinned = pinned.clone();
        move |editor: &mut Editor| {
            let version = "1".parse().unwrap();
            editor
                .put_manifest(&slug(name), Platform::LinuxX86_64, &version, 1, &pinned)
                .unwrap();
        }
    };
    assert!(title.sign(put("nightly")).is_ok());
    assert!(matches!(
        title.sign(put("stable")),
        Err(KeyError::TooFewKeys { .. })
    ));
    let renew = |role: KeyRole| title.sign(move |editor| editor.renew(&role).unwrap());
    assert!(renew(KeyRole::Targets).is_err());
    assert!(renew(KeyRole::Root).is_err());
}

#[test]
fn a_role_cannot_list_targets_of_another_channel() {
    let title = Title::begin();
    let verified = title.metadata.verify().unwrap();
    let mut role = verified.channels[&slug("nightly")].signed.clone();
    let raw = tough::TargetName::new("stable@linux-x86_64.json").unwrap();
    let pinned = Pinned::of(b"pointer");
    role.version = role.version.saturating_add(1);
    role.targets.insert(
        raw,
        tough::schema::Target {
            length: pinned.length,
            hashes: tough::schema::Hashes {
                sha256: pinned.sha256.as_bytes().to_vec().into(),
                _extra: Default::default(),
            },
            custom: Default::default(),
            _extra: Default::default(),
        },
    );
    let files = title.keys.list().unwrap();
    let key = files.iter().find(|file| file.role == "nightly").unwrap();
    let signed = vsekai_trust::publisher::sign(role, [&open(key).unwrap()]).unwrap();
    let mut change = Change::default();
    change
        .channels
        .insert(slug("nightly"), serde_json::to_string(&signed).unwrap());
    let error = title.judge(&change).unwrap_err();
    assert!(
        error.to_string().contains("belongs to another channel"),
        "{error}"
    );
}

#[test]
fn names_of_top_level_roles_cannot_be_channels() {
    let mut editor = Title::begin().editor();
    let key = SigningKey::generate().unwrap().public();
    for name in ["root", "targets", "snapshot", "timestamp", "stable"] {
        assert!(editor.add_channel(&slug(name), &[key]).is_err(), "{name}");
    }
}

#[test]
fn a_channel_cannot_be_left_out() {
    let title = Title::begin();
    let mut targets = title.metadata.verify().unwrap().targets.signed;
    targets.version = targets.version.saturating_add(1);
    targets.delegations.as_mut().unwrap().roles.pop();
    let files = title.keys.list().unwrap();
    let key = files.iter().find(|file| file.role == "targets").unwrap();
    let signed = vsekai_trust::publisher::sign(targets, [&open(key).unwrap()]).unwrap();
    let change = Change {
        targets: Some(serde_json::to_string(&signed).unwrap()),
        ..Change::default()
    };
    assert!(title.judge(&change).is_err());
}

#[test]
fn what_the_server_signs_names_everything_in_force() {
    let title = Title::begin();
    let verified = title.metadata.verify().unwrap();
    let end = title.now + SignedDuration::from_hours(1);
    let keys = [SigningKey::generate().unwrap()];
    assert!(sign_snapshot(&title.metadata, &verified, 0, end, &keys).is_err());
    let keys = [title.online];
    let snapshot = sign_snapshot(&title.metadata, &verified, 4, end, &keys).unwrap();
    assert_eq!(snapshot.version, 5);
    let root = &verified.root.signed;
    let timestamp = sign_timestamp(&snapshot.text, 5, root, 9, end, &keys).unwrap();
    check_online(&title.metadata, &verified, &snapshot.text, &timestamp.text).unwrap();
    let other = sign_snapshot(&title.metadata, &verified, 5, end, &keys).unwrap();
    assert!(check_online(&title.metadata, &verified, &other.text, &timestamp.text).is_err());
}

/// OpenSSL is everywhere; where it is not, the files cannot be compared with anybody's.
fn openssl(arguments: &[&str], files: &[&Path]) -> Option<std::process::Output> {
    let mut command = std::process::Command::new("openssl");
    let output = command.args(arguments).args(files).output();
    match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("SKIPPED: openssl is missing: install the package openssl");
            assert!(std::env::var_os("CI").is_none(), "openssl is missing");
            None
        }
        output => Some(output.unwrap()),
    }
}

#[test]
fn openssl_reads_key_files_and_writes_ones_that_are_read_here() {
    let title = Title::begin();
    let key = SigningKey::generate().unwrap();
    let file = title
        .keys
        .add("extra", &key, Some(&Passphrase::new("correct horse")))
        .unwrap();
    let arguments = ["pkey", "-passin", "pass:correct horse", "-noout", "-text", "-in"];
    let Some(read) = openssl(&arguments, &[&file.path]) else {
        return;
    };
    let text = String::from_utf8(read.stdout).unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let digits: String = text
        .split("pub:")
        .nth(1)
        .unwrap()
        .chars()
        .filter(char::is_ascii_hexdigit)
        .collect();
    assert_eq!(digits, key.public().to_string());

    let other = title.keys.path().join("other.pem");
    let arguments = [
        "genpkey",
        "-algorithm",
        "ed25519",
        "-aes-256-cbc",
        "-pass",
        "pass:x y",
        "-out",
    ];
    assert!(openssl(&arguments, &[&other]).unwrap().status.success());
    assert!(read_key(&other, Some(&Passphrase::new("x y"))).is_ok());
    assert!(read_key(&other, Some(&Passphrase::new("x"))).is_err());
}
