// SPDX-License-Identifier: MIT
//! `make` and `chunk`: cutting files.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;
use serde::Serialize;
use tokio::task::spawn_blocking;
use vsekai_formats::catar::record;
use vsekai_formats::chunker::cut_all;
use vsekai_formats::{ChunkId, Chunker, DigestAlgorithm, Index, ReadAt as _, flags};

use crate::args::{ChunkArgs, MakeArgs};
use crate::env::{Env, to_json};
use crate::error::DesyncError;
use crate::files::FileAt;
use crate::session::{Session, chunker, new_index};
use crate::transfer::{CutSender, cut_apart, store_cuts};

/// Writes the index of a file, and its chunks if a store is given.
pub(crate) async fn make(args: MakeArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let chunker = chunker(&args.cut)?;
    let threads = usize::from(args.options.concurrency);
    let entry_flags = catar_flags(&args.file)?;
    let mut index = new_index(&args.cut, session.digest, entry_flags);
    match &args.store {
        None => index = index_file(args.file.clone(), index, chunker, threads).await?,
        Some(store) => {
            let store = session.opener_for(&index, &args.options).open_writable(store)?;
            let (sender, cuts) = CutSender::new(env.cancel.clone());
            let file = args.file.clone();
            let cutting = spawn_blocking(move || cut_file(&file, chunker, sender));
            let stored = store_cuts(cuts, &mut index, store, threads).await;
            // A failing store ends the cutting too, but is the cause and so reported first.
            stored?;
            cutting.await??;
        }
    }
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
pub(crate) async fn index_file(
    path: PathBuf,
    mut index: Index,
    chunker: Arc<dyn Chunker>,
    threads: usize,
) -> Result<Index, DesyncError> {
    let cut = spawn_blocking(move || {
        let file = FileAt::open(&path).map_err(DesyncError::file("open the file"))?;
        let digest: DigestAlgorithm = index.digest;
        let cuts = cut_all(&file, 0..file.len(), &*chunker, threads, |plain| {
            ChunkId::of(digest, plain)
        });
        for cut in cuts.map_err(DesyncError::file("read the file"))? {
            index.push(cut.value, cut.len);
        }
        Ok(index)
    });
    cut.await?
}

fn cut_file(path: &Path, chunker: Arc<dyn Chunker>, cuts: CutSender) -> Result<(), DesyncError> {
    let file = fs::File::open(path).map_err(DesyncError::file("open the file"))?;
    cut_apart(chunker, cuts, |blocks| {
        blocks.read_from(file).map_err(DesyncError::file("read the file"))
    })
}

/// Returns the feature flags of the catar entry a file begins with, without the digest's, or none.
///
/// desync puts them into the index, so that an index made of a `.catar` equals one made by `tar -i`.
fn catar_flags(path: &Path) -> Result<u64, DesyncError> {
    let failed = DesyncError::file("open the file");
    let mut head = Vec::new();
    let file = fs::File::open(path).map_err(&failed)?;
    file.take(record::ENTRY_LEN)
        .read_to_end(&mut head)
        .map_err(&failed)?;
    let field = |at: usize| Some(u64::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let is_entry = head.len() as u64 == record::ENTRY_LEN
        && field(0) == Some(record::ENTRY_LEN)
        && field(8) == Some(record::ENTRY);
    let found = field(16).filter(|_| is_entry).unwrap_or_default() & !flags::SHA512_256;
    Ok(if flags::fault(found).is_none() { found } else { 0 })
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
