// SPDX-License-Identifier: MIT
//! Private channels: who may read what.
//!
//! A release is for everybody if a public channel lists it or once did, and a chunk is if it is part of something that
//! is. Everything else is for those whose tokens may read a channel that has it. While no channel is private, nothing is
//! kept and nobody is asked for anything. Once one is, the readers of every index and chunk are kept in memory, and what
//! is unknown is for nobody, so nothing can be read before it is known whose it is.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use rusqlite::Transaction;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{Pinned, Platform, Slug, Version, address};
use vsekai_trust::names::TargetName;

use super::error::ServiceError;
use super::token::Verb;
use super::{Access, Service, verify};
use crate::db::private::{self, Channel, IndexRow};
use crate::db::public::Public;
use crate::limits::Limits;
use crate::storage::ContentFolder;

/// Who may read something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever asks.
    Everybody,
    /// Whoever may read one of these channels; nobody if there are none.
    Readers(Arc<BTreeSet<Channel>>),
}

impl Audience {
    fn nobody() -> Self {
        Self::Readers(Arc::default())
    }

    fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Everybody, _) => true,
            (Self::Readers(_), Self::Everybody) => false,
            (Self::Readers(all), Self::Readers(some)) => some.is_subset(all),
        }
    }
}

/// The readers of everything on a server that has private channels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readers {
    private: BTreeSet<Channel>,
    indexes: HashMap<String, Audience>,
    /// Those of them that could not be read.
    unread: BTreeSet<String>,
    chunks: HashMap<ChunkId, Audience>,
    sets: Sets,
}

/// What brings the readers of one moment to those of the next.
#[derive(Debug)]
struct Change {
    private: BTreeSet<Channel>,
    sets: Sets,
    /// Whether something has lost readers, so that everything that is known is forgotten.
    anew: bool,
    /// The indexes to read, and who may.
    indexes: Vec<(String, Pinned, Audience)>,
}

/// Every set of channels that was met, so that all who have the same one share it.
#[derive(Clone, Debug, Default)]
struct Sets(Vec<Arc<BTreeSet<Channel>>>);

impl Sets {
    fn readers(&mut self, channels: BTreeSet<Channel>) -> Audience {
        let known = self.0.iter().find(|set| ***set == channels).cloned();
        Audience::Readers(known.unwrap_or_else(|| {
            let set = Arc::new(channels);
            self.0.push(set.clone());
            set
        }))
    }
}

impl Change {
    /// Finds out what is to be done to the readers `before`.
    fn after(before: Option<&Readers>, private: BTreeSet<Channel>, rows: Vec<IndexRow>) -> Self {
        let mut sets = before.map(|before| before.sets.clone()).unwrap_or_default();
        let mut indexes: Vec<(String, Pinned, Audience)> = Vec::with_capacity(rows.len());
        for row in rows {
            // An index of no release is for everybody.
            let audience = match row.channels {
                Some(channels) if channels.is_subset(&private) => sets.readers(channels),
                _ => Audience::Everybody,
            };
            indexes.push((row.name, row.pinned, audience));
        }
        let by_name: HashMap<&str, &Audience> = indexes
            .iter()
            .map(|(name, _, audience)| (name.as_str(), audience))
            .collect();
        let has_grown = |before: &&Readers| {
            let mut known = before.indexes.iter();
            known.all(|(name, was)| by_name.get(name.as_str()).is_some_and(|is| is.includes(was)))
        };
        let grown = before.filter(has_grown);
        if let Some(before) = grown {
            indexes.retain(|(name, _, audience)| {
                before.indexes.get(name) != Some(audience) || before.unread.contains(name)
            });
        }
        Self {
            private,
            anew: grown.is_none(),
            sets,
            indexes,
        }
    }

