// SPDX-License-Identifier: MIT
//! The keys of a title: the ceremony that begins it, and every later change of who may sign what.

use jiff::Timestamp;
use tough::schema::Role as _;
use vsekai_formats::release::{Pinned, Slug};
use vsekai_trust::client::{Anchor, TrustClient, TrustedState};
use vsekai_trust::online::Change;
use vsekai_trust::publisher::{
    Editor, KeyError, KeyFile, KeyFolder, KeyRole, Passphrase, PublicKey, RoleSummary, SigningKey, id_digits,
    id_start,
};

use crate::server::Api;
use crate::task::blocking;
use crate::view::{View, not_believed};
use crate::{PublishError, Server, Signing};

/// A new key, and where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What it signs.
    pub role: KeyRole,
    /// Its public half.
    pub public: PublicKey,
    /// Its file; none for a key of the server.
    pub file: Option<KeyFile>,
}

/// A title's keys, as players have to believe in them.
#[derive(Clone, Debug)]
pub struct TitleKeys {
    /// Version of the root.
    pub root_version: u64,
    /// The keys of every role.
    pub roles: Vec<RoleState>,
}

/// The keys of a role, and the version of what they signed.
#[derive(Clone, Debug)]
pub struct RoleState {
    /// The keys and the threshold.
    pub summary: RoleSummary,
    /// Version of the role's metadata; none for the server's.
    pub version: Option<u64>,
    /// When that ends.
    pub expires: Option<Timestamp>,
}

/// A change of a title's keys.
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// Put a new key in the place of one.
    Rotate {
        /// The role.
        role: KeyRole,
        /// The key to be replaced, by the start of its id; the only one if absent.
        old: Option<String>,
    },
    /// Ask for another number of signatures.
    Threshold {
        /// The role.
        role: KeyRole,
        /// How many keys have to sign.
        threshold: u64,
    },
    /// Add a key that somebody else made, or a new one.
    Add {
        /// The role.
        role: KeyRole,
        /// Its public half; a new key is made if absent.
        public: Option<PublicKey>,
    },
    /// Take a key away.
    Remove {
        /// The role.
        role: KeyRole,
        /// The key, by the start of its id.
        key: String,
    },
    /// Add a channel with a new key of its own.
    Delegate {
        /// The channel.
        channel: Slug,
    },
    /// Sign a role anew, so that it holds from now on.
    Renew {
        /// The role.
        role: KeyRole,
    },
}

/// Makes a new key and keeps it in the folder; returns it without its secret half.
///
/// # Errors
/// The file cannot be written.
pub fn generate_key(
    keys: &KeyFolder,
    role: &KeyRole,
    passphrase: Option<&Passphrase>,
) -> Result<NewKey, KeyError> {
    let key = SigningKey::generate()?;
    let file = keys.add(&role.to_string(), &key, passphrase)?;
    Ok(NewKey {
        role: role.clone(),
        public: key.public(),
        file: Some(file),
    })
}

/// Begins a title: makes its keys, signs its first metadata and sends it.
///
/// A ceremony that was interrupted goes on with the keys it made.
///
/// # Errors
/// [`PublishError`]; the title has begun completely or not at all.
pub async fn begin_title(
    server: &Server,
    signing: &Signing,
    title: &Slug,
    channels: &[Slug],
    passphrase: Option<&Passphrase>,
) -> Result<Vec<NewKey>, PublishError> {
    let api = server.api()?;
    if let Some(known) = first_root(&api, title).await? {
        let own = fs_err::read(signing.keys.root_file()).unwrap_or_default();
        return match own == known {
            true => Ok(Vec::new()),
            false => Err(PublishError::BegunAlready { title: title.clone() }),
        };
    }
    let online = api.online_keys(title, false).await?;
    let mut made = Vec::new();
    for role in [KeyRole::Root, KeyRole::Targets]
        .into_iter()
        .chain(channels.iter().cloned().map(KeyRole::Channel))
    {
        made.push(key_for(signing, &role, passphrase).await?);
    }
    let public = |role: &KeyRole| -> Vec<PublicKey> {
        let of_role = made.iter().filter(|key| key.role == *role);
        of_role.map(|key| key.public).collect()
    };
    let mut editor = Editor::begin(
        &public(&KeyRole::Root),
        &public(&KeyRole::Targets),
        &online,
        signing.validity,
        Timestamp::now(),
    );
    for channel in channels {
        editor.add_channel(channel, &public(&KeyRole::Channel(channel.clone())))?;
    }
    let change = signing.finish(editor).await?;
    keep_root(signing, &change)?;
    api.send_change(title, &change).await?;
    Ok(made)
}

