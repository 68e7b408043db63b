// SPDX-License-Identifier: MIT
//! The SQLite database: one writer, several readers, every write one immediate transaction on disk.
//!
//! Only rows live here. A row that names a file is written after the file is durable, so a row is a promise
//! that the file is there.

pub mod audit;
pub mod chunks;
pub mod downloads;
pub mod indexes;
pub mod metadata;
mod migrations;
pub mod private;
pub mod public;
pub mod references;
pub mod releases;
pub mod retained;
pub mod tokens;
pub mod uploads;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, types};

/// The server's database.
#[derive(Debug)]
pub struct Database {
    writer: tokio_rusqlite::Connection,
    readers: Vec<tokio_rusqlite::Connection>,
    next_reader: AtomicUsize,
}

impl Database {
    /// Opens the database at `path`, creating it and bringing it up to date where needed, and checks that
    /// its pages are sound.
    ///
    /// # Errors
    /// The file cannot be opened, was made by a newer server, or is damaged.
    pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
        let writer = connect(path, OpenFlags::SQLITE_OPEN_CREATE).await?;
        let place = path.to_owned();
        let prepared = writer.call(move |connection| prepare_writer(&place, connection));
        prepared.await.map_err(|error| match error {
            tokio_rusqlite::Error::Error(error) => error,
            _ => DatabaseError::Closed {
                action: "open the database",
            },
        })?;
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            // Not a read-only open: a reader of a WAL database may have to create its shared memory file.
            let reader = connect(path, OpenFlags::empty()).await?;
            let prepared = reader.call(|connection| {
                set_up(connection)?;
                connection.pragma_update(None, "query_only", true)
            });
            prepared.await.map_err(failed("open the database for reading"))?;
            readers.push(reader);
        }
        Ok(Self {
            writer,
            readers,
            next_reader: AtomicUsize::new(0),
        })
    }

    /// Runs `query` on one consistent state of the database.
    ///
    /// # Errors
    /// The query failed; the error names `action`.
    pub async fn read<R, F>(&self, action: &'static str, query: F) -> Result<R, DatabaseError>
    where
        R: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<R> + Send + 'static,
    {
        let turn = self.next_reader.fetch_add(1, Ordering::Relaxed) % self.readers.len().max(1);
        let reader = self.readers.get(turn).unwrap_or(&self.writer);
        reader
            .call(move |connection| query(&connection.transaction()?))
            .await
            .map_err(failed(action))
    }

    /// Runs `change` in one transaction; when this returns `Ok` the change survives a power cut.
    ///
    /// # Errors
    /// The change failed and nothing of it is visible; the error names `action`.
    pub async fn write<R, F>(&self, action: &'static str, change: F) -> Result<R, DatabaseError>
    where
        R: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<R> + Send + 'static,
    {
        self.writer
            .call(move |connection| {
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let result = change(&transaction)?;
                transaction.commit()?;
                Ok(result)
            })
            .await
            .map_err(failed(action))
    }

    /// As [`Database::write`], for a change that may turn out to be refused: then nothing of it is visible.
    ///
    /// # Errors
    /// As there; a refusal is the inner error.
    pub async fn attempt<R, E, F>(
        &self,
        action: &'static str,
        change: F,
    ) -> Result<Result<R, E>, DatabaseError>
    where
        R: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<R, E>> + Send + 'static,
    {
        self.writer
            .call(move |connection| {
                let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let result = change(&transaction)?;
                match &result {
                    Ok(_) => transaction.commit()?,
                    Err(_) => transaction.rollback()?,
                }
                Ok(result)
            })
            .await
            .map_err(failed(action))
    }

    /// Writes a copy of one consistent state to the new file `path`, beside readers and writers.
    ///
    /// # Errors
    /// The copy could not be made; what is at `path` then is of no use.
    pub async fn copy_to(&self, path: &Path) -> Result<(), DatabaseError> {
        let path = path.to_owned();
        let copied = self
            .writer
            .call(move |connection| connection.backup(rusqlite::MAIN_DB, path, None));
        copied.await.map_err(failed("copy the database"))
    }

    /// Closes every connection; the last one folds the write-ahead log into the database.
    ///
    /// # Errors
    /// SQLite could not close; what was committed is safe all the same.
    pub async fn close(self) -> Result<(), DatabaseError> {
        for connection in self.readers.into_iter().chain([self.writer]) {
            let closed = connection.close().await;
            closed.map_err(failed("close the database"))?;
        }
        Ok(())
    }
}

/// A failed database operation.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file cannot be opened as a database.
    #[error("open the database {path}: {source}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The database has been damaged.
    #[error("the database {path} is damaged: {finding}; restore it from a backup", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// First finding of SQLite's check.
        finding: String,
    },
    /// The schema cannot be brought up to date.
    #[error("bring the database {path} up to date: {source}", path = path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite_migration::Error,
    },
    /// A statement failed.
    #[error("{action}: {source}")]
    Query {
        /// What was being done.
        action: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The server is stopping.
    #[error("{action}: the database has been closed")]
    Closed {
        /// What was being done.
        action: &'static str,
    },
}

impl DatabaseError {
    fn open(path: &Path, source: rusqlite::Error) -> Self {
        Self::Open {
            path: path.to_owned(),
            source,
        }
    }
}

/// Returns the present time in seconds since 1970-01-01 UTC; 0 on a clock that is set before that.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Reads a text column as the type that was written to it.
fn parsed<T>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error: T::Err| {
        let position = row.as_ref().column_index(column).unwrap_or_default();
        rusqlite::Error::FromSqlConversionFailure(position, types::Type::Text, Box::new(error))
    })
}

/// Says that a text of the database is not what was put into it.
pub(crate) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, types::Type::Text, Box::new(error))
}

/// Reads an integer column that is never negative.
fn unsigned(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    let position = row.as_ref().column_index(column).unwrap_or_default();
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(position, number))
}

/// Brings an unsigned number into a column; no length or count comes near the end of the range.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn prepare_writer(path: &Path, connection: &mut Connection) -> Result<(), DatabaseError> {
    set_up(connection).map_err(|error| DatabaseError::open(path, error))?;
    let finding: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| DatabaseError::open(path, error))?;
    if finding != "ok" {
        return Err(DatabaseError::Damaged {
            path: path.to_owned(),
            finding,
        });
    }
    migrations::apply(connection).map_err(|source| DatabaseError::Migrate {
        path: path.to_owned(),
        source,
    })
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

async fn connect(path: &Path, extra: OpenFlags) -> Result<tokio_rusqlite::Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
    let opened = tokio_rusqlite::Connection::open_with_flags(path, flags).await;
    opened.map_err(|error| DatabaseError::open(path, error))
}

fn failed(action: &'static str) -> impl Fn(tokio_rusqlite::Error) -> DatabaseError {
    move |error| match error {
        tokio_rusqlite::Error::Error(source) | tokio_rusqlite::Error::Close((_, source)) => {
            DatabaseError::Query { action, source }
        }
        _ => DatabaseError::Closed { action },
    }
}

/// Readers beside the writer; enough for two processors to be busy while others wait for the disk.
const READERS: usize = 4;
/// How long to wait for another process (`vsekai-server token`) that is writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
