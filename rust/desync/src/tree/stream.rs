// SPDX-License-Identifier: MIT
//! The bytes an index describes, as a reader: chunks are fetched ahead, from folders on disk where they have
//! them and from the store otherwise.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vsekai_formats::catar::{Decoder, Node, NodeKind};
use vsekai_formats::{ChunkId, DigestAlgorithm, Index, IndexChunk};
use vsekai_store::{Chunk, ChunkStore};

use crate::env::Cancel;
use crate::error::DesyncError;
use crate::progress::Progress;
use crate::recent::Recent;
use crate::transfer::{Pace, check_size};
use crate::tree::image::TreeImage;
use crate::tree::unpack::Watch;

/// Where chunks came from.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct StreamStats {
    pub(crate) chunks_from_folders: u64,
    pub(crate) chunks_from_store: u64,
}

/// Reads what an index describes. Blocks; use it off the async threads.
#[derive(Debug)]
pub(crate) struct IndexStream {
    index: Arc<Index>,
    store: Arc<Recent>,
    handle: Handle,
    cancel: Cancel,
    pace: Pace,
    queue: VecDeque<(usize, Task)>,
    current: Option<(u64, Bytes)>,
    position: u64,
    guesses: Vec<Guess>,
    ahead: usize,
    /// How many chunks may be fetched from the store ahead of being needed.
    fetch_ahead: usize,
    counters: Arc<Counters>,
    progress: Option<Progress>,
}

/// A chunk on its way.
type Task = JoinHandle<Result<Found, DesyncError>>;

/// Where a chunk was found.
#[derive(Debug)]
enum Found {
    Folder(Bytes),
    Store(Bytes),
    /// Not in a folder, and it was too early to ask the store: the folders may yet turn out to be shifted.
    NotYet,
}

/// Counts where chunks come from.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    folders: AtomicU64,
    store: AtomicU64,
}

impl Counters {
    fn fetched(&self, wanted: &IndexChunk, found: &Chunk) -> Result<Found, DesyncError> {
        check_size(wanted.id, found.plain(), wanted.size)?;
        self.store.fetch_add(1, Ordering::Relaxed);
        Ok(Found::Store(found.plain().clone()))
    }

    pub(crate) fn stats(&self) -> StreamStats {
        StreamStats {
            chunks_from_folders: self.folders.load(Ordering::Relaxed),
            chunks_from_store: self.store.load(Ordering::Relaxed),
        }
    }
}

/// A folder, and how far its archive is shifted against the one being read.
#[derive(Clone, Debug)]
struct Guess {
    image: Arc<TreeImage>,
    /// Position in the image less position in the stream.
    shift: i64,
    /// Where the shift changes, and to what.
    next: Option<(u64, i64)>,
}

impl Guess {
    fn range(&self, chunk: &IndexChunk) -> Option<Range<u64>> {
        let shift = match self.next {
            Some((from, shift)) if chunk.start >= from => shift,
            _ => self.shift,
        };
        let start = chunk.start.checked_add_signed(shift)?;
        Some(start..start.checked_add(u64::from(chunk.size))?)
    }
}

impl IndexStream {
    /// Starts at the beginning; must be called on a runtime.
    pub(crate) fn new(index: Arc<Index>, store: Arc<dyn ChunkStore>, pace: Pace, cancel: Cancel) -> Self {
        Self {
            index,
            store: Arc::new(Recent::new(store)),
            handle: Handle::current(),
            cancel,
            pace,
            queue: VecDeque::new(),
            current: None,
            position: 0,
            guesses: Vec::new(),
            // Until the folders to look in are known, fetching ahead would fetch what they have.
            ahead: 1,
            fetch_ahead: 1,
            counters: Arc::default(),
            progress: None,
        }
    }

    /// Counts the bytes that are read from now on.
    pub(crate) fn count(&mut self, progress: Progress) {
        self.progress = Some(progress);
    }

    /// Looks for chunks in these folders from now on.
    pub(crate) fn look_in(&mut self, images: Vec<Arc<TreeImage>>) {
        let guesses = images.into_iter().map(|image| Guess {
            image,
            shift: 0,
            next: None,
        });
        self.guesses = guesses.collect();
        self.ahead = self.pace.chunks;
    }

    /// Notes where a node begins and ends in the stream, so that the folders are looked into at the same path.
    ///
    /// A file may have another length there than here, so the shift is another one behind it.
    fn at_node(&mut self, path: &[u8], start: u64, end: Option<u64>) {
        for guess in &mut self.guesses {
            let Some(place) = guess.image.place(path) else {
                continue;
            };
            guess.shift = place.start.wrapping_sub(start).cast_signed();
            guess.next = end.map(|end| (end, place.end.wrapping_sub(end).cast_signed()));
        }
    }

    /// Returns the figures, which go on counting.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Makes the chunk at the current position the current one; false at the end.
    fn load(&mut self) -> Result<bool, DesyncError> {
        let Some(wanted) = self.index.chunk_at(self.position) else {
            return Ok(false);
        };
        self.cancel.check()?;
        self.queue.retain(|(number, task)| {
            if *number < wanted {
                task.abort();
            }
            *number >= wanted
        });
        self.fill_queue(wanted);
        let mut found = self.next_task()?;
        if matches!(found, Found::NotYet) {
            self.clear_queue();
            self.fill_queue(wanted);
            found = self.next_task()?;
        }
        let plain = match found {
            Found::Folder(plain) => {
                self.fetch_ahead = 1;
                plain
            }
            Found::Store(plain) => {
                // The more chunks in a row are missing, the more are fetched before they are needed.
                self.fetch_ahead = (self.fetch_ahead * 2).min(self.pace.chunks);
                plain
            }
            Found::NotYet => return Err(DesyncError::Internal("a chunk was not fetched".to_owned())),
        };
        let start = self.index.chunks.get(wanted).map_or(0, |chunk| chunk.start);
        self.current = Some((start, plain));
        Ok(true)
    }

