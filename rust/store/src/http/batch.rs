// SPDX-License-Identifier: MIT
//! Many chunks in one exchange, from servers that offer it: on a long line one round trip serves them all.
//!
//! A shortcut and nothing more. Where it is not offered, breaks off or brings something wrong, the chunks are
//! fetched one by one as ever; so nothing here is tried again, and nothing that comes is believed before
//! [`Chunk::decode`](crate::Chunk::decode) has verified it.

use bytes::{Buf as _, Bytes, BytesMut};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use vsekai_formats::ChunkId;

use super::answer;
use super::call::HttpCall;
use super::origin::{Exchange, HttpOrigin};
use crate::error::{Object, StoreError};
use crate::format::StoreFormat;

/// The route for many chunks at once: `POST` of ids, each 32 bytes, to an origin's [`PATH`].
///
/// The answer has, for each id in turn, a length of four bytes (little-endian) and as many bytes of the
/// stored chunk, or [`ABSENT`] for a chunk that the server does not have.
#[derive(Clone, Debug)]
pub struct HttpBatches {
    origin: HttpOrigin,
    format: StoreFormat,
}

/// An answer that is being read. Dropping it ends the exchange.
#[derive(Debug)]
pub struct HttpBatch<'a> {
    origin: &'a HttpOrigin,
    exchange: Exchange<'a>,
    wanted: std::vec::IntoIter<ChunkId>,
    buffer: BytesMut,
    max_stored: usize,
}

impl HttpBatches {
    /// Asks below `origin` for chunks of the form `format`.
    pub fn new(origin: HttpOrigin, format: StoreFormat) -> Self {
        Self { origin, format }
    }

    /// Asks for chunks, at most [`MOST_CHUNKS`]; `None` if the server does not offer this.
    ///
    /// # Errors
    /// The server cannot be reached or cannot answer now. The request is not repeated.
    pub async fn open(&self, ids: Vec<ChunkId>) -> Result<Option<HttpBatch<'_>>, StoreError> {
        let body: Vec<u8> = ids.iter().flat_map(|id| id.as_bytes()).copied().collect();
        let call = HttpCall::new(Method::POST, PATH).with_body("application/octet-stream", body);
        let exchange = self.origin.send(&call, false).await?;
        let (status, headers) = exchange.head();
        if answer::is_passing(status) {
            return Err(answer::status_error(self.origin.name(), status, &headers, b""));
        }
        // Hosts of static files answer anything, some even with a page and status 200.
        let offered = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
        Ok((status == StatusCode::OK && offered).then(|| HttpBatch {
            origin: &self.origin,
            exchange,
            wanted: ids.into_iter(),
            buffer: BytesMut::new(),
            max_stored: self.format.max_stored(),
        }))
    }
}

impl HttpBatch<'_> {
    /// Returns the next chunk as it is stored, not verified; without bytes if the server does not have it.
    /// `None` after the last one.
    ///
    /// # Errors
    /// The answer broke off, stalled, or is not what was asked for; what came before is good.
    pub async fn next(&mut self) -> Result<Option<(ChunkId, Option<Bytes>)>, StoreError> {
        let Some(id) = self.wanted.next() else {
            return self.end().await.map(|()| None);
        };
        self.fill(LENGTH_BYTES).await?;
        let length = self.buffer.get_u32_le();
        if length == ABSENT {
            return Ok(Some((id, None)));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > self.max_stored {
            return Err(self.invalid(format!("chunk {id} is said to have {length} bytes")));
        }
        self.fill(length).await?;
        Ok(Some((id, Some(self.buffer.split_to(length).freeze()))))
    }

    /// Reads until `length` bytes are there.
    async fn fill(&mut self, length: usize) -> Result<(), StoreError> {
        while self.buffer.len() < length {
            let Some(piece) = self.exchange.piece(self.origin).await? else {
                return Err(self.invalid("it ended too early".to_owned()));
            };
            self.buffer.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// Reads the end, without which the connection could not be used again.
    async fn end(&mut self) -> Result<(), StoreError> {
        if self.buffer.is_empty() && self.exchange.piece(self.origin).await?.is_none() {
            return Ok(());
        }
        Err(self.invalid("it goes on behind the last chunk".to_owned()))
    }

    fn invalid(&self, reason: String) -> StoreError {
        StoreError::invalid(self.origin.name(), Object::File(PATH.to_owned()), reason)
    }
}

/// Where the route is, below the server's address.
pub const PATH: &str = "api/v1/chunks/fetch";
/// The media type of the answer.
pub const MEDIA_TYPE: &str = "application/vnd.vsekai.chunks";
/// In place of a length: the server does not have the chunk.
pub const ABSENT: u32 = u32::MAX;
/// Most chunks in one request: their ids fit into the first packets of a new connection.
pub const MOST_CHUNKS: usize = 256;

const LENGTH_BYTES: usize = 4;
