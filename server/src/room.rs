// SPDX-License-Identifier: MIT
//! Memory for what clients upload: taken as the bytes come, and given back with the last copy of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};

use crate::limits::Limits;

/// Room for so many bytes at a time, of which the uploads with one token get a part. Where there are no tokens, the
/// addresses of clients stand for them.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Bounded>);

#[derive(Debug)]
struct Bounded {
    most: usize,
    most_of_token: usize,
    taken: Mutex<Taken>,
}

/// Bytes that are taken.
#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// By the ids of the tokens that take some.
    tokens: HashMap<String, usize>,
}

/// There is no room for more; some comes back with what is uploaded already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// All uploads together take all of it.
    OfAll,
    /// Those with the same token take all that one token gets.
    OfToken,
}

impl Room {
    /// Makes the room that `limits` allow.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self::of(limits.upload_memory, limits.largest_upload())
    }

    /// Makes room for `most` bytes. The uploads with one token get half of it, but never too little for one of `largest`
    /// bytes, which would be told to come again for ever.
    pub(crate) fn of(most: usize, largest: usize) -> Self {
        Self(Arc::new(Bounded {
            most,
            most_of_token: largest.max(most / 2),
            taken: Mutex::default(),
        }))
    }

    /// Begins an upload with the token of the id `token`, which takes no room yet.
    pub(crate) fn share(&self, token: &str) -> Share {
        Share(Arc::new(Held {
            room: self.clone(),
            token: token.to_owned(),
            len: Mutex::default(),
        }))
    }

    fn take(&self, token: &str, len: usize) -> Result<(), Full> {
        let mut taken = self.taken();
        let of_token = taken.tokens.get(token).copied().unwrap_or_default();
        let of_token = of_token.saturating_add(len);
        let all = taken.all.saturating_add(len);
        if of_token > self.0.most_of_token {
            return Err(Full::OfToken);
        }
        if all > self.0.most {
            return Err(Full::OfAll);
        }
        taken.all = all;
        taken.tokens.insert(token.to_owned(), of_token);
        Ok(())
    }

    fn give_back(&self, token: &str, len: usize) {
        let mut taken = self.taken();
        taken.all = taken.all.saturating_sub(len);
        let Some(of_token) = taken.tokens.get_mut(token) else {
            return;
        };
        *of_token = of_token.saturating_sub(len);
        if *of_token == 0 {
            taken.tokens.remove(token);
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The room that one upload takes; it is given back with the last copy of this.
///
/// Whoever finds no room is refused and does not wait: two who wait for what the other one has would wait for ever.
#[derive(Clone, Debug)]
pub(crate) struct Share(Arc<Held>);

#[derive(Debug)]
struct Held {
    room: Room,
    token: String,
    len: Mutex<usize>,
}

impl Share {
    /// Takes the room that `len` bytes need in all, but for what was taken before.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn grow(&self, len: usize) -> Result<(), Full> {
        let Held {
            room,
            token,
            len: held,
        } = &*self.0;
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(more @ 1..) = len.checked_sub(*held) {
            room.take(token, more)?;
            *held = len;
        }
        Ok(())
    }

    /// Returns `bytes` so that they keep the room until their last copy is dropped.
    fn keep(self, bytes: Bytes) -> Bytes {
        keep(bytes, self)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let len = *self.len.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.room.give_back(&self.token, len);
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

/// Returns `bytes` so that they keep `room`, whatever that is, until their last copy is dropped.
pub(crate) fn keep<R: Send + 'static>(bytes: Bytes, room: R) -> Bytes {
    Bytes::from_owner(Kept { bytes, _room: room })
}

/// Bytes that take room.
struct Kept<R> {
    bytes: Bytes,
    _room: R,
}

impl<R> AsRef<[u8]> for Kept<R> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1 << 10;

    /// Room of which one token may take `of_token` bytes.
    fn room(of_token: usize) -> Room {
        Room::new(&Limits {
            upload_memory: 2 * of_token,
            ..tiny()
        })
    }

    /// Limits with which the largest upload has 1 KiB.
    fn tiny() -> Limits {
        Limits {
            chunk_bytes: 0,
            index_bytes: 0,
            manifest_bytes: 0,
            contents_stored_bytes: 0,
            metadata_bytes: 0,
            ..Limits::default()
        }
    }

    fn piece(len: usize) -> Bytes {
        vec![7; len].into()
    }

    #[test]
    fn room_comes_back_with_the_last_copy_of_the_bytes() {
        let room = room(8 * KIB);
        let mut first = Gathering::within(room.share("0a"));
        for _ in 0..6 {
            first.push(piece(KIB)).unwrap();
        }
        let bytes = first.finish();
        assert_eq!(bytes, piece(6 * KIB));
        let mut second = Gathering::within(room.share("0a"));
        assert_eq!(second.push(piece(3 * KIB)), Err(Full::OfToken));
        let part = bytes.slice(1..2);
        drop(bytes);
        assert_eq!(second.push(piece(3 * KIB)), Err(Full::OfToken));
        drop(part);
        second.push(piece(8 * KIB)).unwrap();
        assert_eq!(second.push(piece(1)), Err(Full::OfToken));
        drop(second);
        assert!(room.taken().tokens.is_empty(), "who takes nothing is forgotten");
    }

    #[test]
    fn small_pieces_take_no_more_room_than_the_whole() {
        let room = room(2 * KIB);
        let mut gathering = Gathering::within(room.share("0a"));
        for _ in 0..2 * KIB {
            gathering.push(piece(1)).unwrap();
        }
        assert_eq!(gathering.push(piece(1)), Err(Full::OfToken));
        drop(gathering);
        assert_eq!(Gathering::within(room.share("0a")).push(piece(2 * KIB)), Ok(()));
    }

    #[test]
    fn a_part_of_an_upload_keeps_the_room_of_all_of_it() {
        let room = room(4 * KIB);
        let share = room.share("0a");
        share.grow(3 * KIB).unwrap();
        let part = share.clone().keep(piece(1));
        drop(share);
        assert_eq!(room.share("0a").grow(2 * KIB), Err(Full::OfToken));
        drop(part);
        room.share("0a").grow(4 * KIB).unwrap();
    }

    #[test]
    fn one_token_leaves_room_for_others() {
        let room = room(4 * KIB);
        let first = room.share("0a");
        first.grow(4 * KIB).unwrap();
        assert_eq!(room.share("0a").grow(1), Err(Full::OfToken));
        let second = room.share("0b");
        second.grow(4 * KIB).unwrap();
        assert_eq!(room.share("0c").grow(1), Err(Full::OfAll));
        drop(first);
        room.share("0c").grow(4 * KIB).unwrap();
    }

    #[test]
    fn the_largest_upload_has_room_however_little_there_is() {
        let limits = Limits {
            upload_memory: KIB,
            ..tiny()
        };
        assert_eq!(limits.largest_upload(), KIB);
        let room = Room::new(&limits);
        room.share("0a").grow(KIB).unwrap();
        assert_eq!(room.share("0a").grow(KIB + 1), Err(Full::OfToken));
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