    fn next_task(&mut self) -> Result<Found, DesyncError> {
        match self.queue.pop_front() {
            Some((_, task)) => self.handle.block_on(task)?,
            None => Err(DesyncError::Internal("no chunk is on its way".to_owned())),
        }
    }

    /// Starts what is not on its way yet of the chunks from `wanted` on.
    fn fill_queue(&mut self, wanted: usize) {
        let next = self.queue.back().map_or(wanted, |(number, _)| number + 1);
        if self.ahead > 1 && self.guesses.is_empty() {
            return self.fetch_groups(next, wanted);
        }
        let end = wanted.saturating_add(self.ahead).min(self.index.chunks.len());
        for number in next..end {
            self.start(number, number - wanted < self.fetch_ahead);
        }
    }

    /// Starts fetching whole groups of chunks from `next` on.
    fn fetch_groups(&mut self, next: usize, wanted: usize) {
        let Pace { group, groups, .. } = self.pace;
        let total = self.index.chunks.len();
        let until = wanted.saturating_add(group * (groups + 1));
        let starts = (next..total).step_by(group);
        for start in starts.take_while(|start| start.saturating_add(group) <= until) {
            self.fetch_group(start..start.saturating_add(group).min(total));
        }
    }

    fn fetch_group(&mut self, numbers: Range<usize>) {
        let chunks = self
            .index
            .chunks
            .get(numbers.clone())
            .unwrap_or_default()
            .to_vec();
        let (senders, receivers): (Vec<_>, Vec<_>) = chunks.iter().map(|_| oneshot::channel()).unzip();
        for (number, receiver) in numbers.zip(receivers) {
            let cut_off = |_| DesyncError::Internal("a group of chunks was not fetched".to_owned());
            let task = async move { receiver.await.map_err(cut_off)? };
            self.queue.push_back((number, self.handle.spawn(task)));
        }
        let (store, counters) = (Arc::clone(&self.store), Arc::clone(&self.counters));
        self.handle.spawn(async move {
            let ids: Vec<ChunkId> = chunks.iter().map(|chunk| chunk.id).collect();
            let found = store.get_each(&ids).await;
            for ((chunk, found), sender) in chunks.iter().zip(found).zip(senders) {
                let found = found.map_err(DesyncError::from);
                // Nobody waits any more for what was skipped.
                let _ = sender.send(found.and_then(|found| counters.fetched(chunk, &found)));
            }
        });
    }

    fn clear_queue(&mut self) {
        for (_, task) in self.queue.drain(..) {
            task.abort();
        }
    }

    fn start(&mut self, number: usize, may_fetch: bool) {
        let Some(chunk) = self.index.chunks.get(number).copied() else {
            return;
        };
        let (store, digest) = (Arc::clone(&self.store), self.index.digest);
        let (guesses, counters) = (self.guesses.clone(), Arc::clone(&self.counters));
        let may_fetch = may_fetch || guesses.is_empty();
        let task = async move {
            if !guesses.is_empty() {
                let found = tokio::task::spawn_blocking(move || guess(&guesses, &chunk, digest)).await?;
                if let Some(plain) = found {
                    counters.folders.fetch_add(1, Ordering::Relaxed);
                    return Ok(Found::Folder(Bytes::from(plain)));
                }
            }
            if !may_fetch {
                return Ok(Found::NotYet);
            }
            let found = store.get(chunk.id).await?;
            counters.fetched(&chunk, &found)
        };
        self.queue.push_back((number, self.handle.spawn(task)));
    }

    /// Returns what of the current chunk lies at the current position.
    fn visible(&self) -> &[u8] {
        let Some((start, plain)) = &self.current else {
            return &[];
        };
        let inside = self
            .position
            .checked_sub(*start)
            .and_then(|inside| usize::try_from(inside).ok());
        inside.and_then(|inside| plain.get(inside..)).unwrap_or_default()
    }
}

fn guess(guesses: &[Guess], chunk: &IndexChunk, digest: DigestAlgorithm) -> Option<Vec<u8>> {
    guesses.iter().find_map(|guess| {
        let plain = guess.image.read(guess.range(chunk)?)?;
        (ChunkId::of(digest, &plain) == chunk.id).then_some(plain)
    })
}

impl Read for IndexStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check_io()?;
        if self.visible().is_empty() && !self.load().map_err(io::Error::other)? {
            return Ok(0);
        }
        let visible = self.visible();
        let len = visible.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), visible.get(..len)) {
            to.copy_from_slice(from);
        }
        self.position += len as u64;
        if let Some(progress) = &self.progress {
            progress.add(len as u64);
        }
        Ok(len)
    }
}

impl Drop for IndexStream {
    fn drop(&mut self) {
        self.clear_queue();
    }
}

/// Tells an [`IndexStream`] which node is being unpacked, and makes it look into folders once the root is
/// known.
pub(crate) struct Follow<F> {
    /// Returns the folders to look in for the archive with this root.
    pub(crate) images: Option<F>,
}

impl<F: FnOnce(&Node) -> Vec<Arc<TreeImage>>> Watch<IndexStream> for Follow<F> {
    fn node(&mut self, decoder: &mut Decoder<IndexStream>, path: &[u8], node: &Node, kind: &NodeKind) {
        if let Some(images) = self.images.take() {
            let images = images(node);
            decoder.input_mut().look_in(images);
        }
        let end = match kind {
            NodeKind::File { size, payload_at } => Some(payload_at.saturating_add(*size)),
            _ => None,
        };
        decoder.input_mut().at_node(path, node.at, end);
    }
}