/// Changes a title's keys; returns the keys that were made.
///
/// # Errors
/// [`PublishError`]; the title's keys are as they were then. Key files that were made stay.
pub async fn change_keys(
    server: &Server,
    signing: &Signing,
    title: &Slug,
    change: &KeyChange,
    passphrase: Option<&Passphrase>,
) -> Result<Vec<NewKey>, PublishError> {
    let api = server.api()?;
    let view = View::fetch(&api, title, &signing.keys).await?;
    let mut editor = signing.editor(view.verified.clone());
    let made = edit(&mut editor, &api, signing, title, change, passphrase).await?;
    let change = signing.finish(editor).await?;
    api.send_change(title, &change).await?;
    keep_root(signing, &change)?;
    Ok(made)
}

/// Returns a title's keys as the server has them, verified from the root in the folder on.
///
/// # Errors
/// [`PublishError`].
pub async fn title_keys(server: &Server, keys: &KeyFolder, title: &Slug) -> Result<TitleKeys, PublishError> {
    let view = View::fetch(&server.api()?, title, keys).await?;
    let verified = &view.verified;
    let editor = Editor::change(verified.clone(), Default::default(), Timestamp::now());
    let channels = verified.channels.keys().cloned().map(KeyRole::Channel);
    let mut roles = Vec::new();
    for role in [KeyRole::Root, KeyRole::Targets, KeyRole::Online]
        .into_iter()
        .chain(channels)
    {
        let (version, expires) = match &role {
            KeyRole::Root => (
                Some(verified.root.signed.version().get()),
                Some(verified.root.signed.expires()),
            ),
            KeyRole::Targets => (
                Some(verified.targets.signed.version().get()),
                Some(verified.targets.signed.expires()),
            ),
            KeyRole::Online => (None, None),
            KeyRole::Channel(channel) => {
                let role = verified.channels.get(channel);
                (
                    role.map(|role| role.signed.version().get()),
                    role.map(|role| role.signed.expires()),
                )
            }
        };
        roles.push(RoleState {
            summary: editor.keys(&role)?,
            version,
            expires,
        });
    }
    Ok(TitleKeys {
        root_version: verified.root.signed.version().get(),
        roles,
    })
}

/// Fetches the newest root that a server shows for `title` and keeps it in the folder; returns its SHA-256.
///
/// The first root is believed as it is, so compare the digest with that of the owner's `root.json`.
///
/// # Errors
/// [`PublishError`]; a folder that has a root already is left alone.
pub async fn adopt_root(server: &Server, keys: &KeyFolder, title: &Slug) -> Result<String, PublishError> {
    let api = server.api()?;
    let state = TrustedState::new(keys.trusted_folder());
    let client = TrustClient::new(api.0.clone(), title.clone(), state, Anchor::FirstUse, false);
    let mut found = client
        .refresh_to_renew(Timestamp::now())
        .await
        .map_err(not_believed)?;
    let root = String::from_utf8_lossy(&found.set().root().bytes).into_owned();
    found.commit().map_err(PublishError::Trust)?;
    keys.keep_root(&root)?;
    Ok(Pinned::of(root.as_bytes()).sha256.to_string())
}

async fn edit(
    editor: &mut Editor,
    api: &Api,
    signing: &Signing,
    title: &Slug,
    change: &KeyChange,
    passphrase: Option<&Passphrase>,
) -> Result<Vec<NewKey>, PublishError> {
    match change {
        KeyChange::Rotate { role, old } => {
            let (mut keys, threshold) = present(editor, role)?;
            let place = match (old, role) {
                // The server changes its key as a whole.
                (None, KeyRole::Online) => None,
                (old, _) => Some(position(&keys, role, old.as_deref())?),
            };
            let key = match role {
                KeyRole::Online => newest_online(api, title).await?,
                _ => generate_key(&signing.keys, role, passphrase)?,
            };
            match place.and_then(|place| keys.get_mut(place)) {
                Some(place) => *place = key.public,
                None => keys = vec![key.public],
            }
            editor.set_keys(role, &keys, threshold.min(keys.len() as u64))?;
            Ok(vec![key])
        }
        KeyChange::Threshold { role, threshold } => {
            let (keys, _) = present(editor, role)?;
            editor.set_keys(role, &keys, *threshold)?;
            Ok(Vec::new())
        }
        KeyChange::Add { role, public } => {
            let (mut keys, threshold) = present(editor, role)?;
            let key = match public {
                Some(public) => NewKey {
                    role: role.clone(),
                    public: *public,
                    file: None,
                },
                None => generate_key(&signing.keys, role, passphrase)?,
            };
            if !keys.contains(&key.public) {
                keys.push(key.public);
            }
            editor.set_keys(role, &keys, threshold)?;
            Ok(vec![key])
        }
        KeyChange::Remove { role, key } => {
            let (mut keys, threshold) = present(editor, role)?;
            let place = position(&keys, role, Some(key))?;
            keys.remove(place);
            editor.set_keys(role, &keys, threshold)?;
            Ok(Vec::new())
        }
        KeyChange::Delegate { channel } => {
            let role = KeyRole::Channel(channel.clone());
            let key = key_for(signing, &role, passphrase).await?;
            editor.add_channel(channel, &[key.public])?;
            Ok(vec![key])
        }
        KeyChange::Renew { role } => {
            editor.renew(role)?;
            Ok(Vec::new())
        }
    }
}

