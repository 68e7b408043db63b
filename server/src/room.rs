// SPDX-License-Identifier: MIT
//! Memory for what clients upload: taken as the bytes come, and given back with the last copy of them.

use std::sync::{Arc, Mutex, PoisonError};

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

    /// Begins an upload, which takes no room yet.
    pub(crate) fn share(&self) -> Share {
        Share(Arc::new(Mutex::new(Taken {
            room: self.clone(),
            held: None,
        })))
    }
}

/// The room that one upload takes; it is given back with the last copy of this.
///
/// Whoever finds no room is refused and does not wait: two who wait for what the other one has would wait for ever.
#[derive(Clone, Debug)]
pub(crate) struct Share(Arc<Mutex<Taken>>);

#[derive(Debug)]
struct Taken {
    room: Room,
    held: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Takes the room that `len` bytes need in all, but for what was taken before.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn grow(&self, len: usize) -> Result<(), Full> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = &mut *guard;
        let held = taken.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let lacking = u32::try_from(len.div_ceil(UNIT).saturating_sub(held)).map_err(|_| Full)?;
        if lacking == 0 {
            return Ok(());
        }
        let more = taken.room.0.clone().try_acquire_many_owned(lacking);
        let more = more.map_err(|_| Full)?;
        match &mut taken.held {
            Some(held) => held.merge(more),
            None => taken.held = Some(more),
        }
        Ok(())
    }

    /// Returns `bytes` so that they keep the room until their last copy is dropped.
    fn keep(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _share: self })
    }
}

/// Bytes that come piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Gathering {
    share: Option<Share>,
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
    /// Gathers bytes that take the room of `share`.
    pub(crate) fn within(share: Share) -> Self {
        Self {
            share: Some(share),
            ..Self::default()
        }
    }

    /// Appends a piece.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn push(&mut self, piece: Bytes) -> Result<(), Full> {
        if let Some(share) = &self.share {
            share.grow(self.pieces.len().saturating_add(piece.len()))?;
        }
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
        match self.share {
            Some(share) => share.keep(bytes),
            None => bytes,
        }
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
    _share: Share,
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
        let mut first = Gathering::within(room.share());
        for _ in 0..6 {
            first.push(piece(UNIT)).unwrap();
        }
        let bytes = first.finish();
        assert_eq!(bytes, piece(6 * UNIT));
        let mut second = Gathering::within(room.share());
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
        let mut gathering = Gathering::within(room.share());
        for _ in 0..2 * UNIT {
            gathering.push(piece(1)).unwrap();
        }
        assert_eq!(gathering.push(piece(1)), Err(Full));
        drop(gathering);
        assert_eq!(Gathering::within(room.share()).push(piece(2 * UNIT)), Ok(()));
    }

    #[test]
    fn a_part_of_an_upload_keeps_the_room_of_all_of_it() {
        let room = Room::new(4 * UNIT);
        let share = room.share();
        share.grow(3 * UNIT).unwrap();
        let part = share.clone().keep(piece(1));
        drop(share);
        assert_eq!(room.share().grow(2 * UNIT), Err(Full));
        drop(part);
        room.share().grow(4 * UNIT).unwrap();
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
