// SPDX-License-Identifier: MIT
//! Chunks of an input that several threads can read: the same as one thread would find, sooner.
//!
//! The input is divided into spans. Each thread takes a span and cuts it from the span's start, which is
//! seldom where a chunk of the sequential run would start; but as a chunk depends on its own bytes alone,
//! the two meet after a few chunks and agree from there on. Joining walks the spans in order, cuts on from
//! the last true chunk until it starts where the span's own run started a chunk, and takes the rest over.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::chunker::Chunker;
use crate::read_at::ReadAt;

/// One chunk of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut<T> {
    /// Where it starts in the input.
    pub start: u64,
    /// Its length in bytes.
    pub len: u32,
    /// What was made of its bytes.
    pub value: T,
}

impl<T> Cut<T> {
    /// Returns where the chunk ends (exclusive).
    pub fn end(&self) -> u64 {
        self.start.saturating_add(u64::from(self.len))
    }
}

/// Cuts `range` of `input` as if it were a whole input, with up to `threads` threads, and calls `value` for
/// the bytes of each chunk.
///
/// `value` may be called for a chunk that turns out not to be one (about one in a thousand) and must not
/// have effects for which that matters. Memory is a buffer of a few largest chunks per thread, and the result.
///
/// # Errors
/// The first read that fails.
pub fn cut_all<T: Send>(
    input: &dyn ReadAt,
    range: Range<u64>,
    chunker: &dyn Chunker,
    threads: usize,
    value: impl Fn(&[u8]) -> T + Sync,
) -> io::Result<Vec<Cut<T>>> {
    let spans = spans(&range, chunker, threads);
    let run = |window: &mut Window<'_>, from: u64, until: u64| -> io::Result<Vec<Cut<T>>> {
        let mut cuts = Vec::new();
        let mut at = from;
        while at < until {
            let cut = window.cut(at, chunker, &value)?;
            at = cut.end();
            cuts.push(cut);
        }
        Ok(cuts)
    };
    let runs = run_spans(&spans, threads, || Window::new(input, range.end, chunker), run)?;
    join(
        runs,
        Window::new(input, range.end, chunker),
        range,
        chunker,
        &value,
    )
}

/// Divides `range` into spans so long that the few chunks cut twice at each border do not matter.
fn spans(range: &Range<u64>, chunker: &dyn Chunker, threads: usize) -> Vec<Range<u64>> {
    let shortest = chunker.sizes().max() as u64 * SPAN_MAX_CHUNKS;
    let total = range.end.saturating_sub(range.start);
    let wanted = (threads as u64).saturating_mul(SPANS_PER_THREAD).max(1);
    let count = match threads {
        0 | 1 => 1,
        _ => (total / shortest).clamp(1, wanted),
    };
    let length = total.div_ceil(count).max(1);
    let starts = (0..count).map(|number| range.start.saturating_add(number * length).min(range.end));
    starts
        .map(|start| start..start.saturating_add(length).min(range.end))
        .collect()
}