    /// Makes the change with `alter`, which lets one piece after another be done to the readers. Readers that have grown
    /// are right for those who had them already after each piece, and for everybody after the last one.
    fn make(
        self,
        chunks_of: impl Fn(&Pinned) -> Result<Vec<ChunkId>, ServiceError>,
        mut alter: impl FnMut(&mut dyn FnMut(&mut Readers)),
    ) {
        let Self {
            private,
            sets,
            indexes,
            ..
        } = self;
        alter(&mut |readers: &mut Readers| readers.sets = sets.clone());
        for (name, pinned, audience) in indexes {
            let read = chunks_of(&pinned);
            for piece in read.as_deref().unwrap_or_default().chunks(PIECE) {
                alter(&mut |readers: &mut Readers| piece.iter().for_each(|id| readers.add(*id, &audience)));
            }
            alter(&mut |readers: &mut Readers| readers.note_index(&name, &audience, read.as_ref().err()));
        }
        // Last, so that nobody who reads a new pointer is refused its chunks.
        alter(&mut |readers: &mut Readers| readers.private.clone_from(&private));
    }
}

impl Readers {
    /// Reads what the database says, and the indexes in `folder`; `None` if no channel is private.
    pub(crate) fn read(
        transaction: &Transaction<'_>,
        folder: &ContentFolder,
        limits: &Limits,
    ) -> rusqlite::Result<Option<Self>> {
        let private = private::all(transaction)?;
        if private.is_empty() {
            return Ok(None);
        }
        let change = Change::after(None, private, private::indexes(transaction)?);
        let mut readers = Self::default();
        change.make(chunks_in(folder, limits), |piece| piece(&mut readers));
        Ok(Some(readers))
    }

    fn note_index(&mut self, name: &str, audience: &Audience, unread: Option<&ServiceError>) {
        self.indexes.insert(name.to_owned(), audience.clone());
        match unread {
            None => drop(self.unread.remove(name)),
            // What only it names is for nobody until it can be read.
            Some(error) => {
                if self.unread.insert(name.to_owned()) {
                    tracing::error!(
                        name,
                        %error,
                        "an index cannot be read, so chunks that only it names are withheld; mend it from a backup, and \
                         it is read with the next change of a release or channel"
                    );
                }
            }
        }
    }

    /// Tells whether whoever asks may read a chunk.
    pub(crate) fn is_public(&self, id: ChunkId) -> bool {
        self.chunks.get(&id) == Some(&Audience::Everybody)
    }

    fn is_private(&self, channel: &Channel) -> bool {
        self.private.contains(channel)
    }

    /// Leaves in `public` what is for everybody.
    pub(crate) fn leave_out_private(&self, public: &mut Public) {
        let is_public = |name: &str| self.index(name) == Audience::Everybody;
        let is_private = |title: &Slug, name: &Slug| {
            self.is_private(&Channel {
                title: title.clone(),
                name: name.clone(),
            })
        };
        public.indexes.retain(|(name, _)| is_public(name));
        public.releases.retain(|release| is_public(&release.index_name));
        public.targets.retain(|target| {
            let name = target.name.parse::<TargetName>();
            !name.is_ok_and(|name| is_private(&target.title, name.channel()))
        });
        public
            .metadata
            .retain(|row| !row.role.parse().is_ok_and(|name| is_private(&row.title, &name)));
    }

    fn index(&self, name: &str) -> Audience {
        self.indexes.get(name).cloned().unwrap_or_else(Audience::nobody)
    }

    fn chunk(&self, id: ChunkId) -> Audience {
        self.chunks.get(&id).cloned().unwrap_or_else(Audience::nobody)
    }

    fn channel(&self, channel: Channel) -> Audience {
        match self.is_private(&channel) {
            true => Audience::Readers(Arc::new(BTreeSet::from([channel]))),
            false => Audience::Everybody,
        }
    }

    /// Returns what is known of every chunk in a table with room for a piece more, unless there is room.
    fn roomier_chunks(&self) -> Option<HashMap<ChunkId, Audience>> {
        let (known, room) = (&self.chunks, self.chunks.capacity() - self.chunks.len());
        (room < PIECE).then(|| {
            let mut roomier = HashMap::with_capacity(known.len() * 2 + PIECE);
            roomier.extend(known.iter().map(|(id, audience)| (*id, audience.clone())));
            roomier
        })
    }

