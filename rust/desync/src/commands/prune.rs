// SPDX-License-Identifier: MIT
//! `prune`: deleting the chunks of a store that no index needs.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use fs_err as fs;
use futures::{TryStreamExt as _, stream};
use tokio::task::spawn_blocking;
use vsekai_store::local::StoreEntry;
use vsekai_store::{Location, StoreLocation};

use crate::args::PruneArgs;
use crate::env::Env;
use crate::error::DesyncError;
use crate::session::Session;

/// Deletes every chunk of the store's format that none of the indexes names, and what killed writers left.
///
/// All indexes are read before anything is deleted. Nothing else may write to the store meanwhile.
pub(crate) async fn prune(args: PruneArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let mut kept = HashSet::new();
    for location in &args.indexes {
        let index = session.read_index(location, &args.options, env).await?;
        kept.extend(index.chunks.iter().map(|chunk| chunk.id));
    }
    let opener = session.opener(&args.options);
    let store = opener.open_prunable(&args.store)?;
    if !args.yes && !confirmed(kept.len(), &args.store, env).await? {
        return Err(DesyncError::Usage("nothing was deleted".to_owned()));
    }
    let unneeded = store.ids().await?.into_iter().filter(|id| !kept.contains(id));
    let cancel = env.cancel.clone();
    stream::iter(unneeded.map(Ok))
        .try_for_each_concurrent(usize::from(args.options.concurrency), |id| {
            let (store, cancel) = (&store, &cancel);
            async move {
                cancel.check()?;
                store.remove(id).await?;
                Ok::<_, DesyncError>(())
            }
        })
        .await?;
    let is_folder = matches!(
        StoreLocation::parse(&args.store)?.members(),
        [Location::Folder(_)]
    );
    match is_folder {
        false => Ok(()),
        true => {
            let store = opener.open_local(&args.store)?;
            spawn_blocking(move || remove_temporary(store.entries())).await?
        }
    }
}

fn remove_temporary(
    entries: impl Iterator<Item = Result<StoreEntry, vsekai_store::StoreError>>,
) -> Result<(), DesyncError> {
    for entry in entries {
        let StoreEntry::Temporary(path) = entry? else {
            continue;
        };
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(DesyncError::file("remove a temporary file")(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Asks on the error stream; no answer at all is an error, anything but yes is a no.
async fn confirmed(kept: usize, store: &str, env: &mut Env) -> Result<bool, DesyncError> {
    let question = format!(
        "Warning: The provided index files reference {kept} unique chunks. Are you sure\n\
        you want to delete all other chunks from '{store}'?\n[y/N]: "
    );
    let failed = DesyncError::file("ask");
    env.err.write_all(question.as_bytes()).map_err(&failed)?;
    env.err.flush().map_err(&failed)?;
    let input = env.take_input();
    let answer = spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(input.take(1024))
            .read_line(&mut line)
            .map(|_| line)
    });
    let answer = answer.await?.map_err(&failed)?;
    match answer.trim() {
        "" if answer.is_empty() => Err(DesyncError::Usage(
            "there was no answer; -y does not ask".to_owned(),
        )),
        "y" | "Y" | "yes" | "Yes" => Ok(true),
        _ => Ok(false),
    }
}
