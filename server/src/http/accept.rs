// SPDX-License-Identifier: MIT
//! The accept loop: permits for connections, overall and per address, and a graceful stop within a bound.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{self, Peer, Terms};
#[cfg(target_os = "linux")]
use super::lane::Lane;
use crate::limits::Limits;
use crate::rates::owner;

/// What requests are read from and answers written to.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Makes a connection that was accepted ready for requests, as TLS does.
pub type Handshake = Arc<dyn Fn(TcpStream) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> + Send + Sync>;

/// What answers requests.
#[derive(Clone)]
pub struct Routes {
    pub(super) endpoint: Arc<BoxEndpoint<'static, Response>>,
    #[cfg(target_os = "linux")]
    pub(super) lane: Option<Arc<Lane>>,
}

impl Routes {
    /// Lets connections without a handshake begin in `lane`.
    #[cfg(target_os = "linux")]
    pub(super) fn with_lane(self, lane: Option<Lane>) -> Self {
        Self {
            lane: lane.map(Arc::new),
            ..self
        }
    }
}

impl From<BoxEndpoint<'static, Response>> for Routes {
    fn from(endpoint: BoxEndpoint<'static, Response>) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            #[cfg(target_os = "linux")]
            lane: None,
        }
    }
}

/// Serves connections until `stop` is called; then answers what is under way within the grace time.
pub async fn serve(
    listener: TcpListener,
    routes: impl Into<Routes>,
    limits: Arc<Limits>,
    stop: CancellationToken,
) {
    serve_after(listener, None, routes.into(), limits, stop).await;
}

/// As [`serve`], with a handshake first, which may take as long as a request's head.
pub(crate) async fn serve_after(
    listener: TcpListener,
    handshake: Option<Handshake>,
    routes: Routes,
    limits: Arc<Limits>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let addresses = Addresses::default();
    let mut tasks = JoinSet::new();
    // A place first: when all are taken, clients wait in the system's queue and cost nothing here.
    while let Some(place) = next(places.clone().acquire_owned(), &stop)
        .await
        .and_then(Result::ok)
    {
        while tasks.try_join_next().is_some() {}
        let Some(accepted) = next(listener.accept(), &stop).await else {
            break;
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                refused_by_system(&error).await;
                continue;
            }
        };
        let most = match limits.trusts(remote.ip()) {
            true => usize::MAX,
            false => limits.connections_per_address,
        };
        let Some(address) = addresses.enter(remote.ip(), most) else {
            tracing::debug!(%remote, "refused a connection: too many from that address");
            continue;
        };
        // Answers are written whole, so waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let (handshake, routes) = (handshake.clone(), routes.clone());
        let (limits, stop) = (limits.clone(), stop.clone());
        tasks.spawn(async move {
            let scheme = handshake.as_ref().map_or(Scheme::HTTP, |_| Scheme::HTTPS);
            let peer = Peer {
                address: remote,
                scheme,
            };
            match handshake {
                None => connection::serve_plain(stream, peer, routes, limits, stop).await,
                Some(handshake) => match shake_hands(handshake(stream), &limits, &stop).await {
                    Ok(stream) => {
                        let terms = Terms::new(Instant::now(), &limits);
                        connection::serve(stream, terms, peer, routes, limits, stop).await;
                    }
                    Err(error) => tracing::debug!(%remote, %error, "a handshake failed"),
                },
            }
            drop((place, address));
        });
    }
    drop(listener);
    finish(tasks, limits.stop_grace).await;
}

async fn next<T>(event: impl Future<Output = T>, stop: &CancellationToken) -> Option<T> {
    stop.run_until_cancelled(event).await
}

async fn shake_hands<S>(
    handshake: impl Future<Output = io::Result<S>>,
    limits: &Limits,
    stop: &CancellationToken,
) -> io::Result<S> {
    match next(timeout(limits.head_timeout, handshake), stop).await {
        Some(Ok(outcome)) => outcome,
        Some(Err(late)) => Err(late.into()),
        None => Err(io::Error::other("the server is stopping")),
    }
}

async fn finish(mut tasks: JoinSet<()>, grace: Duration) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(grace, all).await.is_err() {
        tracing::warn!(
            connections = tasks.len(),
            "cut off clients that did not finish in time"
        );
        tasks.shutdown().await;
    }
}

/// Out of file descriptors or memory, or a client that left in the queue: neither ends the server.
async fn refused_by_system(error: &io::Error) {
    let left = [
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::Interrupted,
    ];
    if !left.contains(&error.kind()) {
        tracing::warn!(%error, "cannot accept a connection");
        sleep(ACCEPT_PAUSE).await;
    }
}

/// Open connections by address.
#[derive(Clone, Debug, Default)]
struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Addresses {
    /// Counts a connection from `address` until the place is dropped, or refuses it.
    fn enter(&self, address: IpAddr, most: usize) -> Option<Place> {
        let address = owner(address);
        let mut counts = self.counts();
        let count = counts.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place {
            addresses: self.clone(),
            address,
        })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A counted connection.
#[derive(Debug)]
struct Place {
    addresses: Addresses,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.addresses.counts();
        let left = counts
            .get(&self.address)
            .copied()
            .unwrap_or_default()
            .saturating_sub(1);
        match left {
            0 => drop(counts.remove(&self.address)),
            left => drop(counts.insert(self.address, left)),
        }
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_one_owner_are_counted_together() {
        let addresses = Addresses::default();
        let first = addresses.enter("2001:db8::1".parse().unwrap(), 2).unwrap();
        let second = addresses.enter("2001:db8::2".parse().unwrap(), 2);
        assert!(second.is_some());
        assert!(addresses.enter("2001:db8::3".parse().unwrap(), 2).is_none());
        assert!(addresses.enter("2001:db8:0:1::1".parse().unwrap(), 2).is_some());
        drop(first);
        assert!(addresses.enter("2001:db8::3".parse().unwrap(), 2).is_some());
    }

    #[test]
    fn addresses_without_connections_are_forgotten() {
        let addresses = Addresses::default();
        drop(addresses.enter("192.0.2.1".parse().unwrap(), 1));
        drop(addresses.enter("::ffff:192.0.2.1".parse().unwrap(), 1));
        assert!(addresses.counts().is_empty());
    }
}
