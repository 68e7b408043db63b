// SPDX-License-Identifier: MIT
//! Uploads: counted byte by byte, whatever their length claims, and cut off when they stall or drip.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use http_body_util::BodyExt as _;
use poem::Body;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::limits::Limits;
use crate::room::{Gathering, Share};
use crate::service::ServiceError;

type BoxBody = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;

/// A request's body that ends in an error once it breaks a limit.
pub struct Upload {
    body: BoxBody,
    what: &'static str,
    cap: usize,
    seen: usize,
    started: Instant,
    stall_timeout: Duration,
    rate: u64,
}

impl Upload {
    /// Starts to read `body`, of which at most `cap` bytes are accepted; `what` names it in errors.
    pub fn new(body: Body, what: &'static str, cap: usize, limits: &Limits) -> Self {
        Self {
            body: body.into(),
            what,
            cap,
            seen: 0,
            started: Instant::now(),
            stall_timeout: limits.stall_timeout,
            rate: limits.upload_rate,
        }
    }

    /// Returns the whole body, which is a short one.
    ///
    /// # Errors
    /// It is too long, too slow, or broke off.
    pub async fn read(self) -> Result<Bytes, ServiceError> {
        self.gather(Gathering::default()).await
    }

    /// As [`Upload::read`], for one that may be long: it takes the room of `share` until the last copy of it is dropped.
    ///
    /// # Errors
    /// As there; [`ServiceError::Unavailable`] if others leave it no room.
    pub(crate) async fn read_within(self, share: Share) -> Result<Bytes, ServiceError> {
        self.gather(Gathering::within(share)).await
    }

    async fn gather(mut self, mut gathering: Gathering) -> Result<Bytes, ServiceError> {
        while let Some(piece) = self.next().await? {
            if let Err(full) = gathering.push(piece) {
                // The rest takes no room now.
                drop(gathering);
                self.discard().await?;
                return Err(full.into());
            }
        }
        Ok(gathering.finish())
    }

    /// Reads what is left and keeps none of it: who is still sending would see a broken connection and not the answer.
    ///
    /// # Errors
    /// It is too long, too slow, or broke off.
    pub(crate) async fn discard(&mut self) -> Result<(), ServiceError> {
        while self.next().await?.is_some() {}
        Ok(())
    }

    /// Returns the body piece by piece; nothing follows an error. Its room is taken in `share` as it is read, whoever
    /// holds the pieces then. What is left after an error is in `upload`.
    ///
    /// # Errors
    /// As [`Upload::read_within`].
    pub(crate) fn pieces(
        upload: Arc<Mutex<Self>>,
        share: Share,
    ) -> impl Stream<Item = Result<Bytes, ServiceError>> + Send + 'static {
        stream::try_unfold((upload, share), |(upload, share)| async move {
            let mut reading = upload.lock().await;
            let (piece, seen) = (reading.next().await?, reading.seen);
            drop(reading);
            let Some(piece) = piece else {
                return Ok(None);
            };
            if let Err(full) = share.grow(seen) {
                return Err(ServiceError::from(full));
            }
            Ok(Some((piece, (upload, share))))
        })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        let piece = self.frame().await?;
        let Some(piece) = piece else { return Ok(None) };
        self.seen = self.seen.saturating_add(piece.len());
        if self.seen > self.cap {
            self.drain().await;
            return Err(ServiceError::TooLarge {
                what: self.what,
                limit: self.cap,
            });
        }
        if self.drips() {
            return Err(ServiceError::Stalled);
        }
        Ok(Some(piece))
    }

    async fn frame(&mut self) -> Result<Option<Bytes>, ServiceError> {
        loop {
            let frame = timeout(self.stall_timeout, self.body.frame()).await;
            match frame.map_err(|_| ServiceError::Stalled)? {
                None => return Ok(None),
                Some(Err(_)) => return Err(ServiceError::Broken),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    // Trailers: nothing in them is of use here.
                    Err(_) => continue,
                },
            }
        }
    }

    fn drips(&self) -> bool {
        let elapsed = self.started.elapsed();
        elapsed > RATE_GRACE && (self.seen as u64) < self.rate.saturating_mul(elapsed.as_secs())
    }

    /// Reads a little more, so that a client just over the limit sees the answer rather than a broken pipe.
    async fn drain(&mut self) {
        let mut left = DRAIN_BYTES;
        while let Ok(Some(piece)) = self.frame().await {
            self.seen = self.seen.saturating_add(piece.len());
            left = left.saturating_sub(piece.len());
            if left == 0 || self.drips() {
                return;
            }
        }
    }
}

/// Time before an upload's speed is judged.
const RATE_GRACE: Duration = Duration::from_secs(30);
/// Bytes that are read of a body that was refused.
const DRAIN_BYTES: usize = 48 << 10;
