// SPDX-License-Identifier: MIT
//! Chunks in motion: hashed and stored as they are cut, fetched ahead of where they are needed.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _};
use tokio::sync::mpsc;
use vsekai_formats::chunker::{Block, BlockCutter, BlockWriter};
use vsekai_formats::{ChunkId, Chunker, DigestAlgorithm, Index};
use vsekai_store::{KnownIds, WriteStore};

use crate::env::Cancel;
use crate::error::DesyncError;
use crate::progress::Progress;
use crate::recent::Recent;

/// Ids that need not be looked at again; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenIds(Arc<Mutex<HashSet<ChunkId>>>);

impl SeenIds {
    /// Starts with ids that count as seen.
    pub(crate) fn starting_with(ids: HashSet<ChunkId>) -> Self {
        Self(Arc::new(Mutex::new(ids)))
    }

    /// Notes an id and tells whether it is new.
    pub(crate) fn insert(&self, id: ChunkId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
    }
}

/// Hashes and stores the chunks that `cuts` brings, appends them to `index` in order, and counts their bytes.
///
/// A chunk the store has is not sent again. When this returns without an error, all chunks are durable.
pub(crate) async fn store_cuts(
    cuts: mpsc::Receiver<Vec<Bytes>>,
    index: &mut Index,
    store: Arc<dyn WriteStore>,
    concurrency: usize,
    progress: &Progress,
) -> Result<(), DesyncError> {
    let digest = index.digest;
    let seen = SeenIds::default();
    let is_known: KnownIds = Arc::new(move |id| !seen.insert(id));
    let mut stored = receive(cuts)
        .map(|plains| store_cuts_of(plains, digest, Arc::clone(&store), Arc::clone(&is_known)))
        .buffered(groups(concurrency));
    while let Some(chunks) = stored.next().await {
        for (id, size) in chunks? {
            index.push(id, size);
            progress.add(u64::from(size));
        }
    }
    drop(stored);
    Ok(store.sync().await?)
}

async fn store_cuts_of(
    plains: Vec<Bytes>,
    digest: DigestAlgorithm,
    store: Arc<dyn WriteStore>,
    is_known: KnownIds,
) -> Result<Vec<(ChunkId, u32)>, DesyncError> {
    let size = |plain: &Bytes| u32::try_from(plain.len()).unwrap_or(u32::MAX);
    let sizes: Vec<u32> = plains.iter().map(size).collect();
    let ids = store.put_plains(digest, plains, is_known).await?;
    Ok(ids.into_iter().zip(sizes).collect())
}

/// Chunks that are hashed together: so many that the lanes of a processor's vectors, which take a chunk each, come to
/// their ends at about the same time. With eight they are idle for a fifth of it.
const GROUP: usize = 12;

/// Returns how many groups of chunks to work on at a time where `concurrency` chunks are wanted: enough for all
/// processors, and for some to wait for the disk meanwhile.
fn groups(concurrency: usize) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    concurrency.min(processors + WAITING)
}

/// How many chunks to have in memory at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Chunks that are worked on one by one.
    pub(crate) chunks: usize,
    /// Chunks that are hashed together.
    pub(crate) group: usize,
    /// Groups that are worked on.
    pub(crate) groups: usize,
}

impl Pace {
    /// As many as are wanted, but fewer where chunks are large: an index may ask for 128 MiB each, and a store have them
    /// in a few bytes.
    pub(crate) fn of(concurrency: u16, index: &Index) -> Self {
        Self::of_chunks(concurrency, largest_chunk(index))
    }

    /// The same for chunks of at most `largest` bytes each.
    pub(crate) fn of_chunks(concurrency: u16, largest: usize) -> Self {
        let fit = (IN_MEMORY / largest.max(1)).max(1);
        let group = GROUP.min(fit);
        let concurrency = usize::from(concurrency);
        Self {
            chunks: concurrency.min(fit),
            group,
            groups: groups(concurrency).min(fit / group),
        }
    }
}

/// Returns the length of an index's largest chunk in bytes; while there is none, of the largest that there may be.
pub(crate) fn largest_chunk(index: &Index) -> usize {
    let sizes = index.chunks.iter().map(|chunk| u64::from(chunk.size));
    usize::try_from(sizes.max().unwrap_or(index.chunk_max)).unwrap_or(usize::MAX)
}

/// Bytes of chunks on their way. Chunks of 256 KiB come to a few MiB.
const IN_MEMORY: usize = 256 << 20;

/// Groups that may wait for the disk: making a file or folder does, while what was written is synced.
const WAITING: usize = 4;

/// Collects chunks as they are cut, and sends them on in groups.
#[derive(Debug)]
pub(crate) struct CutSender {
    sender: mpsc::Sender<Vec<Bytes>>,
    group: Vec<Bytes>,
    cancel: Cancel,
}

impl CutSender {
    /// Returns the two ends.
    pub(crate) fn new(cancel: Cancel) -> (Self, mpsc::Receiver<Vec<Bytes>>) {
        let (sender, receiver) = mpsc::channel(1);
        let sender = Self {
            sender,
            group: Vec::with_capacity(GROUP),
            cancel,
        };
        (sender, receiver)
    }

    /// Takes a chunk; may wait.
    ///
    /// # Errors
    /// The command is to stop, or nobody stores the chunks any more; whoever should have says why.
    pub(crate) fn send(&mut self, chunk: Bytes) -> io::Result<()> {
        self.cancel.check_io()?;
        self.group.push(chunk);
        match self.group.len() < GROUP {
            true => Ok(()),
            false => self.flush(),
        }
    }

