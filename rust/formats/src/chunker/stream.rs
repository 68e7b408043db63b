// SPDX-License-Identifier: MIT
//! Chunks of an input that is seen once, from front to back: collected in blocks by one thread, cut by another.

use std::io::{self, Read, Write};

use bytes::Bytes;

use crate::chunker::{ChunkSizes, Chunker};

/// Collects what is written to it, or what a reader has, in blocks, and hands each to a function, which may give it to
/// another thread to be cut there.
///
/// Nothing is handed on by [`Write::flush`]: a block is complete when it is full or the input has ended, which
/// [`BlockWriter::finish`] says.
#[derive(Debug)]
pub struct BlockWriter<F> {
    sink: F,
    block: Vec<u8>,
    room: usize,
    block_len: usize,
}

impl<F: FnMut(Block) -> io::Result<()>> BlockWriter<F> {
    /// Starts collecting for a chunker of these sizes.
    pub fn new(sizes: ChunkSizes, sink: F) -> Self {
        Self {
            sink,
            block: Vec::new(),
            room: sizes.max(),
            block_len: BLOCK_LEN.max(3 * sizes.max()),
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
            self.hand_on()?;
        }
    }

    /// Hands on what is left.
    ///
    /// # Errors
    /// What the function reports.
    pub fn finish(mut self) -> io::Result<()> {
        match self.block.is_empty() {
            true => Ok(()),
            false => self.hand_on(),
        }
    }

    /// Returns how much more fits the block, which is more than nothing, and sees to its memory.
    fn space(&mut self) -> usize {
        if self.block.is_empty() {
            self.block.reserve_exact(self.block_len);
            self.block.resize(self.room, 0);
        }
        self.block_len - self.block.len()
    }

    fn hand_on(&mut self) -> io::Result<()> {
        let bytes = std::mem::take(&mut self.block);
        (self.sink)(Block {
            bytes,
            room: self.room,
        })
    }
}

impl<F: FnMut(Block) -> io::Result<()>> Write for BlockWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let space = self.space();
        let taken = bytes.get(..space).unwrap_or(bytes);
        self.block.extend_from_slice(taken);
        if taken.len() == space {
            self.hand_on()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A piece of an input, behind room for what is left of the piece before it.
#[derive(Debug)]
pub struct Block {
    bytes: Vec<u8>,
    room: usize,
}

/// Cuts an input that comes in blocks, in their order, and hands each chunk to a function.
///
/// Chunks are parts of the blocks, not copies. How the input comes in pieces never moves a cut.
#[derive(Debug)]
pub struct BlockCutter<C, F> {
    chunker: C,
    sink: F,
    /// What could not be cut yet: less than the largest chunk.
    left: Bytes,
}

impl<C: Chunker, F: FnMut(Bytes) -> io::Result<()>> BlockCutter<C, F> {
    /// Starts cutting blocks that were collected for the sizes of `chunker`.
    pub fn new(chunker: C, sink: F) -> Self {
        Self {
            chunker,
            sink,
            left: Bytes::new(),
        }
    }

    /// Cuts a block as far as what follows cannot matter.
    ///
    /// # Errors
    /// What the function reports.
    pub fn cut(&mut self, block: Block) -> io::Result<()> {
        let Block { mut bytes, room } = block;
        let wrong = || io::Error::other("the block was collected for other sizes");
        let start = room.checked_sub(self.left.len()).ok_or_else(wrong)?;
        let before = bytes.get_mut(start..room).ok_or_else(wrong)?;
        before.copy_from_slice(&self.left);
        let max = self.chunker.sizes().max();
        self.left = Bytes::from(bytes).slice(start..);
        self.cut_while(|left| left >= max)
    }

    /// Hands on what is left.
    ///
    /// # Errors
    /// What the function reports.
    pub fn finish(mut self) -> io::Result<()> {
        self.cut_while(|left| left > 0)
    }

    fn cut_while(&mut self, goes_on: impl Fn(usize) -> bool) -> io::Result<()> {
        while goes_on(self.left.len()) {
            let length = self.chunker.cut(&self.left);
            (self.sink)(self.left.split_to(length))?;
        }
        Ok(())
    }
}

/// Length of a block, unless chunks are as large: little of it is left over, and nothing of it is for long.
const BLOCK_LEN: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

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

    fn chunkers() -> [Box<dyn Chunker>; 2] {
        let sizes = ChunkSizes::new(1024, 4096, 16384).unwrap();
        [
            Box::new(Buzhash::new(sizes, BuzhashRules::Modern)),
            Box::new(FastCdc::new(sizes).unwrap()),
        ]
    }

    /// Returns a writer with blocks as short as can be, so that there are many, and where they arrive.
    fn writer(
        chunker: &dyn Chunker,
    ) -> (
        BlockWriter<impl FnMut(Block) -> io::Result<()>>,
        mpsc::Receiver<Block>,
    ) {
        let (sender, blocks) = mpsc::channel();
        let sink = move |block| sender.send(block).map_err(io::Error::other);
        let writer = BlockWriter {
            block_len: 3 * chunker.sizes().max(),
            ..BlockWriter::new(chunker.sizes(), sink)
        };
        (writer, blocks)
    }

    fn cut(chunker: &dyn Chunker, blocks: mpsc::Receiver<Block>) -> Vec<Bytes> {
        let mut chunks = Vec::new();
        let mut cutter = BlockCutter::new(chunker, |chunk| {
            chunks.push(chunk);
            Ok(())
        });
        blocks.iter().for_each(|block| cutter.cut(block).unwrap());
        cutter.finish().unwrap();
        chunks
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
            let (mut writer, blocks) = writer(&*chunker);
            writer.read_from(Trickle(&data, 0)).unwrap();
            writer.finish().unwrap();
            check(&cut(&*chunker, blocks), &*chunker, &data);
        }
    }

    #[test]
    fn what_is_written_is_cut_like_what_is_read() {
        let data = synthetic(200_000);
        let [chunker, _] = chunkers();
        for piece in [1, 1000, 16384, 200_000] {
            let (mut writer, blocks) = writer(&*chunker);
            for piece in data.chunks(piece) {
                writer.write_all(piece).unwrap();
            }
            writer.finish().unwrap();
            check(&cut(&*chunker, blocks), &*chunker, &data);
        }
    }

    #[test]
    fn an_input_of_any_length_around_a_block_is_cut_to_its_end() {
        let data = synthetic(70_000);
        for length in [0, 1, 32_767, 32_768, 32_769, 65_536] {
            let [chunker, _] = chunkers();
            let (mut writer, blocks) = writer(&*chunker);
            writer.read_from(&data[..length]).unwrap();
            writer.finish().unwrap();
            check(&cut(&*chunker, blocks), &*chunker, &data[..length]);
        }
    }

    #[test]
    fn blocks_that_were_collected_for_smaller_chunks_are_refused() {
        let data = synthetic(200_000);
        let [chunker, _] = chunkers();
        let small = ChunkSizes::new(48, 64, 128).unwrap();
        let mut cutter = BlockCutter::new(&*chunker, |_| Ok(()));
        let mut writer = BlockWriter {
            block_len: 1000,
            ..BlockWriter::new(small, |block| cutter.cut(block))
        };
        assert!(writer.write_all(&data).is_err());
    }
}
