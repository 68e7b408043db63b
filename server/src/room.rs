// SPDX-License-Identifier: MIT
//! Memory for what clients upload: taken as the bytes come, and given back with the last copy of them.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for so many bytes at a time.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Semaphore>);

/// There is no room for more; some comes back with what others upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Room {
    /// Makes room for `bytes` bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(
            (bytes / UNIT).min(Semaphore::MAX_PERMITS),
        )))
    }
}

/// Bytes that come piece by piece.
///
/// Whoever finds no room is refused and does not wait: two who wait for what the other one has would wait for ever.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    room: Option<Room>,
    held: Option<OwnedSemaphorePermit>,
    pieces: Pieces,
}

#[derive(Debug, Default)]
enum Pieces {
    #[default]
    None,
    /// As it came.
    One(Bytes),
    Many(BytesMut),
}

impl Gathering {
    /// Gathers bytes that take room.
    pub(crate) fn within(room: &Room) -> Self {
        Self {
            room: Some(room.clone()),
            ..Self::default()
        }
    }

    /// Appends a piece.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn push(&mut self, piece: Bytes) -> Result<(), Full> {
        self.hold(self.pieces.len().saturating_add(piece.len()))?;
        self.pieces = match std::mem::take(&mut self.pieces) {
            Pieces::None => Pieces::One(piece),
            Pieces::One(first) => {
                let mut both = BytesMut::from(first);
                both.extend_from_slice(&piece);
                Pieces::Many(both)
            }
            Pieces::Many(mut all) => {
                all.extend_from_slice(&piece);
                Pieces::Many(all)
            }
        };
        Ok(())
    }

    /// Returns all that was gathered; it takes room until the last copy of it is dropped.
    pub(crate) fn finish(self) -> Bytes {
        let bytes = match self.pieces {
            Pieces::None => Bytes::new(),
            Pieces::One(bytes) => bytes,
            Pieces::Many(bytes) => bytes.freeze(),
        };
        match self.held {
            Some(held) => Bytes::from_owner(Held { bytes, _room: held }),
            None => bytes,
        }
    }

    /// Takes the room that `len` bytes need, but for what they have.
    fn hold(&mut self, len: usize) -> Result<(), Full> {
        let Some(room) = &self.room else {
            return Ok(());
        };
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let lacking = u32::try_from(len.div_ceil(UNIT).saturating_sub(held)).map_err(|_| Full)?;
        if lacking == 0 {
            return Ok(());
        }
        let more = room.0.clone().try_acquire_many_owned(lacking).map_err(|_| Full)?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

impl Pieces {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(bytes) => bytes.len(),
            Self::Many(bytes) => bytes.len(),
        }
    }
}

/// Bytes that take room.
struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bytes that are counted together.
const UNIT: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(len: usize) -> Bytes {
        vec![7; len].into()
    }

    #[test]
    fn room_comes_back_with_the_last_copy_of_the_bytes() {
        let room = Room::new(8 * UNIT);
        let mut first = Gathering::within(&room);
        for _ in 0..6 {
            first.push(piece(UNIT)).unwrap();
        }
        let bytes = first.finish();
        assert_eq!(bytes, piece(6 * UNIT));
        let mut second = Gathering::within(&room);
        assert_eq!(second.push(piece(3 * UNIT)), Err(Full));
        let part = bytes.slice(1..2);
        drop(bytes);
        assert_eq!(second.push(piece(3 * UNIT)), Err(Full));
        drop(part);
        second.push(piece(8 * UNIT)).unwrap();
        assert_eq!(second.push(piece(1)), Err(Full));
    }

    #[test]
    fn small_pieces_take_no_more_room_than_the_whole() {
        let room = Room::new(2 * UNIT);
        let mut gathering = Gathering::within(&room);
        for _ in 0..2 * UNIT {
            gathering.push(piece(1)).unwrap();
        }
        assert_eq!(gathering.push(piece(1)), Err(Full));
        drop(gathering);
        assert_eq!(Gathering::within(&room).push(piece(2 * UNIT)), Ok(()));
    }

    #[test]
    fn what_takes_no_room_has_no_bound_here() {
        let mut gathering = Gathering::default();
        gathering.push(piece(1 << 20)).unwrap();
        gathering.push(piece(1)).unwrap();
        assert_eq!(gathering.finish().len(), (1 << 20) + 1);
        assert_eq!(Gathering::default().finish(), Bytes::new());
    }
}