    fn add(&mut self, id: ChunkId, audience: &Audience) {
        let both = match (self.chunks.get(&id), audience) {
            (None, audience) => audience.clone(),
            (Some(known), audience) if known.includes(audience) => return,
            (Some(Audience::Readers(some)), Audience::Readers(more)) => {
                let all = some.union(more).cloned().collect();
                self.sets.readers(all)
            }
            _ => Audience::Everybody,
        };
        self.chunks.insert(id, both);
    }
}

/// Returns what reads the chunks that an index in `folder` names.
fn chunks_in(
    folder: &ContentFolder,
    limits: &Limits,
) -> impl Fn(&Pinned) -> Result<Vec<ChunkId>, ServiceError> {
    |pinned| Ok(verify::read_index(&folder.read_verified(pinned)?, limits)?.unique_ids())
}

/// The readers that are in force.
#[derive(Debug)]
pub(super) struct Privacy {
    readers: RwLock<Option<Readers>>,
    indexes: ContentFolder,
    limits: Arc<Limits>,
}

impl Privacy {
    pub(super) fn new(indexes: ContentFolder, limits: Arc<Limits>) -> Self {
        Self {
            readers: RwLock::default(),
            indexes,
            limits,
        }
    }

    /// Puts in force what `transaction` says, which is one of the writer, so that no two cross.
    ///
    /// Call it last in every transaction that changes channels, releases or indexes. It is in force before the transaction
    /// is, so that nobody who reads a new pointer is refused its chunks. A transaction that fails after all leaves it a
    /// step ahead until the next one: nobody was told of what could be read then.
    pub(super) fn renew(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let private = private::all(transaction)?;
        if private.is_empty() {
            self.replace(None);
            return Ok(());
        }
        let rows = private::indexes(transaction)?;
        let change = self.ask(|before| Change::after(before, private, rows));
        let chunks_of = chunks_in(&self.indexes, &self.limits);
        if change.anew {
            let mut readers = Readers::default();
            change.make(chunks_of, |piece| piece(&mut readers));
            self.replace(Some(readers));
        } else {
            // In place, for a copy of what is known of every chunk would take as much memory again.
            change.make(chunks_of, |piece| self.alter(piece));
        }
        Ok(())
    }

    /// Does one piece of a change, which only the writer does. Nobody waits for longer than the piece takes.
    fn alter(&self, piece: &mut dyn FnMut(&mut Readers)) {
        // A table that grows moves all that is in it. So it grows here, while others can ask, and not below.
        let mut table = self.ask(|readers| readers.and_then(Readers::roomier_chunks));
        if let Some(readers) = self.lock().as_mut() {
            if let Some(roomier) = &mut table {
                std::mem::swap(&mut readers.chunks, roomier);
            }
            piece(readers);
        }
        // Like that of [`Privacy::replace`], the old one is given back when others can ask again.
        drop(table);
    }

    /// Tells whether a channel is private.
    pub(super) fn has_private_channels(&self) -> bool {
        self.ask(|readers| readers.is_some())
    }

    /// Returns who may read the index called `name`.
    pub(super) fn audience_of_index(&self, name: &str) -> Audience {
        self.audience(|readers| readers.index(name))
    }

    fn replace(&self, readers: Option<Readers>) {
        let before = std::mem::replace(&mut *self.lock(), readers);
        // When others can ask again: giving back what was known of millions of chunks takes a while.
        drop(before);
    }

    fn lock(&self) -> RwLockWriteGuard<'_, Option<Readers>> {
        self.readers.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask<T>(&self, question: impl FnOnce(Option<&Readers>) -> T) -> T {
        let readers = self.readers.read().unwrap_or_else(PoisonError::into_inner);
        question(readers.as_ref())
    }

    fn audience(&self, question: impl FnOnce(&Readers) -> Audience) -> Audience {
        self.ask(|readers| readers.map_or(Audience::Everybody, question))
    }
}

impl Service {
    /// Returns who may read what `channel` of `title` says.
    pub fn audience_of_channel(&self, title: &Slug, channel: &Slug) -> Audience {
        self.privacy.audience(|readers| {
            readers.channel(Channel {
                title: title.clone(),
                name: channel.clone(),
            })
        })
    }

    /// Returns who may read the index called `name`, and the list of files of its release.
    pub fn audience_of_index(&self, name: &str) -> Audience {
        self.privacy.audience_of_index(name)
    }

