// SPDX-License-Identifier: MIT
//! Sends a release to a server: only the chunks it lacks, then the documents, in one transaction.
//!
//! 1. Verify what is signed for the title. Read the release if this version is published already; another
//!    content is refused before anything is sent.
//! 2. Ask for the stored size of every chunk. The server is the one to say: a chunk it has may have been
//!    compressed by someone else.
//! 3. Read, compress and send the chunks it lacks, and ask for their sizes.
//! 4. Make the documents, sign the channel's role that lists them, and post both; the server makes all of it
//!    durable, then visible.
//!
//! Stopping anywhere leaves nothing visible. The chunks sent so far stay, so the next run sends the rest.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::Semaphore;
use vsekai_formats::ChunkId;
use vsekai_formats::codec;
use vsekai_formats::index::IndexChunk;
use vsekai_formats::release::{Percent, Pinned, ReleaseRef, Slug, address};
use vsekai_store::{Auth, HttpOptions, HttpOrigin, HttpStore, Secret, StoreFormat};
use vsekai_trust::online::Change;
use vsekai_trust::publisher::KeyFolder;

use crate::build::Documents;
use crate::packer::Packer;
use crate::server::{Api, MAX_ASKED, PUBLISH_RELEASE, Posted};
use crate::task::blocking;
use crate::view::View;
use crate::{Cancel, Observer, Phase, Progress, PublishError, Release, Signing, pointers};

/// Where to publish, and how.
#[derive(Clone, Debug)]
pub struct Server {
    /// Base address.
    pub address: String,
    /// The server's write token.
    pub token: Option<Secret>,
    /// Whether an address without encryption is allowed for other machines than this one.
    pub allow_http: bool,
    /// Chunks sent at the same time.
    pub connections: usize,
    /// zstd level of the chunks sent, 1 to 19.
    pub level: i32,
    /// `User-Agent` of requests.
    pub user_agent: String,
}

impl Server {
    /// Returns a server at `address` with everything else at its default.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            token: None,
            allow_http: false,
            connections: DEFAULT_CONNECTIONS,
            level: codec::DEFAULT_LEVEL,
            user_agent: concat!("vsekai-publish/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    pub(crate) fn api(&self) -> Result<Api, PublishError> {
        self.origin(&self.address).map(Api)
    }

    /// Returns the chunks that players fetch; nothing longer than `largest` bytes is taken.
    pub(crate) fn store(&self, largest: usize) -> Result<HttpStore, PublishError> {
        let address = format!("{}/{}", self.address.trim_end_matches('/'), address::STORE);
        let format = StoreFormat::default().with_max_chunk(largest);
        Ok(HttpStore::new(self.origin(&address)?, format))
    }

    fn origin(&self, address: &str) -> Result<HttpOrigin, PublishError> {
        let options = HttpOptions {
            // The server may take its time to make thousands of chunks durable.
            stall_timeout: ANSWER_TIMEOUT,
            auth: self.token.clone().map_or(Auth::None, Auth::Bearer),
            user_agent: self.user_agent.clone(),
            max_connections: self.connections,
            allow_http: self.allow_http,
            ..HttpOptions::default()
        };
        HttpOrigin::new(address, options).map_err(|error| PublishError::BadServer {
            reason: error.to_string(),
        })
    }
}

/// What the server lacks of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Distinct chunks of the release.
    pub chunks: u64,
    /// Those the server lacks.
    pub new_chunks: u64,
    /// Bytes of those, before compression.
    pub new_plain_bytes: u64,
}

/// What a publication did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishReport {
    /// Whether the release became visible now; false if it was there before.
    pub created: bool,
    /// Its place among the releases for the platform.
    pub sequence: u64,
    /// Files in the release.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Distinct chunks.
    pub chunks: u64,
    /// Bytes of all distinct chunks as served: the cost of an install from nothing.
    pub download_bytes: u64,
    /// Chunks sent.
    pub new_chunks: u64,
    /// Bytes of the chunks sent, as sent.
    pub new_bytes: u64,
    /// Bytes of the chunks sent, before compression.
    pub new_plain_bytes: u64,
    /// Bytes of the archive that did not have to be sent, before compression.
    pub reused_bytes: u64,
}

/// Asks the server which chunks of the release it lacks, and sends nothing.
///
/// # Errors
/// As [`upload()`].
pub async fn compare(
    release: &Release,
    server: &Server,
    channel: &Slug,
    keys: &KeyFolder,
) -> Result<Comparison, PublishError> {
    let (comparison, _) = compared(release, server, channel, keys).await?;
    Ok(comparison)
}