/// Returns the keys of a role, all of which must be of the kind that is made here.
fn present(editor: &Editor, role: &KeyRole) -> Result<(Vec<PublicKey>, u64), PublishError> {
    let summary = editor.keys(role)?;
    let keys: Option<Vec<PublicKey>> = summary.keys.iter().map(|(_, key)| *key).collect();
    let keys = keys
        .ok_or_else(|| KeyError::Refused(format!("the role {role} has a key that is not an Ed25519 key")))?;
    Ok((keys, summary.threshold))
}

fn position(keys: &[PublicKey], role: &KeyRole, start: Option<&str>) -> Result<usize, PublishError> {
    let refuse = |reason: String| PublishError::Key(KeyError::Refused(reason));
    let Some(start) = start else {
        return match keys.len() {
            1 => Ok(0),
            count => Err(refuse(format!(
                "the role {role} has {count} keys; say which one with --key ID"
            ))),
        };
    };
    let start_of_id = start.to_ascii_lowercase();
    let names = |key: &PublicKey| start.len() >= 8 && id_digits(&key.id()).starts_with(&start_of_id);
    let found = keys.iter().position(names);
    found.ok_or_else(|| {
        refuse(format!(
            "the role {role} has no key {start:?}; \"keys show\" lists them"
        ))
    })
}

async fn newest_online(api: &Api, title: &Slug) -> Result<NewKey, PublishError> {
    let before = api.online_keys(title, false).await?;
    let after = api.online_keys(title, true).await?;
    let new = after.into_iter().find(|key| !before.contains(key));
    let public = new.ok_or_else(|| PublishError::BadAnswer {
        action: "ask the server for a new key",
        reason: "it named no new one".to_owned(),
    })?;
    Ok(NewKey {
        role: KeyRole::Online,
        public,
        file: None,
    })
}

/// Returns the key of a role that is in the folder already, or a new one: a ceremony that was interrupted
/// leaves keys behind that nothing has signed yet.
async fn key_for(
    signing: &Signing,
    role: &KeyRole,
    passphrase: Option<&Passphrase>,
) -> Result<NewKey, PublishError> {
    let name = role.to_string();
    let there = signing.keys.list()?.into_iter().find(|file| file.role == name);
    let Some(file) = there else {
        return Ok(generate_key(&signing.keys, role, passphrase)?);
    };
    let signing = signing.clone();
    let opened = blocking(move || Ok((signing.open(&file)?.public(), file)));
    let (public, file) = opened.await?;
    debug_assert_eq!(id_start(&public.id()), file.id_start);
    Ok(NewKey {
        role: role.clone(),
        public,
        file: Some(file),
    })
}

async fn first_root(api: &Api, title: &Slug) -> Result<Option<Vec<u8>>, PublishError> {
    let path = format!(
        "{}/{}",
        vsekai_trust::names::repository(title),
        vsekai_trust::names::root(1)
    );
    match api.0.get_fresh(&path, MAX_ROOT_BYTES).await {
        Ok(bytes) => Ok(Some(bytes.to_vec())),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(crate::server::store_failure("look for a root", error)),
    }
}

fn keep_root(signing: &Signing, change: &Change) -> Result<(), PublishError> {
    match &change.root {
        Some(root) => Ok(signing.keys.keep_root(root)?),
        None => Ok(()),
    }
}

/// Largest root read, in bytes.
pub(crate) const MAX_ROOT_BYTES: usize = 1 << 20;