    /// Sends what there is; may wait.
    ///
    /// # Errors
    /// Nobody stores the chunks any more.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let group = std::mem::replace(&mut self.group, Vec::with_capacity(GROUP));
        let sent = self.sender.blocking_send(group);
        sent.map_err(|_| io::Error::other("the chunks cannot be stored"))
    }
}

/// Takes an input that another thread cuts.
pub(crate) type BlockSender = BlockWriter<Box<dyn FnMut(Block) -> io::Result<()>>>;

/// Lets `fill` write an input, and cuts it in a thread of its own meanwhile: reading files and finding cuts take about
/// as long as each other. The chunks go to `cuts`.
pub(crate) fn cut_apart<T>(
    chunker: Arc<dyn Chunker>,
    cuts: CutSender,
    fill: impl FnOnce(&mut BlockSender) -> Result<T, DesyncError>,
) -> Result<T, DesyncError> {
    let failed = DesyncError::file("cut the input");
    let sizes = chunker.sizes();
    let (sender, blocks) = sync_channel(BLOCKS_AHEAD);
    let gone = |_| io::Error::other("nobody cuts the input");
    thread::scope(|scope| {
        let cutting = thread::Builder::new().spawn_scoped(scope, move || cut_blocks(chunker, cuts, &blocks));
        let cutting = cutting.map_err(&failed)?;
        let end = sender.clone();
        let mut writer = BlockSender::new(
            sizes,
            Box::new(move |block| sender.send(Some(block)).map_err(gone)),
        );
        let filled = fill(&mut writer).and_then(|filled| {
            let finished = writer.finish().and_then(|()| end.send(None).map_err(gone));
            finished.map(|()| filled).map_err(&failed)
        });
        // Without the end that is sent last, the cutter knows that there is none.
        drop(end);
        let cut = cutting.join();
        let cut = cut.unwrap_or_else(|_| Err(io::Error::other("the thread was cut off")));
        // A failing cutter ends the filling too, but is the cause and so reported first.
        cut.map_err(&failed)?;
        filled
    })
}

/// Cuts the blocks that come until `None` ends the input. If it ends otherwise, whoever sends it says why.
fn cut_blocks(
    chunker: Arc<dyn Chunker>,
    mut cuts: CutSender,
    blocks: &Receiver<Option<Block>>,
) -> io::Result<()> {
    let mut cutter = BlockCutter::new(chunker, |chunk| cuts.send(chunk));
    loop {
        match blocks.recv() {
            Ok(Some(block)) => cutter.cut(block)?,
            Ok(None) => break,
            Err(_) => return Ok(()),
        }
    }
    cutter.finish()?;
    cuts.flush()
}

/// Full blocks that may wait for the cutter.
const BLOCKS_AHEAD: usize = 1;

/// Fetches the chunks at these positions of an index, in order, several at a time.
pub(crate) fn fetch_in_order<'a>(
    index: &'a Index,
    positions: std::ops::Range<usize>,
    source: &'a Recent,
    concurrency: usize,
    cancel: &'a Cancel,
) -> impl Stream<Item = Result<(u64, Bytes), DesyncError>> + 'a {
    let chunks = index.chunks.get(positions).unwrap_or_default();
    stream::iter(chunks)
        .map(move |chunk| async move {
            cancel.check()?;
            let found = source.get(chunk.id).await?;
            check_size(chunk.id, found.plain(), chunk.size)?;
            Ok((chunk.start, found.plain().clone()))
        })
        .buffered(concurrency)
}

/// Checks that a chunk is as long as the index says; its id has been checked already.
pub(crate) fn check_size(id: ChunkId, plain: &[u8], size: u32) -> Result<(), DesyncError> {
    match plain.len() as u64 == u64::from(size) {
        true => Ok(()),
        false => Err(DesyncError::Damaged(format!(
            "the index says that chunk {id} has {size} bytes, but it has {}",
            plain.len()
        ))),
    }
}

fn receive(mut cuts: mpsc::Receiver<Vec<Bytes>>) -> impl Stream<Item = Vec<Bytes>> + Unpin {
    stream::poll_fn(move |context| cuts.poll_recv(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(largest: u32) -> Index {
        let digest = DigestAlgorithm::Sha256;
        let mut index = Index::new(0, digest, (1, 1, u64::from(largest)));
        index.push(ChunkId::of(digest, b"small"), 1);
        index.push(ChunkId::of(digest, b"large"), largest);
        index
    }

    #[test]
    fn what_an_index_allows_does_not_count_beside_what_is_in_it() {
        let mut hostile = Index::new(0, DigestAlgorithm::Sha256, (1, 1, 128 << 20));
        assert_eq!(largest_chunk(&hostile), 128 << 20);
        for size in [1, 5, 3] {
            hostile.push(ChunkId::of(DigestAlgorithm::Sha256, &[size]), size.into());
        }
        assert_eq!(largest_chunk(&hostile), 5);
    }

    #[test]
    fn large_chunks_are_worked_on_few_at_a_time() {
        let usual = Pace::of(10, &index(256 << 10));
        assert_eq!((usual.chunks, usual.group, usual.groups), (10, GROUP, groups(10)));
        for largest in [1, 5 << 20, 16 << 20, 100 << 20, 128 << 20] {
            let pace = Pace::of(512, &index(largest));
            let most = IN_MEMORY / largest as usize;
            assert!((1..=most).contains(&pace.chunks), "{largest}: {pace:?}");
            assert!(
                (1..=most).contains(&(pace.group * pace.groups)),
                "{largest}: {pace:?}"
            );
        }
        let none = Pace::of(1, &Index::new(0, DigestAlgorithm::Sha256, (1, 1, 1)));
        assert_eq!((none.chunks, none.group, none.groups), (1, GROUP, 1));
    }
}
