// SPDX-License-Identifier: MIT
//! `make` and `chunk`: cutting files.

use std::io::Seek as _;
use std::sync::Arc;

use serde::Serialize;
use tokio::task::spawn_blocking;
use vsekai_formats::catar::record;
use vsekai_formats::chunker::cut_all;
use vsekai_formats::{ChunkId, Chunker, DigestAlgorithm, Index, ReadAt as _, flags};

use crate::args::{ChunkArgs, MakeArgs};
use crate::env::{Env, to_json};
use crate::error::DesyncError;
use crate::files::{FileAt, named};
use crate::progress::Progress;
use crate::session::{Session, chunker, new_index};
use crate::transfer::{CutSender, cut_apart, store_cuts};

/// Writes the index of a file, and its chunks if a store is given.
pub(crate) async fn make(args: MakeArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let chunker = chunker(&args.cut)?;
    let threads = usize::from(args.options.concurrency);
    // Refuses a pipe: what a first look takes from it would be missing from the chunks.
    let file = FileAt::open(&args.file).map_err(DesyncError::file("open the file"))?;
    let progress = Progress::of(file.len());
    let mut index = new_index(&args.cut, session.digest, catar_flags(&file)?);
    let opener = session.opener_for(&index, &args.options);
    let store = args.store.as_deref();
    let store = store.map(|store| opener.open_writable(store)).transpose()?;
    let cancel = env.cancel.clone();
    let chunking = Box::pin(async {
        let Some(store) = store else {
            return index_file(file, index, chunker, threads, progress.clone()).await;
        };
        let (sender, cuts) = CutSender::new(cancel);
        let cutting = spawn_blocking(move || cut_file(&file, chunker, sender));
        // A failing store ends the cutting too, but is the cause and so reported first.
        store_cuts(cuts, &mut index, store, threads, &progress).await?;
        cutting.await??;
        Ok(index)
    });
    let index = env.showing("Chunking ", &progress, chunking).await?;
    session
        .write_index(&args.index, &index, &args.options, env)
        .await?;
    if args.print_stats {
        let accepted = index.chunks.len();
        env.warn(
            to_json(&MakeStats {
                accepted,
                produced: accepted,
            })?
            .trim_end(),
        );
    }
    Ok(())
}

/// Prints start, length and id of each chunk of a file.
pub(crate) async fn chunk(args: ChunkArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let chunker = chunker(&args.cut)?;
    let digest = session.digest;
    let lines = spawn_blocking(move || {
        let failed = DesyncError::file("read the file");
        let file = FileAt::open(&args.file).map_err(&failed)?;
        let range = args.start..file.len().max(args.start);
        let cuts = cut_all(&file, range, &*chunker, threads(), |plain| {
            ChunkId::of(digest, plain)
        });
        let mut lines = String::new();
        for cut in cuts.map_err(&failed)? {
            lines.push_str(&format!("{}\t{}\t{}\n", cut.start, cut.len, cut.value));
        }
        Ok::<_, DesyncError>(lines)
    });
    let lines = lines.await??;
    env.print(&lines)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MakeStats {
    #[serde(rename = "ChunksAccepted")]
    accepted: usize,
    #[serde(rename = "ChunksProduced")]
    produced: usize,
}

/// Cuts and hashes a file with several threads.
async fn index_file(
    file: FileAt,
    mut index: Index,
    chunker: Arc<dyn Chunker>,
    threads: usize,
    progress: Progress,
) -> Result<Index, DesyncError> {
    let cut = spawn_blocking(move || {
        let digest: DigestAlgorithm = index.digest;
        let cuts = cut_all(&file, 0..file.len(), &*chunker, threads, |plain| {
            // The few that turn out to be no chunks count, too: at the end it is all or nothing.
            progress.add(plain.len() as u64);
            ChunkId::of(digest, plain)
        });
        for cut in cuts.map_err(DesyncError::file("read the file"))? {
            index.push(cut.value, cut.len);
        }
        Ok(index)
    });
    cut.await?
}

fn cut_file(file: &FileAt, chunker: Arc<dyn Chunker>, cuts: CutSender) -> Result<(), DesyncError> {
    cut_apart(chunker, cuts, |blocks| {
        // The system's own file, as in `bounded::append`; it does not name itself in errors.
        let mut input = file.file().file();
        // Asking a device for its length moves it, and on Windows so does a look at any place.
        let read = input.rewind().and_then(|()| blocks.read_from(input));
        read.map_err(|error| DesyncError::file("read the file")(named(file.file().path(), error)))
    })
}

/// Returns the feature flags of the catar entry a file begins with, without the digest's, or none.
///
/// desync puts them into the index, so that an index made of a `.catar` equals one made by `tar -i`.
fn catar_flags(file: &FileAt) -> Result<u64, DesyncError> {
    if file.len() < record::ENTRY_LEN {
        return Ok(0);
    }
    let mut head = [0; record::ENTRY_LEN as usize];
    file.read_at(0, &mut head)
        .map_err(DesyncError::file("read the file"))?;
    let field = |at: usize| Some(u64::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let is_entry = field(0) == Some(record::ENTRY_LEN) && field(8) == Some(record::ENTRY);
    let found = field(16).filter(|_| is_entry).unwrap_or_default() & !flags::SHA512_256;
    Ok(if flags::fault(found).is_none() { found } else { 0 })
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