/// What was learnt from a server about a release that is not sent yet.
pub(crate) struct Compared {
    pub(crate) api: Api,
    pub(crate) view: View,
    /// The distinct chunks in order of first appearance.
    pub(crate) chunks: Vec<IndexChunk>,
    /// Their stored sizes, `None` where the server lacks one.
    pub(crate) sizes: Vec<Option<u32>>,
}

pub(crate) async fn compared(
    release: &Release,
    server: &Server,
    channel: &Slug,
    keys: &KeyFolder,
) -> Result<(Comparison, Compared), PublishError> {
    let api = server.api()?;
    let mut view = View::fetch(&api, &release.info().title, keys).await?;
    view.channel(channel)?;
    if let Some(published) = published(&api, &mut view, release, channel).await? {
        check_same(release, &published.documents)?;
    }
    let chunks: Vec<IndexChunk> = release.index().unique_chunks().copied().collect();
    let sizes = ask_sizes(&api, &chunks).await?;
    let lacking = chunks
        .iter()
        .zip(&sizes)
        .filter(|(_, size)| size.is_none())
        .map(|(chunk, _)| chunk);
    let comparison = Comparison {
        chunks: chunks.len() as u64,
        new_chunks: lacking.clone().count() as u64,
        new_plain_bytes: lacking.map(|chunk| u64::from(chunk.size)).sum(),
    };
    let compared = Compared {
        api,
        view,
        chunks,
        sizes,
    };
    Ok((comparison, compared))
}

/// Sends what the server lacks, signs, makes the release visible and points `channel` at it.
///
/// With `rollout` that part of the players is offered it first. Doing it again, after success or failure, is safe and
/// quick. Memory: a few chunks for each connection, and the documents.
///
/// # Errors
/// [`PublishError`]; whatever it is, players see the release completely or not at all.
pub async fn upload(
    release: Arc<Release>,
    server: &Server,
    channel: &Slug,
    signing: &Signing,
    rollout: Option<Percent>,
    observer: Arc<dyn Observer>,
    cancel: &Cancel,
) -> Result<PublishReport, PublishError> {
    let api = server.api()?;
    observer.on_progress(Progress {
        phase: Phase::Comparing,
        done_bytes: 0,
        total_bytes: 0,
    });
    let mut view = View::fetch(&api, &release.info().title, &signing.keys).await?;
    view.channel(channel)?;
    let found = published(&api, &mut view, &release, channel).await?;
    if let Some(found) = &found {
        check_same(&release, &found.documents)?;
    }
    let chunks: Vec<IndexChunk> = release.index().unique_chunks().copied().collect();
    let sizes = ask_sizes(&api, &chunks).await?;
    let mut upload = Upload {
        release,
        api,
        channel,
        signing,
        rollout,
        packer: Arc::new(Packer::new(server.level)),
        connections: server.connections.max(1),
        processors: Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)),
        observer,
        cancel,
        chunks,
        sizes,
        sent: Sent::default(),
    };
    upload.send_missing().await?;
    let (created, sequence) = upload.make_visible(view, found).await?;
    Ok(upload.report(created, sequence))
}

/// An upload under way.
struct Upload<'a> {
    release: Arc<Release>,
    api: Api,
    channel: &'a Slug,
    signing: &'a Signing,
    rollout: Option<Percent>,
    packer: Arc<Packer>,
    connections: usize,
    /// One permit for each processor: more compressors at once would only take memory.
    processors: Semaphore,
    observer: Arc<dyn Observer>,
    cancel: &'a Cancel,
    /// The distinct chunks in order of first appearance.
    chunks: Vec<IndexChunk>,
    /// Their stored sizes, `None` where the server lacks one.
    sizes: Vec<Option<u32>>,
    sent: Sent,
}

/// What was sent so far.
#[derive(Debug, Default)]
struct Sent {
    chunks: AtomicU64,
    bytes: AtomicU64,
    plain_bytes: AtomicU64,
}

