// SPDX-License-Identifier: MIT
//! Chunks of an input that is read once, from front to back.

use std::io::{self, Read, Write};

use crate::chunker::Chunker;

/// Cuts what a reader delivers; short reads never move a cut.
#[derive(Debug)]
pub struct ChunkStream<R, C> {
    input: R,
    chunker: C,
    buffer: Vec<u8>,
    /// The unread bytes of the buffer.
    start: usize,
    end: usize,
    input_ended: bool,
    position: u64,
}

impl<R: Read, C: Chunker> ChunkStream<R, C> {
    /// Starts cutting; takes memory for a few chunks of the largest size.
    pub fn new(input: R, chunker: C) -> Self {
        let buffer = vec![0; chunker.sizes().max() * BUFFERED_CHUNKS];
        Self {
            input,
            chunker,
            buffer,
            start: 0,
            end: 0,
            input_ended: false,
            position: 0,
        }
    }

    /// Returns the next chunk, or `None` at the end of the input.
    ///
    /// # Errors
    /// What the reader reports; the stream cannot go on after that.
    pub fn next_chunk(&mut self) -> io::Result<Option<&[u8]>> {
        self.fill()?;
        let (start, end) = (self.start, self.end);
        let window = self.buffer.get(start..end).unwrap_or_default();
        let length = self.chunker.cut(window);
        self.start += length;
        self.position += length as u64;
        let chunk = self.buffer.get(start..start + length);
        Ok(chunk.filter(|chunk| !chunk.is_empty()))
    }

    /// Returns how many bytes the chunks handed out so far hold.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Makes the next chunk of the largest size visible, or all that is left.
    fn fill(&mut self) -> io::Result<()> {
        if self.input_ended || self.end - self.start >= self.chunker.sizes().max() {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while let Some(space) = self.buffer.get_mut(self.end..).filter(|space| !space.is_empty()) {
            match self.input.read(space) {
                Ok(0) => {
                    self.input_ended = true;
                    break;
                }
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Cuts what is written to it and hands each chunk to a function.
///
/// Nothing is handed on by [`Write::flush`]: a chunk is complete only when the bytes behind it are known or
/// the input has ended, which [`ChunkWriter::finish`] says.
#[derive(Debug)]
pub struct ChunkWriter<C, F> {
    chunker: C,
    sink: F,
    buffer: Vec<u8>,
    start: usize,
}

impl<C: Chunker, F: FnMut(&[u8]) -> io::Result<()>> ChunkWriter<C, F> {
    /// Starts cutting.
    pub fn new(chunker: C, sink: F) -> Self {
        Self {
            chunker,
            sink,
            buffer: Vec::new(),
            start: 0,
        }
    }

    /// Hands on what is left.
    ///
    /// # Errors
    /// What the function reports.
    pub fn finish(mut self) -> io::Result<()> {
        self.cut_while(|left| left > 0)
    }

    fn cut_while(&mut self, goes_on: impl Fn(usize) -> bool) -> io::Result<()> {
        while goes_on(self.buffer.len() - self.start) {
            let window = self.buffer.get(self.start..).unwrap_or_default();
            let length = self.chunker.cut(window);
            (self.sink)(window.get(..length).unwrap_or_default())?;
            self.start += length;
        }
        Ok(())
    }
}

impl<C: Chunker, F: FnMut(&[u8]) -> io::Result<()>> Write for ChunkWriter<C, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let max = self.chunker.sizes().max();
        if self.start >= max {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        // A bounded part of a large write, so that the buffer stays within a few chunks.
        let taken = bytes.get(..bytes.len().min(max)).unwrap_or_default();
        self.buffer.extend_from_slice(taken);
        self.cut_while(|left| left >= max)?;
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Chunks of the largest size that fit the buffer: few moves of leftovers, little memory.
const BUFFERED_CHUNKS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunker::{Buzhash, BuzhashRules, ChunkSizes, FastCdc};
    use crate::testdata::{cut_ends, synthetic};

    /// A reader that delivers a byte, two bytes, three bytes and so on.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += 1;
            let length = self.1.min(buffer.len()).min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn streamed(chunker: impl Chunker, input: impl Read) -> Vec<Vec<u8>> {
        let mut stream = ChunkStream::new(input, chunker);
        let mut chunks = Vec::new();
        while let Some(chunk) = stream.next_chunk().unwrap() {
            chunks.push(chunk.to_vec());
        }
        chunks
    }

    #[test]
    fn short_reads_do_not_move_cuts() {
        let data = synthetic(200_000);
        let sizes = ChunkSizes::new(1024, 4096, 16384).unwrap();
        let buzhash = Buzhash::new(sizes, BuzhashRules::Modern);
        let fastcdc = FastCdc::new(sizes).unwrap();
        let whole = cut_ends(&buzhash, &data);
        let chunks = streamed(buzhash, Trickle(&data, 0));
        assert_eq!(chunks.concat(), data);
        assert_eq!(chunks.len(), whole.len());
        let whole = cut_ends(&fastcdc, &data);
        let chunks = streamed(fastcdc, Trickle(&data, 0));
        assert_eq!(chunks.concat(), data);
        assert_eq!(chunks.len(), whole.len());
    }

    #[test]
    fn what_is_written_is_cut_like_what_is_read() {
        let data = synthetic(200_000);
        let sizes = ChunkSizes::new(1024, 4096, 16384).unwrap();
        let buzhash = Buzhash::new(sizes, BuzhashRules::Modern);
        let expected = streamed(buzhash.clone(), data.as_slice());
        for piece in [1, 1000, 16384, 200_000] {
            let mut chunks = Vec::new();
            let mut writer = ChunkWriter::new(buzhash.clone(), |chunk: &[u8]| {
                chunks.push(chunk.to_vec());
                Ok(())
            });
            for piece in data.chunks(piece) {
                writer.write_all(piece).unwrap();
            }
            writer.finish().unwrap();
            assert_eq!(chunks, expected, "{piece}");
        }
    }

    #[test]
    fn an_empty_input_has_no_chunks() {
        let chunker = Buzhash::new(ChunkSizes::DEFAULT, BuzhashRules::Modern);
        assert!(streamed(chunker, io::empty()).is_empty());
    }
}
