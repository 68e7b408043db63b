// SPDX-License-Identifier: MIT
//! `verify` and `verify-index`: checking stores and files.

use std::pin::pin;
use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use tokio::task::spawn_blocking;
use vsekai_formats::{ChunkId, ReadAt as _};
use vsekai_store::{ChunkStore as _, LocalStore, MAX_CHUNK_LIMIT, PruneStore as _, StoreError, StoreOpener};

use crate::args::{VerifyArgs, VerifyIndexArgs};
use crate::commands::copy::{check_length, matching_chunks};
use crate::env::{Cancel, Env};
use crate::error::DesyncError;
use crate::files::FileAt;
use crate::progress::Progress;
use crate::session::Session;
use crate::transfer::Pace;

/// Reads and checks every chunk of a local store, and deletes damaged ones if asked to.
///
/// Damaged chunks that are left in place are a failure; desync reports success then.
pub(crate) async fn verify(args: VerifyArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let opener = session.local_opener();
    let store = opener.open_local(&args.store)?;
    let usual = StoreOpener {
        format: opener.format.with_max_chunk(USUAL_CHUNK),
        ..opener
    };
    let usual = usual.open_local(&args.store)?;
    let cancel = env.cancel.clone();
    let ids = store.ids().await?;
    // No index says how large the chunks are, and a few bytes may unpack to 128 MiB. What does not pass as a chunk of
    // usual size is looked at again, few at a time.
    let pace = Pace::of_chunks(args.concurrency, USUAL_CHUNK);
    let suspects: Vec<ChunkId> = wrong_chunks(&usual, &ids, (pace.group, pace.groups), &cancel)
        .map_ok(|wrong| wrong.into_iter().map(|(id, _)| id).collect::<Vec<_>>())
        .try_concat()
        .await?;
    let pace = Pace::of_chunks(args.concurrency, MAX_CHUNK_LIMIT);
    let mut checks = pin!(wrong_chunks(&store, &suspects, (1, pace.chunks), &cancel));
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

/// Reads and checks chunks, so many in a group and so many groups at a time, and returns of each group those that are not
/// what they should be.
fn wrong_chunks<'a>(
    store: &'a LocalStore,
    ids: &'a [ChunkId],
    (group, groups): (usize, usize),
    cancel: &'a Cancel,
) -> impl Stream<Item = Result<Vec<(ChunkId, StoreError)>, DesyncError>> + 'a {
    stream::iter(ids.chunks(group))
        .map(move |ids| async move {
            cancel.check()?;
            let found = store.get_each(ids).await;
            let wrong = ids.iter().zip(found).filter_map(|(id, found)| match found {
                Ok(_) => None,
                // Removed meanwhile by somebody else.
                Err(error) if error.is_missing() => None,
                Err(error @ StoreError::Invalid { .. }) => Some(Ok((*id, error))),
                Err(error) => Some(Err(DesyncError::from(error))),
            });
            wrong.collect::<Result<Vec<_>, _>>()
        })
        .buffer_unordered(groups)
}

/// Largest chunk, in bytes, of which as many are verified at a time as are wanted; others go more slowly. By default
/// chunks have an eighth of it at most.
const USUAL_CHUNK: usize = 2 << 20;

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
