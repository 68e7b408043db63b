// SPDX-License-Identifier: MIT
//! Titles for development, whose keys all lie in the data folder.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use vsekai_formats::release::Slug;
use vsekai_trust::online::Change;
use vsekai_trust::publisher::{Editor, KeyError, KeyFolder, PublicKey, SigningKey, Validity};

use crate::server::StartError;
use crate::service::{Access, Service, ServiceError};
use crate::storage::dev_keys_folder;

/// Begins `title` with keys of its own in the data folder, unless it has begun.
///
/// Nobody should trust such a title: whoever has the server has its keys.
pub(crate) async fn begin(service: &Arc<Service>, data: &Path, title: &Slug) -> Result<(), StartError> {
    let there = service.metadata(title.clone(), "root".to_owned(), None).await;
    match there {
        Err(ServiceError::NotFound(_)) => {}
        other => return Ok(other.map(drop)?),
    }
    let access = Access::server();
    let online = service.online_keys(&access, title.clone(), false).await?;
    let keys = KeyFolder::new(dev_keys_folder(data, title));
    let ceremony = move || ceremony(&keys, &online);
    let change = tokio::task::spawn_blocking(ceremony).await;
    let change = change.map_err(|error| StartError::Task(error.to_string()))??;
    Ok(service.change_metadata(access, title.clone(), change).await?)
}

fn ceremony(keys: &KeyFolder, online: &[PublicKey]) -> Result<Change, KeyError> {
    let make = |role: &str| {
        let key = SigningKey::generate()?;
        keys.add(role, &key, None)?;
        Ok::<PublicKey, KeyError>(key.public())
    };
    let (root, targets) = ([make("root")?], [make("targets")?]);
    let mut editor = Editor::begin(&root, &targets, online, Validity::default(), Timestamp::now());
    for name in CHANNELS {
        let channel: Slug = name
            .parse()
            .map_err(|error| KeyError::Refused(format!("{error}")))?;
        editor.add_channel(&channel, &[make(name)?])?;
    }
    let change = editor.finish(keys, &mut |file| file.open(None))?;
    if let Some(root) = &change.root {
        keys.keep_root(root)?;
    }
    Ok(change)
}

/// Channels that a title for development has.
pub const CHANNELS: [&str; 3] = ["stable", "beta", "nightly"];