    /// As [`Service::audience_of_index`], for the index of a release.
    pub fn audience_of_release(&self, title: &Slug, platform: Platform, version: &Version) -> Audience {
        self.audience_of_index(&address::index_name(title, platform, version))
    }

    /// Returns who may read a chunk.
    pub fn audience_of_chunk(&self, id: ChunkId) -> Audience {
        self.privacy.audience(|readers| readers.chunk(id))
    }

    /// Lets nobody but holders of tokens read a channel, or everybody again.
    ///
    /// # Errors
    /// The token does not allow it, or there is no such channel.
    pub async fn set_private(
        &self,
        access: &Access,
        channel: Channel,
        private: bool,
    ) -> Result<(), ServiceError> {
        access.require_whole_title(Verb::Keys, &channel.title)?;
        let missing = ServiceError::NotFound(format!("the channel {} of {}", channel.name, channel.title));
        let (actor, privacy) = (access.actor(), self.privacy.clone());
        let changed = self.database.write("change who may read a channel", move |tx| {
            let found = private::change(tx, &channel, private, &actor)?;
            privacy.renew(tx)?;
            Ok(found)
        });
        changed.await?.then_some(()).ok_or(missing)
    }

    /// Takes notice of what others than this server changed in the database, as its command line does.
    ///
    /// # Errors
    /// The database failed.
    pub async fn notice_private_channels(&self) -> Result<(), ServiceError> {
        let found = self
            .database
            .read("look for private channels", private::all)
            .await?;
        let is_known = self.privacy.ask(|readers| match readers {
            Some(readers) => readers.private == found,
            None => found.is_empty(),
        });
        match is_known {
            true => Ok(()),
            false => self.renew_privacy().await,
        }
    }

    pub(super) async fn renew_privacy(&self) -> Result<(), ServiceError> {
        let privacy = self.privacy.clone();
        let renewed = self
            .database
            .write("find out who may read what", move |tx| privacy.renew(tx));
        Ok(renewed.await?)
    }
}

/// Chunks of an index that are noted at a time, while nobody can ask.
const PIECE: usize = 4096;

#[cfg(test)]
mod tests {
    use vsekai_formats::DigestAlgorithm;

    use super::*;

    fn channels(names: &[&str]) -> BTreeSet<Channel> {
        let channel = |name: &&str| Channel {
            title: "game".parse().unwrap(),
            name: name.parse().unwrap(),
        };
        names.iter().map(channel).collect()
    }

    fn chunk(number: u8) -> ChunkId {
        ChunkId::from_bytes([number; 32])
    }

    /// A row whose chunks are the numbers in its name.
    fn row(name: &str, has: Option<&[&str]>) -> IndexRow {
        IndexRow {
            name: name.to_owned(),
            pinned: Pinned {
                sha256: ChunkId::of(DigestAlgorithm::Sha256, name.as_bytes()),
                length: 1,
            },
            channels: has.map(channels),
        }
    }

    fn changed(
        before: Option<&Readers>,
        private: &[&str],
        rows: Vec<IndexRow>,
        chunks_of: impl Fn(&Pinned) -> Result<Vec<ChunkId>, ServiceError>,
    ) -> Readers {
        let change = Change::after(before, channels(private), rows);
        let mut readers = match before {
            Some(before) if !change.anew => before.clone(),
            _ => Readers::default(),
        };
        change.make(chunks_of, |piece| piece(&mut readers));
        readers
    }

    fn next(
        before: Option<&Readers>,
        private: &[&str],
        rows: &[(&str, Option<&[&str]>)],
        read: &mut usize,
    ) -> Readers {
        let rows: Vec<IndexRow> = rows.iter().map(|(name, has)| row(name, *has)).collect();
        let names: Vec<(Pinned, String)> = rows
            .iter()
            .map(|row| (row.pinned.clone(), row.name.clone()))
            .collect();
        let count = std::cell::Cell::new(0);
        let chunks_of = |pinned: &Pinned| {
            count.set(count.get() + 1);
            let (_, name) = names.iter().find(|(known, _)| known == pinned).unwrap();
            Ok(name.bytes().map(|digit| chunk(digit - b'0')).collect())
        };
        let readers = changed(before, private, rows, chunks_of);
        *read = count.get();
        readers
    }