impl Upload<'_> {
    /// Sends chunks until the server has a size for every one.
    async fn send_missing(&mut self) -> Result<(), PublishError> {
        for _ in 0..ROUNDS {
            let missing: Vec<usize> = self.missing().collect();
            if missing.is_empty() {
                return Ok(());
            }
            self.send(&missing).await?;
            let chunks: Vec<IndexChunk> = missing
                .iter()
                .filter_map(|at| self.chunks.get(*at).copied())
                .collect();
            let sizes = ask_sizes(&self.api, &chunks).await?;
            for (at, size) in missing.into_iter().zip(sizes) {
                if let Some(slot) = self.sizes.get_mut(at) {
                    *slot = size;
                }
            }
        }
        match self.missing().count() {
            0 => Ok(()),
            count => Err(PublishError::ChunksLost { count }),
        }
    }

    fn missing(&self) -> impl Iterator<Item = usize> {
        self.sizes
            .iter()
            .enumerate()
            .filter(|(_, size)| size.is_none())
            .map(|(at, _)| at)
    }

    async fn send(&self, positions: &[usize]) -> Result<(), PublishError> {
        let chunks: Vec<IndexChunk> = positions
            .iter()
            .filter_map(|at| self.chunks.get(*at).copied())
            .collect();
        let total_bytes: u64 = chunks.iter().map(|chunk| u64::from(chunk.size)).sum();
        let done = AtomicU64::new(0);
        let progress = |bytes: u64| {
            let done_bytes = done.fetch_add(bytes, Ordering::Relaxed) + bytes;
            self.observer.on_progress(Progress {
                phase: Phase::Uploading,
                done_bytes,
                total_bytes,
            });
        };
        progress(0);
        futures::stream::iter(chunks)
            .map(|chunk| async move {
                self.cancel.check()?;
                self.send_one(chunk).await?;
                Ok::<u64, PublishError>(u64::from(chunk.size))
            })
            .buffer_unordered(self.connections)
            .try_for_each(|bytes| {
                progress(bytes);
                std::future::ready(Ok(()))
            })
            .await
    }

    async fn send_one(&self, chunk: IndexChunk) -> Result<(), PublishError> {
        let frame = self.compressed(chunk).await?;
        let stored = frame.len() as u64;
        self.api.put_chunk(chunk.id, frame).await?;
        self.sent.chunks.fetch_add(1, Ordering::Relaxed);
        self.sent.bytes.fetch_add(stored, Ordering::Relaxed);
        self.sent
            .plain_bytes
            .fetch_add(u64::from(chunk.size), Ordering::Relaxed);
        Ok(())
    }

    async fn compressed(&self, chunk: IndexChunk) -> Result<Bytes, PublishError> {
        let permit = self.processors.acquire().await;
        let _permit = permit.map_err(|error| PublishError::Internal(error.to_string()))?;
        let (release, packer) = (Arc::clone(&self.release), Arc::clone(&self.packer));
        blocking(move || packer.pack(&release, &chunk)).await
    }

    /// Signs and posts the documents until the server takes them; returns whether they are new, and the
    /// sequence.
    async fn make_visible(
        &mut self,
        mut view: View,
        mut found: Option<Published>,
    ) -> Result<(bool, u64), PublishError> {
        self.observer.on_progress(Progress {
            phase: Phase::Releasing,
            done_bytes: 0,
            total_bytes: 0,
        });
        let index = self.release.index().to_bytes();
        for _ in 0..ROUNDS {
            self.cancel.check()?;
            let documents = match &found {
                Some(found) => found.documents.clone(),
                None => {
                    self.documents(view.next_sequence(self.release.platform()))
                        .await?
                }
            };
            let sequence = documents.manifest.sequence;
            let is_listed = found.as_ref().is_some_and(|found| found.channel == *self.channel);
            let Some(change) = self.sign(&mut view, &documents, is_listed).await? else {
                return Ok((false, sequence));
            };
            let posted = self
                .api
                .post_release(self.channel, &documents, &index, &change)
                .await?;
            match posted {
                Posted::Created => return Ok((true, sequence)),
                Posted::AlreadyThere => return Ok((false, sequence)),
                Posted::Overtaken => {
                    view = View::fetch(&self.api, &self.release.info().title, &self.signing.keys).await?;
                    found = published(&self.api, &mut view, &self.release, self.channel).await?;
                    if let Some(found) = &found {
                        check_same(&self.release, &found.documents)?;
                    }
                }
                Posted::MissingChunks(ids) => {
                    self.forget(&ids)?;
                    self.send_missing().await?;
                }
            }
        }
        Err(PublishError::Overtaken {
            platform: self.release.platform(),
        })
    }

    /// Signs the channel's role with the release in it; `None` if nothing is to be changed.
    async fn sign(
        &self,
        view: &mut View,
        documents: &Documents,
        is_listed: bool,
    ) -> Result<Option<Change>, PublishError> {
        let (manifest, platform) = (&documents.manifest, self.release.platform());
        let release = ReleaseRef {
            version: manifest.version.clone(),
            sequence: manifest.sequence,
            manifest: Pinned::of(&documents.manifest_bytes),
        };
        let before = view.pointer(self.channel, platform).await?;
        let mut editor = self.signing.editor(view.verified.clone());
        if !is_listed {
            let ReleaseRef {
                version,
                sequence,
                manifest,
            } = &release;
            editor.put_manifest(self.channel, platform, version, *sequence, manifest)?;
        }
        let first = pointers::first(&manifest.title, self.channel, platform, release);
        match pointers::after_publication(before.as_ref(), first, self.rollout) {
            Some(pointer) => editor.put_pointer(&pointer)?,
            None if is_listed => return Ok(None),
            None => {}
        }
        self.signing.finish(editor).await.map(Some)
    }

    /// Marks chunks the server had a moment ago as missing.
    fn forget(&mut self, ids: &[ChunkId]) -> Result<(), PublishError> {
        let ids: HashSet<&ChunkId> = ids.iter().collect();
        let mut known = 0;
        for (chunk, size) in self.chunks.iter().zip(&mut self.sizes) {
            if ids.contains(&chunk.id) {
                *size = None;
                known += 1;
            }
        }
        match known {
            0 => Err(PublishError::BadAnswer {
                action: PUBLISH_RELEASE,
                reason: "it misses chunks that are not part of the release".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    async fn documents(&self, sequence: u64) -> Result<Documents, PublishError> {
        let sizes = self.sizes.iter().map(|size| size.unwrap_or_default()).collect();
        let release = Arc::clone(&self.release);
        blocking(move || {
            release.check_unchanged()?;
            release.documents(sizes, sequence)
        })
        .await
    }

    fn report(&self, created: bool, sequence: u64) -> PublishReport {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let new_plain_bytes = load(&self.sent.plain_bytes);
        PublishReport {
            created,
            sequence,
            files: self.release.files() as u64,
            bytes: self.release.bytes(),
            chunks: self.chunks.len() as u64,
            download_bytes: self.sizes.iter().flatten().map(|size| u64::from(*size)).sum(),
            new_chunks: load(&self.sent.chunks),
            new_bytes: load(&self.sent.bytes),
            new_plain_bytes,
            reused_bytes: self.release.index().total_size().saturating_sub(new_plain_bytes),
        }
    }
}

/// A release that is signed already, and a channel that lists it.
pub(crate) struct Published {
    pub(crate) channel: Slug,
    pub(crate) documents: Documents,
}

/// Returns the release's version if it is published, from `channel` rather than from another.
pub(crate) async fn published(
    api: &Api,
    view: &mut View,
    release: &Release,
    channel: &Slug,
) -> Result<Option<Published>, PublishError> {
    let (info, platform) = (release.info(), release.platform());
    let Some((channel, found)) = view.find(platform, &info.version, channel) else {
        return Ok(None);
    };
    let documents = view
        .documents(api, &info.title, &channel, platform, &found)
        .await?;
    Ok(Some(Published { channel, documents }))
}

pub(crate) async fn ask_sizes(api: &Api, chunks: &[IndexChunk]) -> Result<Vec<Option<u32>>, PublishError> {
    let ids: Vec<ChunkId> = chunks.iter().map(|chunk| chunk.id).collect();
    let batches: Vec<Vec<ChunkId>> = ids.chunks(MAX_ASKED).map(<[ChunkId]>::to_vec).collect();
    let answers = futures::stream::iter(batches).map(|batch| async move { api.stored_sizes(&batch).await });
    let answers: Vec<Vec<Option<u32>>> = answers.buffered(ASKED_AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}

/// Refuses to publish under a version that players know with something else in it.
///
/// The index names every byte, name and mode of the tree, so it stands for the list of files too.
pub(crate) fn check_same(release: &Release, published: &Documents) -> Result<(), PublishError> {
    let (info, theirs) = (release.info(), &published.manifest);
    let difference = if Pinned::of(&release.index().to_bytes()) != theirs.index {
        "other files"
    } else if *release.launch() != theirs.launch {
        "another start program"
    } else if info.notes != theirs.notes {
        "other release notes"
    } else if info.minimum_launcher != theirs.minimum_launcher {
        "another minimum launcher"
    } else if info.minimum_engine != theirs.minimum_engine {
        "another minimum engine"
    } else if info.user_paths != theirs.user_paths {
        "other user paths"
    } else {
        return Ok(());
    };
    let version = info.version.clone();
    Err(PublishError::VersionExists {
        version,
        platform: release.platform(),
        difference,
    })
}

/// Chunks sent at the same time unless the caller says otherwise.
pub const DEFAULT_CONNECTIONS: usize = 16;
/// How often what others undid is done again.
const ROUNDS: usize = 4;
/// `chunks/missing` requests under way at the same time.
const ASKED_AT_ONCE: usize = 4;
/// Longest wait for the server to answer a request.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