/// Runs `run` for each span and returns the results in the order of the spans.
fn run_spans<W, R: Send>(
    spans: &[Range<u64>],
    threads: usize,
    window: impl Fn() -> W + Sync,
    run: impl Fn(&mut W, u64, u64) -> io::Result<R> + Sync,
) -> io::Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Option<io::Result<R>>>> = Mutex::new(spans.iter().map(|_| None).collect());
    let work = || {
        let mut window = window();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(span) = spans.get(number) else { return };
            let result = run(&mut window, span.start, span.end);
            let failed = result.is_err();
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(slot) = done.get_mut(number) {
                *slot = Some(result);
            }
            if failed {
                next.store(spans.len(), Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(spans.len()) {
            scope.spawn(work);
        }
        work();
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    // A failure stops the spans behind it from being run, so the first gap lies behind an error.
    let mut results = Vec::with_capacity(spans.len());
    let mut gap = false;
    for slot in done {
        match slot {
            Some(result) => results.push(result?),
            None => gap = true,
        }
    }
    match gap {
        false => Ok(results),
        true => Err(io::Error::other("a span was not cut")),
    }
}

fn join<T>(
    runs: Vec<Vec<Cut<T>>>,
    mut window: Window<'_>,
    range: Range<u64>,
    chunker: &dyn Chunker,
    value: &impl Fn(&[u8]) -> T,
) -> io::Result<Vec<Cut<T>>> {
    let mut joined: Vec<Cut<T>> = Vec::new();
    let mut at = range.start;
    for run in runs {
        let run_end = run.last().map_or(at, Cut::end);
        let mut run = run.into_iter().peekable();
        while at < run_end {
            while run.next_if(|cut| cut.start < at).is_some() {}
            if run.peek().is_some_and(|cut| cut.start == at) {
                joined.extend(run);
                break;
            }
            let cut = window.cut(at, chunker, value)?;
            at = cut.end();
            joined.push(cut);
        }
        at = joined.last().map_or(at, Cut::end);
    }
    Ok(joined)
}

/// A stretch of the input in memory, moved forward as chunks are cut.
struct Window<'a> {
    input: &'a dyn ReadAt,
    input_end: u64,
    max: usize,
    buffer: Vec<u8>,
    start: u64,
}

impl<'a> Window<'a> {
    fn new(input: &'a dyn ReadAt, input_end: u64, chunker: &dyn Chunker) -> Self {
        Self {
            input,
            input_end,
            max: chunker.sizes().max(),
            buffer: Vec::new(),
            start: 0,
        }
    }

    fn cut<T>(&mut self, at: u64, chunker: &dyn Chunker, value: &impl Fn(&[u8]) -> T) -> io::Result<Cut<T>> {
        let left = usize::try_from(self.input_end.saturating_sub(at)).unwrap_or(usize::MAX);
        let visible = self.show(at, left.min(self.max))?;
        let length = chunker.cut(visible);
        let chunk = visible.get(..length).filter(|chunk| !chunk.is_empty());
        let chunk = chunk.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(Cut {
            start: at,
            len: u32::try_from(length).unwrap_or(u32::MAX),
            value: value(chunk),
        })
    }

    /// Returns at least `length` bytes from `at`, reading ahead if they are not in memory.
    fn show(&mut self, at: u64, length: usize) -> io::Result<&[u8]> {
        let inside = at
            .checked_sub(self.start)
            .and_then(|from| usize::try_from(from).ok());
        let from = match inside {
            Some(from) if from.saturating_add(length) <= self.buffer.len() => from,
            _ => {
                self.load(at)?;
                0
            }
        };
        let shown = self.buffer.get(from..).unwrap_or_default();
        Ok(shown.get(..shown.len().min(self.max)).unwrap_or_default())
    }

    fn load(&mut self, at: u64) -> io::Result<()> {
        let left = usize::try_from(self.input_end.saturating_sub(at)).unwrap_or(usize::MAX);
        self.buffer.resize(left.min(self.max * WINDOW_MAX_CHUNKS), 0);
        self.start = at;
        self.input.read_at(at, &mut self.buffer)
    }
}

/// Shortest span, in chunks of the largest size.
const SPAN_MAX_CHUNKS: u64 = 64;
/// More spans than threads even out their different speeds.
const SPANS_PER_THREAD: u64 = 4;
/// Length of a thread's buffer, in chunks of the largest size.
const WINDOW_MAX_CHUNKS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunker::{Buzhash, BuzhashRules, ChunkSizes, FastCdc};
    use crate::testdata::{cut_ends, synthetic};

    fn chunkers() -> [Box<dyn Chunker>; 2] {
        let sizes = ChunkSizes::new(256, 1024, 4096).unwrap();
        [
            Box::new(Buzhash::new(sizes, BuzhashRules::Modern)),
            Box::new(FastCdc::new(sizes).unwrap()),
        ]
    }

    #[test]
    fn any_number_of_threads_finds_the_chunks_of_one() {
        let mut data = synthetic(3_000_000);
        // A long run without boundaries, where two runs do not meet until it ends.
        data[900_000..1_700_000].fill(0);
        for chunker in chunkers() {
            let expected = cut_ends(&*chunker, &data);
            for threads in [0, 1, 2, 3, 7, 16] {
                let range = 0..data.len() as u64;
                let cuts = cut_all(&data.as_slice(), range, &*chunker, threads, <[u8]>::len).unwrap();
                let ends: Vec<_> = cuts.iter().map(|cut| cut.end() as usize).collect();
                assert_eq!(ends, expected, "{chunker:?} {threads}");
                assert!(cuts.iter().all(|cut| cut.value == cut.len as usize));
            }
        }
    }

    #[test]
    fn a_part_of_an_input_is_cut_like_an_input_of_its_own() {
        let data = synthetic(1_500_000);
        for chunker in chunkers() {
            let expected = cut_ends(&*chunker, &data[1000..1_400_001]);
            let cuts = cut_all(&data.as_slice(), 1000..1_400_001, &*chunker, 3, |_| ()).unwrap();
            let ends: Vec<_> = cuts.iter().map(|cut| cut.end() as usize - 1000).collect();
            assert_eq!(ends, expected);
        }
    }

    #[test]
    fn an_empty_range_has_no_chunks_and_a_missing_end_is_an_error() {
        let data = synthetic(1000);
        let [chunker, _] = chunkers();
        assert!(
            cut_all(&data.as_slice(), 5..5, &*chunker, 2, |_| ())
                .unwrap()
                .is_empty()
        );
        assert!(cut_all(&data.as_slice(), 0..1001, &*chunker, 2, |_| ()).is_err());
    }
}
