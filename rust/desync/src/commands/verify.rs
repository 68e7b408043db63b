// SPDX-License-Identifier: MIT
//! `verify` and `verify-index`: checking stores and files.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::task::spawn_blocking;
use vsekai_formats::{ChunkId, DigestAlgorithm, IndexChunk, ReadAt as _};
use vsekai_store::{ChunkStore as _, PruneStore as _, StoreError};

use crate::args::{VerifyArgs, VerifyIndexArgs};
use crate::commands::copy::check_length;
use crate::env::Env;
use crate::error::DesyncError;
use crate::files::FileAt;
use crate::session::Session;

/// Reads and checks every chunk of a local store, and deletes damaged ones if asked to.
///
/// Damaged chunks that are left in place are a failure; desync reports success then.
pub(crate) async fn verify(args: VerifyArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let store = session.local_opener().open_local(&args.store)?;
    let cancel = env.cancel.clone();
    let ids = store.ids().await?;
    let mut checks = stream::iter(ids)
        .map(|id| {
            let (store, cancel) = (store.clone(), cancel.clone());
            async move {
                cancel.check()?;
                match store.get(id).await {
                    Ok(_) => Ok(None),
                    // Removed meanwhile by somebody else.
                    Err(error) if error.is_missing() => Ok(None),
                    Err(error @ StoreError::Invalid { .. }) => Ok(Some((id, error))),
                    Err(error) => Err(DesyncError::from(error)),
                }
            }
        })
        .buffer_unordered(usize::from(args.concurrency));
    let mut damaged = 0u64;
    while let Some(check) = checks.try_next().await? {
        let Some((id, error)) = check else { continue };
        env.warn(&error.to_string());
        match args.repair {
            true => drop(store.remove(id).await?),
            false => damaged += 1,
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
    stream::iter(index.chunks.iter().map(Ok))
        .try_for_each_concurrent(usize::from(args.options.concurrency), |chunk| {
            let (chunk, file, cancel) = (*chunk, Arc::clone(&file), cancel.clone());
            async move {
                cancel.check()?;
                spawn_blocking(move || check_chunk(&chunk, &file, digest)).await?
            }
        })
        .await
}

fn check_chunk(chunk: &IndexChunk, file: &FileAt, digest: DigestAlgorithm) -> Result<(), DesyncError> {
    let mut plain = vec![0; chunk.size as usize];
    file.read_at(chunk.start, &mut plain)
        .map_err(DesyncError::file("read the file"))?;
    let found = ChunkId::of(digest, &plain);
    match found == chunk.id {
        true => Ok(()),
        false => Err(DesyncError::Damaged(format!(
            "the file does not match its index: chunk {} at byte {} has the id {found}",
            chunk.id, chunk.start
        ))),
    }
}
