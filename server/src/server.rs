// SPDX-License-Identifier: MIT
//! A server in this process: [`Server::start`], [`RunningServer::stop`].

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;
use vsekai_formats::release::Slug;
use vsekai_store::s3::S3Store;
use vsekai_store::{bounded, durable};
use vsekai_trust::publisher::KeyError;

use crate::db::audit::Actor;
use crate::db::metadata::RoleRow;
use crate::db::{Database, DatabaseError, now, tokens};
use crate::limits::Limits;
use crate::retention::Retention;
use crate::service::token::{Token, TokenError, TokenRecord, TokenScope};
use crate::service::{Access, Service, ServiceError, ServiceSettings};
use crate::signing::Signing;
use crate::storage::{DataFolder, DataPlace, StorageError, TEMPORARY_PREFIX, database_path};
use crate::tls::{Certificate, TlsError, TlsFiles};
use crate::{dev, http};

/// How to start a server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// The bucket to keep chunks in; without one they are in the data folder.
    pub bucket: Option<S3Store>,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The bounds put on clients.
    pub limits: Limits,
    /// How long what the server signs holds.
    pub signing: Signing,
    /// What is kept, and when the rest is collected.
    pub retention: Retention,
    /// The certificate to serve with; plain HTTP if absent.
    pub tls: Option<TlsFiles>,
    /// Whether to keep a token for everything in the file `dev-token` of the data folder.
    pub dev: bool,
    /// Titles that begin with keys in the folder `dev-keys` of the data folder, for development.
    pub dev_titles: Vec<Slug>,
}

impl ServerConfig {
    /// Returns the configuration of a server on this machine alone, at a free port.
    pub fn local(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            bucket: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            limits: Limits::default(),
            signing: Signing::default(),
            retention: Retention::default(),
            tls: None,
            dev: false,
            dev_titles: Vec::new(),
        }
    }
}

/// Starts servers.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Opens the data folder, checks it, and serves; when this returns, clients can connect.
    ///
    /// # Errors
    /// The data folder is in use or damaged, or the address cannot be listened on.
    pub async fn start(config: ServerConfig) -> Result<RunningServer, StartError> {
        let limits = Arc::new(config.limits);
        let certificate = match config.tls {
            Some(files) => Some(Arc::new(off_loop(move || Certificate::load(files)).await??)),
            None => None,
        };
        let place = DataPlace {
            root: config.data.clone(),
            bucket: config.bucket,
        };
        let folder = DataFolder::open(place, limits.chunk_bytes).await?;
        let database = Database::open(&database_path(&config.data)).await?;
        if config.dev {
            keep_dev_token(&config.data, &database).await?;
        }
        let settings = ServiceSettings {
            limits: limits.clone(),
            signing: config.signing.clone(),
            retention: config.retention.clone(),
        };
        let service = Service::open(database, folder, settings).await?;
        for title in &config.dev_titles {
            dev::begin(&service, &config.data, title).await?;
        }
        let listening = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let stop = CancellationToken::new();
        let routes = http::routes(service.clone());
        let handshake = certificate.as_ref().map(Certificate::handshake);
        let serving = http::accept::serve_after(listener, handshake, routes, limits, stop.clone());
        let accepting = tokio::spawn(serving);
        let watching = tokio::spawn(watch_certificate(certificate.clone(), stop.clone()));
        let flushing = tokio::spawn(flush_regularly(service.clone(), stop.clone()));
        let signing = tokio::spawn(sign_regularly(service.clone(), config.signing, stop.clone()));
        let counting = tokio::spawn(count_regularly(service.clone(), stop.clone()));
        let every = config.retention.every;
        let collecting = tokio::spawn(collect_regularly(service.clone(), every, stop.clone()));
        Ok(RunningServer {
            address,
            stop,
            accepting,
            flushing,
            signing,
            counting,
            collecting,
            watching,
            certificate,
            service,
        })
    }
}

/// A server that serves until it is stopped.
///
/// Dropping it instead leaves it serving until the runtime ends; the next start then checks what was under way.
#[derive(Debug)]
pub struct RunningServer {
    address: SocketAddr,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
    flushing: JoinHandle<()>,
    signing: JoinHandle<()>,
    counting: JoinHandle<()>,
    collecting: JoinHandle<()>,
    watching: JoinHandle<()>,
    certificate: Option<Arc<Certificate>>,
    service: Arc<Service>,
}

impl RunningServer {
    /// Returns the base address, without a slash at its end.
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// Reads the certificate again, if there is one, and uses it for connections from now on; tells whether it has
    /// changed. The server does so by itself too, every few seconds.
    ///
    /// # Errors
    /// It cannot be used; the one before stays in use.
    pub async fn reload_certificate(&self) -> Result<bool, StartError> {
        match self.certificate.clone() {
            Some(certificate) => Ok(off_loop(move || certificate.reload()).await??),
            None => Ok(false),
        }
    }

    /// Returns the address listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, answers what is under way within the grace time, makes everything durable, and lets
    /// go of the data folder.
    ///
    /// # Errors
    /// Something could not be made durable; the next start checks what was.
    pub async fn stop(self) -> Result<(), ServiceError> {
        self.stop.cancel();
        self.service.begin_stop();
        let lost = |error: tokio::task::JoinError| ServiceError::Internal(error.to_string());
        self.accepting.await.map_err(lost)?;
        self.flushing.await.map_err(lost)?;
        self.signing.await.map_err(lost)?;
        self.counting.await.map_err(lost)?;
        self.collecting.await.map_err(lost)?;
        self.watching.await.map_err(lost)?;
        self.service.close().await
    }
}

