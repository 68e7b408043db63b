// SPDX-License-Identifier: MIT
//! `chunk-server` and `index-server`: desync's servers over any store, until somebody stops them.

mod access_log;
mod listen;
mod reload;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;

use poem::Response;
use poem::endpoint::BoxEndpoint;
use serde::Deserialize;
use vsekai_desync::args::{Digest, StoreArgs};
use vsekai_desync::{Cancel, DesyncError, Env, Session, read_small};
use vsekai_formats::{DigestAlgorithm, IndexLimits};
use vsekai_server::Limits;
use vsekai_server::http::desync::{ChunkServer, Handshake, IndexServer, chunk_routes, index_routes};
use vsekai_store::location::Location;
use vsekai_store::{Dedup, IndexLocation, IndexName, StoreFormat, WriteStore};

use super::args::{ChunkServerArgs, IndexServerArgs, ListenArgs};
use super::elsewhere;
use super::log::SharedWriter;
use access_log::AccessLog;
use reload::{Hangups, Stores, Swap};

/// What both servers work with.
#[derive(Debug)]
pub(super) struct Host {
    session: Session,
    digest: DigestAlgorithm,
    authorization: Option<String>,
    err: SharedWriter,
    cancel: Cancel,
    /// Whether the process's signals are this command's.
    signals: bool,
}

/// The content of a `--store-file`.
#[derive(Debug, Deserialize)]
struct StoreFile {
    stores: Vec<String>,
    #[serde(default)]
    cache: Option<String>,
}

impl Host {
    /// Reads the configuration.
    pub(super) fn new(
        config: Option<PathBuf>,
        digest: Digest,
        env: &Env,
        err: SharedWriter,
        signals: bool,
    ) -> Result<Self, DesyncError> {
        let authorization = (env.variables)("DESYNC_HTTP_AUTH").filter(|value| !value.is_empty());
        let authorization = authorization.map(|value| {
            let text = value.into_string();
            // An open server where one with a password was meant would be the worse surprise.
            text.map_err(|_| DesyncError::Usage("DESYNC_HTTP_AUTH is no text".to_owned()))
        });
        Ok(Self {
            session: Session::new(config, digest.into(), env)?,
            digest: digest.into(),
            authorization: authorization.transpose()?,
            err,
            cancel: env.cancel.clone(),
            signals,
        })
    }

    /// Serves chunks until the command is interrupted.
    pub(super) async fn chunk_server(self, args: ChunkServerArgs) -> Result<(), DesyncError> {
        if args.encryption || args.encryption_key.is_some() || args.encryption_algorithm.is_some() {
            return Err(elsewhere(
                "encrypted chunks are not supported",
                "serve over https with --cert and --key, and keep the store on an encrypted disk",
            ));
        }
        let _always_checked = (args.skip_verify_read, args.skip_verify_write);
        let swap = Arc::new(Swap::new(self.stores(&args)?));
        let target = args.listen.writable.then(|| swap.clone() as Arc<dyn WriteStore>);
        let routes = chunk_routes(ChunkServer {
            store: swap.clone(),
            target,
            format: StoreFormat {
                compressed: !args.uncompressed,
                digest: self.digest,
                ..StoreFormat::default()
            },
            authorization: self.authorization(&args.listen),
            limits: Limits {
                chunk_checks: UNPACKED_AT_A_TIME,
                ..limits()
            },
        });
        let args = Arc::new(args);
        let host = Arc::new(self);
        let serving = host.clone().serve(args.listen.clone(), routes);
        let reloading = host.reload_when_asked(args, swap);
        tokio::select! {
            outcome = serving => outcome,
            failed = reloading => failed,
        }
    }

    /// Serves indexes until the command is interrupted.
    pub(super) async fn index_server(self, args: IndexServerArgs) -> Result<(), DesyncError> {
        let location = IndexLocation {
            store: Location::parse(&args.store)?,
            // Where the store is does not depend on the name.
            name: IndexName::parse("index").map_err(|error| DesyncError::Internal(error.to_string()))?,
        };
        if args.store.contains('|') {
            return Err(DesyncError::Usage(
                "an index-server has one store, not a group".to_owned(),
            ));
        }
        if let Location::Folder(folder) = &location.store
            && !folder.is_dir()
        {
            let message = format!("{} is no folder with indexes", folder.display());
            return Err(DesyncError::Usage(message));
        }
        let store = self.session.opener(&args.options).open_index(&location)?;
        let routes = index_routes(IndexServer {
            store,
            writable: args.listen.writable,
            digest: Some(self.digest),
            authorization: self.authorization(&args.listen),
            limits: limits(),
        });
        Arc::new(self).serve(args.listen, routes).await
    }

