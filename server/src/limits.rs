// SPDX-License-Identifier: MIT
//! Every bound the server puts on its clients, in one place.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer};
use vsekai_formats::release;

use crate::rates::Rate;

/// What one client may take from the server before it is cut off.
///
/// In the configuration file these stand in `[limits]`; times are whole seconds, sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections open at once. Each costs a task and up to `head_bytes` of buffer; 512 stay below 64 MiB.
    pub connections: usize,
    /// Connections open at once from one address, so that no single one can take them all. Behind a reverse
    /// proxy all clients share the proxy's address: name it in `trust_proxies`.
    pub connections_per_address: usize,
    /// Time for a request's head to arrive once it has begun, and for a connection's first request to begin.
    /// A client that sends a byte now and then does not get more.
    #[serde(deserialize_with = "seconds")]
    pub head_timeout: Duration,
    /// Longest request head, in bytes. Also the read buffer of uploads, hence not smaller.
    pub head_bytes: usize,
    /// Time a connection may wait for its next request. Publishers think for a while between two uploads.
    #[serde(deserialize_with = "seconds")]
    pub idle_timeout: Duration,
    /// Time without a single byte of a body, in either direction, after which the client has gone.
    #[serde(deserialize_with = "seconds")]
    pub stall_timeout: Duration,
    /// Slowest upload in bytes per second, averaged from 30 s after its start: dripping bytes just below the
    /// stall time-out does not hold a connection.
    pub upload_rate: u64,
    /// Time after which a connection is asked to end; what is under way may take as long again. Ends readers
    /// that take a few bytes a minute.
    #[serde(deserialize_with = "seconds")]
    pub connection_lifetime: Duration,
    /// Time for requests under way to finish once the server has been asked to stop.
    #[serde(deserialize_with = "seconds")]
    pub stop_grace: Duration,
    /// HTTP/2 requests at once on one connection.
    pub http2_streams: u32,
    /// HTTP/2 requests taken back by the client that may be pending ("rapid reset").
    pub http2_pending_resets: usize,
    /// Largest plain chunk accepted, in bytes. Chunkers in use cut at 4 MiB or below; an upload holds about
    /// twice this much memory while it is checked.
    pub chunk_bytes: usize,
    /// Memory for the bodies of uploads that are under way, in bytes: chunks, indexes, releases and signed metadata. Who
    /// finds no room is told to come again, so that no token can make the server run out of memory. Not below
    /// [`Limits::largest_upload`], for which there would never be room; from twice that on, no token can keep the others
    /// from uploading either. A body grows by doubling, so the system may be asked for up to twice as much.
    pub upload_memory: usize,
    /// Chunk uploads decompressed and hashed at once; bounds processor time taken from downloads.
    pub chunk_checks: usize,
    /// Chunk ids in one question for missing chunks.
    pub chunk_query: usize,
    /// Chunks sent in one answer to a request for many.
    pub chunk_fetch: usize,
    /// Missing chunks named in one answer to a release that lacks some.
    pub missing_reported: usize,
    /// Largest index accepted, in bytes: 1.6 million chunks, about 100 GiB of build at common chunk sizes.
    pub index_bytes: usize,
    /// Largest manifest accepted, in bytes; no client reads a larger one.
    pub manifest_bytes: usize,
    /// Largest change of signed metadata accepted, in bytes: a channel with some ten thousand releases.
    pub metadata_bytes: usize,
    /// Largest contents document accepted, in bytes as uploaded; no client reads a larger one.
    pub contents_stored_bytes: usize,
    /// Largest contents document accepted, in bytes after decompression: about two million files.
    pub contents_bytes: usize,
    /// Requests from one address for what players read; none by default, for whole schools and mobile networks share
    /// one address, and connections, slow readers and processor time have bounds of their own.
    pub reads: Rate,
    /// Other requests from one address, uploads excepted: publishing asks for thousands of chunks in one of them.
    pub calls: Rate,
    /// Requests with one token, uploads of chunks among them.
    pub token_requests: Rate,
    /// Bytes that may be uploaded with one token in a day (UTC), so that a token which got lost cannot fill the disk;
    /// 0 for no bound.
    pub upload_bytes_per_day: u64,
    /// Reverse proxies whose word about the address of a client is taken, as networks such as `127.0.0.0/8`. Their
    /// connections are not bounded by `connections_per_address`.
    pub trust_proxies: Vec<IpNet>,
    /// The header that these proxies write.
    pub forwarded_header: ForwardedHeader,
    /// Releases verified at once. One verification holds the parsed contents and index in memory.
    pub release_checks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_per_address: 64,
            head_timeout: Duration::from_secs(10),
            head_bytes: 64 << 10,
            idle_timeout: Duration::from_secs(75),
            stall_timeout: Duration::from_secs(15),
            upload_rate: 8 << 10,
            connection_lifetime: Duration::from_secs(3600),
            stop_grace: Duration::from_secs(30),
            http2_streams: 64,
            http2_pending_resets: 20,
            chunk_bytes: 16 << 20,
            upload_memory: 512 << 20,
            chunk_checks: 8,
            chunk_query: 4096,
            chunk_fetch: vsekai_store::http::batch::MOST_CHUNKS,
            missing_reported: 1000,
            index_bytes: 64 << 20,
            manifest_bytes: release::MAX_MANIFEST_BYTES,
            metadata_bytes: 8 << 20,
            contents_stored_bytes: release::MAX_CONTENTS_STORED_BYTES,
            contents_bytes: release::MAX_CONTENTS_BYTES / 2,
            reads: Rate::NONE,
            calls: Rate {
                per_second: 50,
                burst: 1000,
            },
            token_requests: Rate {
                per_second: 4000,
                burst: 40_000,
            },
            upload_bytes_per_day: 1 << 40,
            trust_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::default(),
            release_checks: 1,
        }
    }
}

