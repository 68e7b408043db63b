// SPDX-License-Identifier: MIT
//! Uploads: counted byte by byte, whatever their length claims, and cut off when they stall or drip.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use poem::http::{StatusCode, header};
use poem::{Body, Endpoint, Request, Response};
use tokio::time::{Instant, timeout};

use crate::limits::Limits;
use crate::room::{Gathering, Share};
use crate::service::ServiceError;

type BoxBody = http_body_util::combinators::BoxBody<Bytes, io::Error>;

/// Answers `request`, and before that reads what `endpoint` left of its body: who is still sending would see a broken
/// connection and not the answer. Of what is left, no more is read than any upload has, nor more slowly.
pub async fn heard_out(endpoint: &impl Endpoint, mut request: Request, limits: &Limits) -> Response {
    let body: BoxBody = request.take_body().into();
    if body.is_end_stream() {
        return endpoint.get_response(request).await;
    }
    let waits_to_send = request.headers().contains_key(header::EXPECT);
    let lent = Lent(Arc::new(Mutex::new(Reading {
        body,
        progress: Progress::Untouched,
    })));
    request.set_body(lent.clone().boxed());
    let response = endpoint.get_response(request).await;
    let progress = lent.reading().progress;
    let is_coming = match progress {
        // To read from it would ask for all of it.
        Progress::Untouched => !waits_to_send,
        // Who was too slow is not waited for again.
        Progress::Begun => response.status() != StatusCode::REQUEST_TIMEOUT,
        Progress::Over => false,
    };
    if is_coming {
        let rest = Body::from(lent.boxed());
        let rest = Upload::new(rest, "the rest of a request", limits.largest_upload(), limits);
        rest.discard().await;
    }
    response
}

/// A request's body, which is still there when who was given a copy of this has dropped it.
#[derive(Clone)]
struct Lent(Arc<Mutex<Reading>>);

struct Reading {
    body: BoxBody,
    progress: Progress,
}

#[derive(Clone, Copy)]
enum Progress {
    Untouched,
    Begun,
    Over,
}

impl Lent {
    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut reading = self.reading();
        reading.progress = Progress::Begun;
        let frame = ready!(Pin::new(&mut reading.body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            reading.progress = Progress::Over;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.reading().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.reading().body.size_hint()
    }
}

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
            gathering.push(piece)?;
        }
        Ok(gathering.finish())
    }

    /// Returns the body piece by piece; nothing follows an error. Its room is taken in `share` as it is read, whoever
    /// holds the pieces then.
    ///
    /// # Errors
    /// As [`Upload::read_within`].
    pub(crate) fn into_stream(
        self,
        share: Share,
    ) -> impl Stream<Item = Result<Bytes, ServiceError>> + Send + 'static {
        stream::try_unfold((self, share), |(mut upload, share)| async move {
            let Some(piece) = upload.next().await? else {
                return Ok(None);
            };
            share.grow(upload.seen)?;
            Ok::<_, ServiceError>(Some((piece, (upload, share))))
        })
    }

    /// Reads the body and keeps none of it, unless it says that it is too long anyway.
    async fn discard(mut self) {
        if self.body.size_hint().lower() <= self.cap as u64 {
            while let Ok(Some(_)) = self.next().await {}
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
        let piece = self.frame().await?;
        let Some(piece) = piece else { return Ok(None) };
        self.seen = self.seen.saturating_add(piece.len());
        if self.seen > self.cap {
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
}

/// Time before an upload's speed is judged.
const RATE_GRACE: Duration = Duration::from_secs(30);
