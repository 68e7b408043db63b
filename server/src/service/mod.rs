// SPDX-License-Identifier: MIT
//! What the server does, without HTTP: typed requests in, typed answers or [`ServiceError`] out.

pub mod access;
mod adopt;
pub mod audit;
pub mod changes;
mod chunk_use;
pub mod chunks;
pub mod collect;
pub mod downloads;
pub mod error;
pub mod indexes;
pub mod metadata;
pub(crate) mod online;
pub mod overview;
pub(crate) mod privacy;
mod quota;
mod ready;
pub mod releases;
mod serve_chunks;
pub mod sizes;
pub mod token;
pub mod tokens;
pub(crate) mod verify;

use std::path::Path;
use std::sync::Arc;

use fs_err as fs;

use tokio::sync::{RwLock, Semaphore};
use tokio_util::sync::CancellationToken;
use vsekai_formats::codec::CodecError;

pub use access::Access;
pub use error::{ErrorKind, ServiceError};
pub use privacy::Audience;

use crate::db::{self, Database, uploads};
use crate::limits::Limits;
use crate::rates::Rates;
use crate::retention::Retention;
use crate::room::{Room, Share};
use crate::signing::Signing;
use crate::storage::{self, DataFolder, Store, online_folder};
use chunks::Ledger;
use downloads::Downloads;
use online::OnlineKeys;
use privacy::Privacy;
use quota::Uploaded;

/// The server's state: database, data folder, and what is under way.
#[derive(Debug)]
pub struct Service {
    database: Database,
    folder: DataFolder,
    ledger: Ledger,
    limits: Arc<Limits>,
    signing: Signing,
    retention: Retention,
    online: OnlineKeys,
    downloads: Downloads,
    privacy: Arc<Privacy>,
    bucket_reads: Semaphore,
    chunk_checks: Semaphore,
    release_checks: Semaphore,
    // Held for reading by whatever must run to its end; see `undisturbed`.
    under_way: Arc<RwLock<()>>,
    // Held for reading from the first file of a release or index to the row that names it, and for writing while
    // files that no row names are removed.
    naming: RwLock<()>,
    // Held by whoever collects, and by whoever reads every index: that takes memory for every chunk, and none of
    // them may be collected meanwhile.
    collecting: tokio::sync::Mutex<()>,
    rates: Rates,
    upload_room: Room,
    uploaded: Uploaded,
    stopping: CancellationToken,
}

/// What a [`Service`] is told about its work.
#[derive(Clone, Debug, Default)]
pub struct ServiceSettings {
    /// The bounds put on clients.
    pub limits: Arc<Limits>,
    /// How long what the server signs holds.
    pub signing: Signing,
    /// What is kept, and when the rest is collected.
    pub retention: Retention,
}

impl Service {
    /// Puts the parts together and brings the ledger of chunks up to date after a crash.
    ///
    /// # Errors
    /// The database or the data folder failed.
    pub async fn open(
        database: Database,
        folder: DataFolder,
        settings: ServiceSettings,
    ) -> Result<Arc<Self>, ServiceError> {
        let ServiceSettings {
            limits,
            signing,
            retention,
        } = settings;
        let now = db::now();
        let today = database.read("look up what was uploaded today", move |tx| {
            uploads::of_day(tx, quota::day_of(now))
        });
        let service = Self {
            uploaded: Uploaded::new(today.await?, now),
            upload_room: Room::new(&limits),
            rates: Rates::new(limits.reads, limits.calls, limits.token_requests),
            ledger: Ledger::default(),
            under_way: Arc::default(),
            downloads: Downloads::default(),
            privacy: Arc::new(Privacy::new(folder.indexes().clone(), limits.clone())),
            online: OnlineKeys::new(online_folder(folder.root())),
            signing,
            retention,
            naming: RwLock::default(),
            collecting: tokio::sync::Mutex::default(),
            stopping: CancellationToken::new(),
            bucket_reads: Semaphore::new(BUCKET_READS),
            chunk_checks: Semaphore::new(limits.chunk_checks),
            release_checks: Semaphore::new(limits.release_checks),
            database,
            folder,
            limits,
        };
        if service.folder.was_unclean() {
            service.adopt_chunks().await?;
        }
        service.renew_privacy().await?;
        Ok(Arc::new(service))
    }

    /// Ends long work on the server itself at the next point where it may end.
    pub fn begin_stop(&self) {
        self.stopping.cancel();
    }

    /// Makes everything that was accepted durable and closes the database. Nobody else may be using it.
    ///
    /// # Errors
    /// Something may not be durable; the next start finds out what is.
    pub async fn close(self: Arc<Self>) -> Result<(), ServiceError> {
        // Work whose client has left meanwhile is finished first.
        let under_way = self.under_way.clone();
        let _all = under_way.write().await;
        let service = Arc::into_inner(self)
            .ok_or_else(|| ServiceError::Internal("a request is still under way".to_owned()))?;
        service.flush().await?;
        service.write_uploaded().await?;
        service.write_downloads().await?;
        service.database.close().await?;
        Ok(service.folder.mark_clean()?)
    }

    /// Runs `work` to its end even if the client that asked for it leaves in the middle, which drops the
    /// future of its request. What changes files and rows together relies on that.
    async fn undisturbed<T, W, F>(self: &Arc<Self>, work: W) -> Result<T, ServiceError>
    where
        T: Send + 'static,
        W: FnOnce(Arc<Self>) -> F,
        F: Future<Output = Result<T, ServiceError>> + Send + 'static,
    {
        let counted = self.under_way.clone().read_owned().await;
        let work = work(self.clone());
        let task = tokio::spawn(async move {
            let outcome = work.await;
            drop(counted);
            outcome
        });
        task.await
            .map_err(|error| ServiceError::Internal(format!("a task of the server was lost: {error}")))?
    }

    /// Returns the bounds put on clients.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns how often clients may ask.
    pub fn rates(&self) -> &Rates {
        &self.rates
    }

    /// Returns the memory for one upload of whoever has `access`, of which none is taken yet.
    pub(crate) fn upload_room(&self, access: &Access) -> Share {
        self.upload_room.share(&access.actor().token_id)
    }

    /// Returns the chunk store.
    pub fn store(&self) -> &Store {
        self.folder.store()
    }
}

/// As [`storage::keep_whole`], beside the tasks that serve clients.
pub(crate) async fn keep_whole(root: &Path) -> Result<fs::File, ServiceError> {
    let root = root.to_owned();
    blocking(move || Ok(storage::keep_whole(&root)?)).await
}

/// Runs `work`, which blocks on the disk or computes for long, beside the tasks that serve clients.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, ServiceError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ServiceError> + Send + 'static,
{
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.map_err(|error| ServiceError::Internal(format!("a task of the server was lost: {error}")))?
}

/// Waits for a turn; there is one unless the server has been dropped.
async fn turn(turns: &Semaphore) -> Result<tokio::sync::SemaphorePermit<'_>, ServiceError> {
    let turn = turns.acquire().await;
    turn.map_err(|_| ServiceError::Internal("the server is stopping".to_owned()))
}

/// Requests that are answered from a bucket at a time; each may hold a whole chunk, and wait for as long as the
/// bucket is given.
const BUCKET_READS: usize = 64;

impl From<CodecError> for ServiceError {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::Compress { .. } => Self::Internal(error.to_string()),
            CodecError::TooLarge { limit } => Self::TooLarge {
                what: "a chunk",
                limit,
            },
            _ => Self::invalid("invalid-chunk", error),
        }
    }
}
