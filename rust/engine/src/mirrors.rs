// SPDX-License-Identifier: MIT
//! Several addresses with the same releases: which one is asked first, and which worked last.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use vsekai_formats::ChunkId;
use vsekai_store::{Chunk, ChunkStore, Failover, StoreError};

use crate::disk;
use crate::error::{EngineError, ErrorCode};
use crate::paths::InstallPaths;
use crate::record::{self, Document};

/// The address that worked last, where it is not the first one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    schema: u32,
    /// The address.
    pub(crate) address: String,
    /// How often it was asked first since.
    pub(crate) uses: u32,
}

impl Document for Remembered {
    const WHAT: &'static str = "record of the address that worked last";
}

/// Uses after which the first address gets its chance again.
const USES: u32 = 20;

/// Returns the addresses in the order they are asked: the server first, then its mirrors, but the one that worked
/// last before all others for a while.
pub(crate) fn in_turn(server: &str, mirrors: &[String], remembered: Option<&Remembered>) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    for address in std::iter::once(server).chain(mirrors.iter().map(String::as_str)) {
        let address = address.trim_end_matches('/').to_owned();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let first = remembered
        .filter(|remembered| remembered.uses < USES)
        .and_then(|remembered| {
            addresses
                .iter()
                .position(|address| *address == remembered.address)
        });
    if let Some(first) = first {
        let address = addresses.remove(first);
        addresses.insert(0, address);
    }
    addresses
}

/// Returns what is remembered after `worked` has worked, `server` being the first of the configured addresses.
pub(crate) fn remember(server: &str, worked: &str, before: Option<&Remembered>) -> Option<Remembered> {
    if worked == server.trim_end_matches('/') {
        return None;
    }
    let uses = match before {
        Some(before) if before.address == worked && before.uses < USES => before.uses + 1,
        _ => 0,
    };
    Some(Remembered {
        schema: Remembered::SCHEMA,
        address: worked.to_owned(),
        uses,
    })
}

/// Tells whether another address may do better.
pub(crate) fn may_do_better(error: &EngineError) -> bool {
    use ErrorCode::{Damaged, Expired, NotFound, Offline, Private, Refused, RolledBack, Server, Untrusted};
    matches!(
        error.code(),
        Offline | Server | Refused | Private | NotFound | Damaged | Untrusted | Expired | RolledBack
    )
}

/// Reads which address worked last; a record that cannot be read is none, for it only saves time.
pub(crate) fn load(paths: &InstallPaths) -> Option<Remembered> {
    record::load(&paths.mirror()).ok().flatten()
}

/// Keeps which address worked.
pub(crate) fn store(
    paths: &InstallPaths,
    before: Option<&Remembered>,
    now: Option<&Remembered>,
) -> Result<(), EngineError> {
    // In a folder that was never used, nothing is created just to remember this.
    if before == now || !paths.state().is_dir() {
        return Ok(());
    }
    match now {
        Some(now) => record::store(&paths.mirror(), now),
        None => disk::remove_file(&paths.mirror()),
    }
}

/// Stores with the same chunks that tell which of them worked last.
#[derive(Debug)]
pub(crate) struct Stores {
    failover: Arc<Failover>,
    addresses: Vec<String>,
}

impl Stores {
    /// Makes a store of `stores`, one for each of `addresses`.
    pub(crate) fn new(addresses: Vec<String>, stores: Vec<Arc<dyn ChunkStore>>) -> Self {
        Self {
            failover: Arc::new(Failover::new(stores)),
            addresses,
        }
    }

    /// Returns the address that chunks are asked for first at the moment.
    pub(crate) fn active(&self) -> Option<&str> {
        self.addresses.get(self.failover.active()).map(String::as_str)
    }
}

#[async_trait]
impl ChunkStore for Stores {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        self.failover.get(id).await
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        self.failover.has(id).await
    }

    fn name(&self) -> String {
        self.failover.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(address: &str, uses: u32) -> Remembered {
        Remembered {
            schema: Remembered::SCHEMA,
            address: address.to_owned(),
            uses,
        }
    }

    #[test]
    fn the_address_that_worked_last_is_asked_first_for_a_while() {
        let mirrors = [
            "https://b/".to_owned(),
            "https://a".to_owned(),
            "https://c".to_owned(),
        ];
        let order = |remembered: Option<&Remembered>| in_turn("https://a/", &mirrors, remembered).join(" ");
        assert_eq!(order(None), "https://a https://b https://c");
        assert_eq!(
            order(Some(&remembered("https://c", 0))),
            "https://c https://a https://b"
        );
        assert_eq!(
            order(Some(&remembered("https://c", USES))),
            "https://a https://b https://c"
        );
        assert_eq!(
            order(Some(&remembered("https://gone", 0))),
            "https://a https://b https://c"
        );
    }

    #[test]
    fn the_server_itself_need_not_be_remembered() {
        assert_eq!(
            remember("https://a/", "https://a", Some(&remembered("https://b", 3))),
            None
        );
        let first = remember("https://a", "https://b", None).unwrap();
        assert_eq!(first, remembered("https://b", 0));
        assert_eq!(
            remember("https://a", "https://b", Some(&first)),
            Some(remembered("https://b", 1))
        );
        assert_eq!(
            remember("https://a", "https://c", Some(&first)),
            Some(remembered("https://c", 0))
        );
    }
}
