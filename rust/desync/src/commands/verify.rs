// SPDX-License-Identifier: MIT
//! `verify` and `verify-index`: checking stores and files.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::spawn_blocking;
use vsekai_formats::ReadAt as _;
use vsekai_store::{ChunkStore as _, PruneStore as _, StoreError};

use crate::args::{VerifyArgs, VerifyIndexArgs};
use crate::commands::copy::{check_length, matching_chunks};
use crate::env::Env;
use crate::error::DesyncError;
use crate::files::FileAt;
use crate::progress::Progress;
use crate::session::Session;
use crate::transfer::{GROUP, Pace, groups};

/// Reads and checks every chunk of a local store, and deletes damaged ones if asked to.
///
/// Damaged chunks that are left in place are a failure; desync reports success then.
pub(crate) async fn verify(args: VerifyArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let store = session.local_opener().open_local(&args.store)?;
    let cancel = env.cancel.clone();
    let ids = store.ids().await?;
    let mut checks = stream::iter(ids.chunks(GROUP))
        .map(|ids| {
            let (store, cancel) = (&store, &cancel);
            async move {
                cancel.check()?;
                let found = store.get_each(ids).await;
                let damaged = ids.iter().zip(found).filter_map(|(id, found)| match found {
                    Ok(_) => None,
                    // Removed meanwhile by somebody else.
                    Err(error) if error.is_missing() => None,
                    Err(error @ StoreError::Invalid { .. }) => Some(Ok((*id, error))),
                    Err(error) => Some(Err(DesyncError::from(error))),
                });
                damaged.collect::<Result<Vec<_>, _>>()
            }
        })
        .buffer_unordered(groups(usize::from(args.concurrency)));
    let mut damaged = 0u64;
    while let Some(found) = checks.try_next().await? {
        for (id, error) in found {
            env.warn(&error.to_string());
            match args.repair {
                true => store.remove(id).await?,
                false => damaged += 1,
            }
        }
    }
    match damaged {
        0 => Ok(()),
        _ => Err(DesyncError::Damaged(format!(
            "{damaged} chunks of {} are damaged; -r deletes them",
            args.store
        ))),
    }
}

/// Checks a file against its index: its length, then every chunk.
pub(crate) async fn verify_index(
    args: VerifyIndexArgs,
    session: &Session,
    env: &mut Env,
) -> Result<(), DesyncError> {
    let index = session.read_index(&args.index, &args.options, env).await?;
    let file = FileAt::open(&args.file).map_err(DesyncError::file("open the file"))?;
    check_length(&index, file.len(), &args.file.display().to_string())?;
    let (file, cancel, digest) = (Arc::new(file), env.cancel.clone(), index.digest);
    let pace = Pace::of(args.options.concurrency, &index);
    let progress = Progress::of(index.chunks.len() as u64);
    let checking = stream::iter(index.chunks.chunks(pace.group).map(Ok)).try_for_each_concurrent(
        pace.groups,
        |places| {
            let (places, file, cancel) = (places.to_vec(), Arc::clone(&file), cancel.clone());
            let progress = &progress;
            async move {
                cancel.check()?;
                let count = places.len() as u64;
                let checked = spawn_blocking(move || matching_chunks(&file, &places, digest).map(drop));
                checked.await??;
                progress.add(count);
                Ok::<_, DesyncError>(())
            }
        },
    );
    env.showing("", &progress, checking).await
}