/// A header in which a reverse proxy tells whom it speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which most proxies add to.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardedHeader {
    /// Returns its name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }
}

impl Limits {
    /// Tells whether what `address` says about its clients is believed.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trust_proxies
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Returns the most bytes a chunk's upload can have: a frame of bytes that do not compress is a little
    /// longer than they are.
    pub fn chunk_stored_bytes(&self) -> usize {
        self.chunk_bytes.saturating_add(self.chunk_bytes / 128 + 1024)
    }

    /// Returns the most bytes of each part of a release: manifest, contents, index and signed metadata.
    pub fn release_parts(&self) -> [usize; RELEASE_PARTS] {
        [
            self.manifest_bytes,
            self.contents_stored_bytes,
            self.index_bytes,
            self.metadata_bytes,
        ]
    }

    /// Returns the most bytes that the upload of a release can have: its parts and what stands around them.
    pub fn release_bytes(&self) -> usize {
        self.all_release_parts().saturating_add(AROUND_RELEASE_PARTS)
    }

    /// Returns the most bytes that one upload can have, of whatever kind.
    pub(crate) fn longest_upload(&self) -> usize {
        self.release_bytes().max(self.chunk_stored_bytes())
    }

    /// Returns the most bytes of memory that one upload can take, of whatever kind. What stands around the parts of a
    /// release is not counted: it is no more than a connection has for a head.
    pub fn largest_upload(&self) -> usize {
        self.all_release_parts().max(self.chunk_stored_bytes())
    }

    fn all_release_parts(&self) -> usize {
        self.release_parts().into_iter().fold(0, usize::saturating_add)
    }
}

/// Parts of a release.
pub const RELEASE_PARTS: usize = 4;
/// Most bytes that may stand around all parts of a release: for each of them, and for the end, a boundary of up to 70
/// characters and some short headers.
pub(crate) const AROUND_RELEASE_PARTS: usize = (RELEASE_PARTS + 1) * 1024;

/// Reads a number of whole seconds, as times stand in the configuration file.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}