    fn of(names: &[&str]) -> Audience {
        Audience::Readers(Arc::new(channels(names)))
    }

    #[test]
    fn a_chunk_is_for_all_who_may_read_something_that_has_it() {
        let rows: [(&str, Option<&[&str]>); 4] = [
            ("12", Some(&["stable", "alpha"])),
            ("23", Some(&["alpha"])),
            ("34", Some(&["beta"])),
            ("5", None),
        ];
        let readers = next(None, &["alpha", "beta"], &rows, &mut 0);
        for (number, audience) in [
            (1, Audience::Everybody),
            (2, Audience::Everybody),
            (3, of(&["alpha", "beta"])),
            (4, of(&["beta"])),
            (5, Audience::Everybody),
            (6, of(&[])),
        ] {
            assert_eq!(readers.chunk(chunk(number)), audience, "{number}");
            assert_eq!(readers.is_public(chunk(number)), audience == Audience::Everybody);
        }
        assert_eq!(readers.index("23"), of(&["alpha"]));
        assert_eq!(readers.index("absent"), of(&[]));
    }

    #[test]
    fn what_got_more_readers_is_read_alone_and_all_of_it_once_something_lost_some() {
        let mut read = 0;
        let private: [(&str, Option<&[&str]>); 2] = [("12", Some(&["alpha"])), ("34", Some(&["stable"]))];
        let first = next(None, &["alpha"], &private, &mut read);
        assert_eq!(read, 2);
        let more: [(&str, Option<&[&str]>); 3] = [
            ("12", Some(&["alpha", "stable"])),
            ("34", Some(&["stable"])),
            ("5", Some(&["alpha"])),
        ];
        let second = next(Some(&first), &["alpha"], &more, &mut read);
        assert_eq!(read, 2, "the one that was promoted and the new one");
        assert_eq!(second.chunk(chunk(1)), Audience::Everybody);
        assert_eq!(second.chunk(chunk(5)), of(&["alpha"]));
        let third = next(Some(&second), &["alpha"], &more[1..], &mut read);
        assert_eq!(read, 2, "all that are left");
        assert_eq!(third.chunk(chunk(1)), of(&[]), "its release was collected");
        let fourth = next(Some(&third), &["alpha", "stable"], &more[1..], &mut read);
        assert_eq!(fourth.chunk(chunk(3)), of(&["stable"]));
    }

    #[test]
    fn what_is_known_of_chunks_never_grows_while_others_wait() {
        let root = std::path::PathBuf::new();
        let privacy = Privacy::new(ContentFolder::new(root), Arc::default());
        privacy.replace(Some(Readers::default()));
        let mut ids = (0u64..).map(|number| ChunkId::of(DigestAlgorithm::Sha256, &number.to_le_bytes()));
        for _ in 0..20 {
            let new: Vec<ChunkId> = ids.by_ref().take(PIECE).collect();
            privacy.alter(&mut |readers: &mut Readers| {
                let before = readers.chunks.capacity();
                new.iter().for_each(|id| readers.add(*id, &Audience::Everybody));
                assert_eq!(readers.chunks.capacity(), before);
            });
        }
        let known = privacy.ask(|readers| readers.map(|readers| readers.chunks.len()));
        assert_eq!(known, Some(20 * PIECE));
    }

    #[test]
    fn an_index_that_cannot_be_read_lets_nobody_read_its_chunks() {
        let damaged = |_: &Pinned| Err(ServiceError::Internal("damaged".to_owned()));
        let first = changed(None, &["alpha"], vec![row("1", None)], damaged);
        assert_eq!(first.chunk(chunk(1)), of(&[]));
        let mut read = 0;
        let second = next(Some(&first), &["alpha"], &[("1", None)], &mut read);
        assert_eq!(read, 1, "it was mended meanwhile");
        assert_eq!(second.chunk(chunk(1)), Audience::Everybody);
        next(Some(&second), &["alpha"], &[("1", None)], &mut read);
        assert_eq!(read, 0);
    }
}
