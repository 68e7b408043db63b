// SPDX-License-Identifier: MIT
//! Every bound the server puts on its clients, in one place.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use vsekai_formats::release;

/// What one client may take from the server before it is cut off.
///
/// In the configuration file these stand in `[limits]`; times are whole seconds, sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections open at once. Each costs a task and up to `head_bytes` of buffer; 512 stay below 64 MiB.
    pub connections: usize,
    /// Connections open at once from one address, so that no single one can take them all. Behind a reverse
    /// proxy all clients share the proxy's address: set it to `connections` there.
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
    /// twice this much memory.
    pub chunk_bytes: usize,
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
            chunk_checks: 8,
            chunk_query: 4096,
            chunk_fetch: vsekai_store::http::batch::MOST_CHUNKS,
            missing_reported: 1000,
            index_bytes: 64 << 20,
            manifest_bytes: release::MAX_MANIFEST_BYTES,
            metadata_bytes: 8 << 20,
            contents_stored_bytes: release::MAX_CONTENTS_STORED_BYTES,
            contents_bytes: release::MAX_CONTENTS_BYTES / 2,
            release_checks: 1,
        }
    }
}

impl Limits {
    /// Returns the most bytes a chunk's upload can have: a frame of bytes that do not compress is a little
    /// longer than they are.
    pub fn chunk_stored_bytes(&self) -> usize {
        self.chunk_bytes.saturating_add(self.chunk_bytes / 128 + 1024)
    }
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_secs)
}