/// A server that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The check of what the last run left.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The address.
    #[error("listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The keys for development.
    #[error("make keys for development: {0}")]
    DevKeys(#[from] KeyError),
    /// The token for development.
    #[error("make a token for development: {0}")]
    DevToken(#[from] TokenError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A task was lost.
    #[error("a task of the server was lost: {0}")]
    Task(String),
}

/// Returns the file that [`ServerConfig::dev`] keeps a token in.
pub fn dev_token_path(data: &Path) -> PathBuf {
    data.join("dev-token")
}

/// Makes a token for everything, unless the file has one that is still good.
async fn keep_dev_token(data: &Path, database: &Database) -> Result<(), StartError> {
    let path = dev_token_path(data);
    let kept = bounded::read_text_file(&path, MAX_TOKEN_FILE)
        .ok()
        .and_then(|text| text.trim().parse::<Token>().ok());
    if let Some(token) = kept {
        let id = token.id().to_owned();
        let record = database
            .read("look up a token", move |tx| tokens::find(tx, &id))
            .await?;
        if record.is_some_and(|record| record.accepts(&token, now())) {
            return Ok(());
        }
    }
    let token = Token::random()?;
    let scope = TokenScope::EVERYTHING;
    let record = TokenRecord::new(&token, "development".to_owned(), scope, now(), None);
    database
        .write("add a token", move |tx| {
            tokens::create(tx, &record, &Actor::server())
        })
        .await?;
    let text = format!("{}\n", token.reveal());
    durable::replace_secret(&path, TEMPORARY_PREFIX, text.as_bytes())
        .map_err(StorageError::io("keep a token"))?;
    Ok(())
}

/// Runs work that blocks on the disk.
async fn off_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StartError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StartError::Task(error.to_string()))
}

/// Looks whether the certificate was replaced, as those who renew it do without telling.
async fn watch_certificate(certificate: Option<Arc<Certificate>>, stop: CancellationToken) {
    let Some(certificate) = certificate else { return };
    let mut ticks = interval(CERTIFICATE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let certificate = certificate.clone();
        match off_loop(move || certificate.reload()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::info!("the certificate was replaced"),
            Ok(Err(error)) => tracing::error!(%error, "the new certificate is of no use; the old one stays"),
            Err(error) => tracing::error!(%error, "could not look for a new certificate"),
        }
    }
}

/// Bounds what a crash makes publishers upload again, and how long a change from the command line goes unnoticed.
async fn flush_regularly(service: Arc<Service>, stop: CancellationToken) {
    let mut ticks = interval(FLUSH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = service.write_uploaded().await {
            tracing::error!(%error, "could not write down what was uploaded");
        }
        if let Err(error) = service.notice_private_channels().await {
            tracing::error!(%error, "could not look for private channels");
        }
        if !service.has_pending_chunks() {
            continue;
        }
        if let Err(error) = service.flush_chunks().await {
            tracing::error!(%error, "could not make uploaded chunks durable; they count as missing");
        }
    }
}

/// Writes down how often releases were fetched.
async fn count_regularly(service: Arc<Service>, stop: CancellationToken) {
    let mut ticks = interval(COUNT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = service.write_downloads().await {
            tracing::warn!(%error, "could not write down how often releases were fetched");
        }
    }
}

/// Signs timestamps and snapshots before they end, and warns about what only people can sign.
async fn sign_regularly(service: Arc<Service>, signing: Signing, stop: CancellationToken) {
    let mut ticks = interval(signing.timestamp_every.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        match service.sign_again().await {
            Ok(failed) => {
                for (title, error) in failed {
                    tracing::error!(%title, %error, "could not sign; players will get no updates once the timestamp ends");
                }
            }
            Err(error) => {
                tracing::error!(%error, "could not sign; players will get no updates once timestamps end")
            }
        }
        warn_of_ends(&service, &signing).await;
    }
}

/// Collects what nothing keeps, for the first time after one period.
async fn collect_regularly(service: Arc<Service>, every: Duration, stop: CancellationToken) {
    if every.is_zero() {
        return;
    }
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        match service.collect(&Access::server(), now()).await {
            Ok(report) => tracing::info!(
                releases = report.collected_releases(),
                chunks = report.chunks.count,
                bytes = report.freed_bytes(),
                "collected what nothing keeps"
            ),
            Err(error) => tracing::error!(%error, "could not collect what nothing keeps"),
        }
    }
}

async fn warn_of_ends(service: &Service, signing: &Signing) {
    let ends = match service.role_ends().await {
        Ok(ends) => ends,
        Err(error) => return tracing::error!(%error, "could not look for metadata that ends"),
    };
    let soon = now() + i64::try_from(signing.warn_before.as_secs()).unwrap_or(i64::MAX);
    let by_people = |row: &&RoleRow| !matches!(row.role.as_str(), "snapshot" | "timestamp");
    for row in ends.iter().filter(by_people).filter(|row| row.expires_at < soon) {
        let days = (row.expires_at - now()) / (24 * 60 * 60);
        tracing::warn!(title = %row.title, role = row.role, days, "signed metadata ends soon; updates stop then: vsekai keys renew");
    }
}

/// Longest file with a token that is read, in bytes.
const MAX_TOKEN_FILE: usize = 1 << 10;
const FLUSH_EVERY: Duration = Duration::from_secs(2);
const CERTIFICATE_EVERY: Duration = Duration::from_secs(10);
const COUNT_EVERY: Duration = Duration::from_secs(60);