    async fn serve(
        self: Arc<Self>,
        args: ListenArgs,
        routes: BoxEndpoint<'static, Response>,
    ) -> Result<(), DesyncError> {
        let handshake: Option<Handshake> = match (&args.cert, &args.key) {
            (Some(cert), Some(key)) => Some(tls::handshake(cert, key, args.client_ca.as_deref())?),
            _ => None,
        };
        let log = AccessLog::open(args.log.as_deref(), &self.err)?;
        let routes = Arc::new(match &log {
            Some(log) => log.around(routes),
            None => routes,
        });
        let running = listen::start(&args.listen, handshake, &routes, &limits()).await?;
        for server in &running {
            access_log::line(&self.err, &format!("listening on {}", server.url()));
        }
        self.cancel.cancelled().await;
        listen::stop(running).await;
        Ok(())
    }

    fn authorization(&self, args: &ListenArgs) -> Option<String> {
        let given = args.authorization.clone().filter(|value| !value.is_empty());
        given.or_else(|| self.authorization.clone())
    }

    fn stores(&self, args: &ChunkServerArgs) -> Result<Stores, DesyncError> {
        match &args.store_file {
            None => self.open(
                &args.stores,
                args.cache.as_deref(),
                args.listen.writable,
                &args.options,
            ),
            Some(path) => {
                let file: StoreFile = serde_json::from_slice(&read_small(path)?).map_err(|error| {
                    DesyncError::Usage(format!("the store file {} is wrong: {error}", path.display()))
                })?;
                let cache = file.cache.as_deref().filter(|cache| !cache.is_empty());
                self.open(&file.stores, cache, args.listen.writable, &args.options)
            }
        }
    }

    fn open(
        &self,
        stores: &[String],
        cache: Option<&str>,
        writable: bool,
        options: &StoreArgs,
    ) -> Result<Stores, DesyncError> {
        let opener = self.session.opener(options);
        match (stores, cache) {
            ([], _) => Err(DesyncError::Usage("no store is given".to_owned())),
            ([store], None) if writable => {
                let store = opener.open_writable(store)?;
                Ok(Stores {
                    read: Arc::new(Dedup::new(store.clone())),
                    write: Some(store),
                })
            }
            _ if writable => Err(DesyncError::Usage(
                "--writable takes a single store and no cache".to_owned(),
            )),
            _ => Ok(Stores {
                read: Arc::new(Dedup::new(opener.open_all(stores, cache)?)),
                write: None,
            }),
        }
    }

    /// Reads the store file again at every SIGHUP; if it is wrong, the old stores stay.
    async fn reload_when_asked(
        self: Arc<Self>,
        args: Arc<ChunkServerArgs>,
        swap: Arc<Swap>,
    ) -> Result<(), DesyncError> {
        let Some(file) = args.store_file.as_deref().filter(|_| self.signals) else {
            return std::future::pending().await;
        };
        let mut hangups = Hangups::listen()?;
        loop {
            hangups.next().await;
            let told = match self.stores(&args) {
                Ok(stores) => {
                    swap.replace(stores);
                    format!("read the stores from {} again", file.display())
                }
                Err(error) => format!("the stores stay as they were: {error}"),
            };
            access_log::line(&self.err, &told);
        }
    }
}

/// The bounds of servers for one's own network, where a client may have as many connections as it wants.
fn limits() -> Limits {
    let limits = Limits::default();
    Limits {
        connections: 1024,
        connections_per_address: 1024,
        // As the commands read.
        index_bytes: IndexLimits::default().max_bytes(),
        ..limits
    }
}

/// Chunks that are unpacked at a time: more than are fetched from another server at a time by default, so that those in
/// a cache seldom wait for these.
const UNPACKED_AT_A_TIME: usize = 32;
