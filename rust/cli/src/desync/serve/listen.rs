// SPDX-License-Identifier: MIT
//! `-l`: addresses as Go's programs take them.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt as _, Response};
use tokio::task::JoinSet;
use vsekai_desync::DesyncError;
use vsekai_server::http::desync::{Handshake, RunningRoutes};
use vsekai_server::{Limits, StartError};

/// What to serve, the same at every address.
pub(super) type Routes = Arc<BoxEndpoint<'static, Response>>;

/// Serves at every address, or, if one cannot be listened on, at none.
pub(super) async fn start(
    addresses: &[String],
    handshake: Option<Handshake>,
    routes: &Routes,
    limits: &Limits,
) -> Result<Vec<RunningRoutes>, DesyncError> {
    let mut running = Vec::new();
    for address in addresses {
        match start_at(address, &handshake, routes, limits).await {
            Ok(server) => running.push(server),
            Err(error) => {
                stop(running).await;
                return Err(error);
            }
        }
    }
    Ok(running)
}

/// Stops servers, all at the same time.
pub(super) async fn stop(running: Vec<RunningRoutes>) {
    let mut stopping = JoinSet::new();
    for server in running {
        stopping.spawn(server.stop());
    }
    while stopping.join_next().await.is_some() {}
}

async fn start_at(
    address: &str,
    handshake: &Option<Handshake>,
    routes: &Routes,
    limits: &Limits,
) -> Result<RunningRoutes, DesyncError> {
    let refuse = || DesyncError::Usage(format!("{address:?} is no address to listen on, such as :8080"));
    let (host, port) = split(address).ok_or_else(refuse)?;
    let candidates: Vec<SocketAddr> = match host {
        "" => vec![
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
        ],
        host => {
            let found = tokio::net::lookup_host((host, port)).await;
            let found = found.map_err(|source| DesyncError::File {
                action: "look up the address to listen on",
                source,
            })?;
            let mut found: Vec<SocketAddr> = found.collect();
            found.sort_by_key(SocketAddr::is_ipv6);
            found.truncate(1);
            found
        }
    };
    let mut last = refuse();
    for candidate in candidates {
        let routes = routes.clone().boxed();
        let started = match handshake.clone() {
            Some(handshake) => RunningRoutes::start_tls(candidate, handshake, routes, limits.clone()).await,
            None => RunningRoutes::start(candidate, routes, limits.clone()).await,
        };
        match started {
            Ok(server) => return Ok(server),
            // A system without IPv6 has the other "all addresses"; a port that is taken is taken there too.
            Err(StartError::Listen { address, source }) => {
                let kind = source.kind();
                last = DesyncError::File {
                    action: "listen",
                    source: io::Error::new(kind, format!("{address}: {source}")),
                };
                if kind == io::ErrorKind::AddrInUse {
                    break;
                }
            }
            Err(error) => return Err(DesyncError::Internal(error.to_string())),
        }
    }
    Err(last)
}

/// Splits `host:port`; the host may be empty or an IPv6 address in brackets, the port a name.
fn split(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(host) => host.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    let port = match port {
        "http" => 80,
        "https" => 443,
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => number.parse().ok()?,
        _ => return None,
    };
    Some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_gos_form() {
        assert_eq!(split(":http"), Some(("", 80)));
        assert_eq!(split("localhost:8080"), Some(("localhost", 8080)));
        assert_eq!(split("[::1]:443"), Some(("::1", 443)));
        assert_eq!(split("127.0.0.1:https"), Some(("127.0.0.1", 443)));
        for bad in ["", "8080", "::1:80", ":99999", ":+1", "[::1:80", "host:"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
