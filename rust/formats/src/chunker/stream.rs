// SPDX-License-Identifier: MIT
//! Chunks of an input that is seen once, from front to back.

use std::io::{self, Read, Write};

use bytes::Bytes;

use crate::chunker::Chunker;

/// Cuts what is written to it, or what a reader has, and hands each chunk to a function.
///
/// The input is collected in blocks, and chunks are parts of them, not copies. How the input comes in pieces never
/// moves a cut. Nothing is handed on by [`Write::flush`]: a chunk is complete only when the bytes behind it are known
/// or the input has ended, which [`ChunkWriter::finish`] says.
#[derive(Debug)]
pub struct ChunkWriter<C, F> {
    chunker: C,
    sink: F,
    block: Vec<u8>,
    block_len: usize,
}

impl<C: Chunker, F: FnMut(Bytes) -> io::Result<()>> ChunkWriter<C, F> {
    /// Starts cutting.
    pub fn new(chunker: C, sink: F) -> Self {
        Self {
            block_len: BLOCK_LEN.max(2 * chunker.sizes().max()),
            block: Vec::new(),
            chunker,
            sink,
        }
    }

    /// Takes all that `input` has.
    ///
    /// # Errors
    /// What the input or the function reports; the writer cannot go on after that.
    pub fn read_from(&mut self, mut input: impl Read) -> io::Result<()> {
        loop {
            let space = self.space();
            let read = input.by_ref().take(space as u64).read_to_end(&mut self.block)?;
            if read < space {
                return Ok(());
            }
            self.cut()?;
        }
    }

    /// Hands on what is left.
    ///
    /// # Errors
    /// What the function reports.
    pub fn finish(mut self) -> io::Result<()> {
        let block = std::mem::take(&mut self.block).into();
        self.cut_while(block, |left| left > 0).map(drop)
    }

    /// Returns how much more fits the block, which is more than nothing, and sees to its memory.
    fn space(&mut self) -> usize {
        let space = self.block_len - self.block.len();
        self.block.reserve_exact(space);
        space
    }

    /// Cuts the block, which is full, and begins the next one with what is left.
    fn cut(&mut self) -> io::Result<()> {
        let block = std::mem::take(&mut self.block).into();
        let max = self.chunker.sizes().max();
        let left = self.cut_while(block, |left| left >= max)?;
        self.space();
        self.block.extend_from_slice(&left);
        Ok(())
    }

    fn cut_while(&mut self, mut block: Bytes, goes_on: impl Fn(usize) -> bool) -> io::Result<Bytes> {
        while goes_on(block.len()) {
            let length = self.chunker.cut(&block);
            (self.sink)(block.split_to(length))?;
        }
        Ok(block)
    }
}

impl<C: Chunker, F: FnMut(Bytes) -> io::Result<()>> Write for ChunkWriter<C, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let space = self.space();
        let taken = bytes.get(..space).unwrap_or(bytes);
        self.block.extend_from_slice(taken);
        if taken.len() == space {
            self.cut()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Length of a block, unless chunks are as large: little of it is left over, and nothing of it is for long.
const BLOCK_LEN: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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

    fn chunkers() -> [Arc<dyn Chunker>; 2] {
        let sizes = ChunkSizes::new(1024, 4096, 16384).unwrap();
        [
            Arc::new(Buzhash::new(sizes, BuzhashRules::Modern)),
            Arc::new(FastCdc::new(sizes).unwrap()),
        ]
    }

    /// Returns a writer with blocks as short as can be, so that there are many.
    fn writer<'a>(
        chunker: &Arc<dyn Chunker>,
        chunks: &'a mut Vec<Bytes>,
    ) -> ChunkWriter<Arc<dyn Chunker>, impl FnMut(Bytes) -> io::Result<()> + 'a> {
        let writer = ChunkWriter::new(Arc::clone(chunker), |chunk| {
            chunks.push(chunk);
            Ok(())
        });
        ChunkWriter {
            block_len: 2 * chunker.sizes().max(),
            ..writer
        }
    }

    #[track_caller]
    fn check(chunks: &[Bytes], chunker: &dyn Chunker, data: &[u8]) {
        assert_eq!(chunks.concat(), data);
        let ends = chunks.iter().scan(0, |end, chunk| {
            *end += chunk.len();
            Some(*end)
        });
        assert_eq!(ends.collect::<Vec<_>>(), cut_ends(chunker, data));
    }

    #[test]
    fn short_reads_do_not_move_cuts() {
        let data = synthetic(200_000);
        for chunker in chunkers() {
            let mut chunks = Vec::new();
            let mut writer = writer(&chunker, &mut chunks);
            writer.read_from(Trickle(&data, 0)).unwrap();
            writer.finish().unwrap();
            check(&chunks, &chunker, &data);
        }
    }

    #[test]
    fn what_is_written_is_cut_like_what_is_read() {
        let data = synthetic(200_000);
        let [chunker, _] = chunkers();
        for piece in [1, 1000, 16384, 200_000] {
            let mut chunks = Vec::new();
            let mut writer = writer(&chunker, &mut chunks);
            for piece in data.chunks(piece) {
                writer.write_all(piece).unwrap();
            }
            writer.finish().unwrap();
            check(&chunks, &chunker, &data);
        }
    }

    #[test]
    fn an_input_of_any_length_around_a_block_is_cut_to_its_end() {
        let data = synthetic(70_000);
        for length in [0, 1, 32_767, 32_768, 32_769, 65_536] {
            let [chunker, _] = chunkers();
            let mut chunks = Vec::new();
            let mut writer = writer(&chunker, &mut chunks);
            writer.read_from(&data[..length]).unwrap();
            writer.finish().unwrap();
            check(&chunks, &chunker, &data[..length]);
        }
    }
}
