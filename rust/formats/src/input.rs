// SPDX-License-Identifier: MIT
//! Inputs that are read once, from front to back.

use std::io::{self, Read};

/// An input that knows how far it has been read.
#[derive(Debug)]
pub(crate) struct Input<R> {
    pub(crate) inner: R,
    /// In bytes from its start.
    pub(crate) offset: u64,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, offset: 0 }
    }

    /// Fills `buffer`; tells whether there was enough for that before the end.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let mut rest = buffer;
        while !rest.is_empty() {
            match self.read_some(rest)? {
                0 => return Ok(false),
                read => rest = rest.get_mut(read..).unwrap_or_default(),
            }
        }
        Ok(true)
    }

    /// Reads what the input gives at a time, which is nothing at its end alone.
    pub(crate) fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => {
                    let read = outcome?;
                    self.offset = self.offset.saturating_add(read as u64);
                    return Ok(read);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time and is interrupted before each.
    struct Halting<'a>(&'a [u8], bool);

    impl Read for Halting<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            match self.1 {
                true => Err(io::ErrorKind::Interrupted.into()),
                false => self.0.read(&mut buffer[..1]),
            }
        }
    }

    #[test]
    fn an_input_that_halts_is_read_to_its_end_and_no_further() {
        let mut input = Input::new(Halting(b"12345", false));
        let mut buffer = [0; 3];
        assert!(input.fill(&mut buffer).unwrap());
        assert_eq!((&buffer, input.offset), (b"123", 3));
        assert!(!input.fill(&mut buffer).unwrap());
        assert_eq!((&buffer, input.offset), (b"453", 5));
    }
}
