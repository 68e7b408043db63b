// SPDX-License-Identifier: MIT
//! Private channels: who may read what.
//!
//! A release is for everybody if a public channel lists it or once did, and a chunk is if it is part of something that
//! is. Everything else is for those whose tokens may read a channel that has it. While no channel is private, nothing is
//! kept and nobody is asked for anything. Once one is, the readers of every index and chunk are kept in memory, and what
//! is unknown is for nobody, so nothing can be read before it is known whose it is.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

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
    chunks: HashMap<ChunkId, Audience>,
    /// Every set of channels that was met, so that chunks share them.
    sets: Vec<Arc<BTreeSet<Channel>>>,
}

impl Readers {
    /// Reads what the database says, and the indexes in `folder`; `None` if no channel is private.
    ///
    /// What is known from `before` is read anew only if something has lost readers since.
    pub(crate) fn read(
        transaction: &Transaction<'_>,
        before: Option<&Self>,
        folder: &ContentFolder,
        limits: &Limits,
    ) -> rusqlite::Result<Option<Self>> {
        let private = private::all(transaction)?;
        if private.is_empty() {
            return Ok(None);
        }
        let chunks_of = |pinned: &Pinned| -> Result<Vec<ChunkId>, ServiceError> {
            let index = verify::read_index(&folder.read_verified(pinned)?, limits)?;
            Ok(index.unique_ids())
        };
        let rows = private::indexes(transaction)?;
        Ok(Some(Self::next(before, private, rows, chunks_of)))
    }

    fn next(
        before: Option<&Self>,
        private: BTreeSet<Channel>,
        rows: Vec<IndexRow>,
        chunks_of: impl Fn(&Pinned) -> Result<Vec<ChunkId>, ServiceError>,
    ) -> Self {
        let mut fresh = Self {
            private,
            ..Self::default()
        };
        let now: Vec<(String, Pinned, Audience)> = rows
            .into_iter()
            .map(|row| (row.name, row.pinned, fresh.audience(row.channels)))
            .collect();
        let by_name: HashMap<&str, &Audience> = now
            .iter()
            .map(|(name, _, audience)| (name.as_str(), audience))
            .collect();
        let has_grown = |before: &&Self| {
            let mut known = before.indexes.iter();
            known.all(|(name, was)| by_name.get(name.as_str()).is_some_and(|is| is.includes(was)))
        };
        let mut readers = match before.filter(has_grown) {
            Some(before) => Self {
                private: fresh.private,
                ..before.clone()
            },
            None => fresh,
        };
        for (name, pinned, audience) in now {
            if readers.indexes.get(&name) == Some(&audience) {
                continue;
            }
            match chunks_of(&pinned) {
                Ok(chunks) => chunks.into_iter().for_each(|id| readers.add(id, &audience)),
                // What only it names is for nobody, until everything is read anew.
                Err(error) => tracing::error!(
                    name,
                    %error,
                    "an index cannot be read, so chunks that only it names are withheld; mend it from a backup and \
                     start the server again"
                ),
            }
            readers.indexes.insert(name, audience);
        }
        readers
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

    /// Returns who may read an index of a release that `channels` have, or one of no release.
    fn audience(&mut self, channels: Option<BTreeSet<Channel>>) -> Audience {
        match channels {
            Some(channels) if channels.is_subset(&self.private) => self.readers(channels),
            _ => Audience::Everybody,
        }
    }

    fn add(&mut self, id: ChunkId, audience: &Audience) {
        let both = match (self.chunks.get(&id), audience) {
            (None, audience) => audience.clone(),
            (Some(known), audience) if known.includes(audience) => return,
            (Some(Audience::Readers(some)), Audience::Readers(more)) => {
                let all = some.union(more).cloned().collect();
                self.readers(all)
            }
            _ => Audience::Everybody,
        };
        self.chunks.insert(id, both);
    }

    fn readers(&mut self, channels: BTreeSet<Channel>) -> Audience {
        let known = self.sets.iter().find(|set| ***set == channels).cloned();
        Audience::Readers(known.unwrap_or_else(|| {
            let set = Arc::new(channels);
            self.sets.push(set.clone());
            set
        }))
    }
}

/// The readers that are in force.
#[derive(Debug)]
pub(super) struct Privacy {
    readers: RwLock<Option<Arc<Readers>>>,
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
        let before = self.ask(|readers| readers.cloned());
        let now = Readers::read(transaction, before.as_deref(), &self.indexes, &self.limits)?;
        *self.readers.write().unwrap_or_else(PoisonError::into_inner) = now.map(Arc::new);
        Ok(())
    }

    fn ask<T>(&self, question: impl FnOnce(Option<&Arc<Readers>>) -> T) -> T {
        let readers = self.readers.read().unwrap_or_else(PoisonError::into_inner);
        question(readers.as_ref())
    }

    fn audience(&self, question: impl FnOnce(&Readers) -> Audience) -> Audience {
        self.ask(|readers| readers.map_or(Audience::Everybody, |readers| question(readers)))
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
        self.privacy.audience(|readers| readers.index(name))
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
        let readers = Readers::next(before, channels(private), rows, chunks_of);
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
    fn an_index_that_cannot_be_read_lets_nobody_read_its_chunks() {
        let damaged = |_: &Pinned| Err(ServiceError::Internal("damaged".to_owned()));
        let readers = Readers::next(None, channels(&["alpha"]), vec![row("1", None)], damaged);
        assert_eq!(readers.chunk(chunk(1)), of(&[]));
    }
}
