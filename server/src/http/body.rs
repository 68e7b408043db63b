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
use poem::http::{HeaderValue, StatusCode, Version, header};
use poem::{Body, Endpoint, Request, Response};
use tokio::time::{Instant, timeout};

use crate::limits::Limits;
use crate::room::{Gathering, Share};
use crate::service::ServiceError;

type BoxBody = http_body_util::combinators::BoxBody<Bytes, io::Error>;

/// Answers `request`; returns the answer, and what `endpoint` left of the body if somebody may still send it.
///
/// That is to be discarded while the answer goes out: who reads only once everything is sent would see a broken connection
/// and not the answer. No more of it is read than any upload has, nor more slowly. Where it is long, or where nobody
/// reads it, an answer over HTTP/1 says that the connection ends, so that the client can spare itself the rest.
pub(super) async fn answered(
    endpoint: &impl Endpoint,
    mut request: Request,
    limits: &Limits,
) -> (Response, Option<Upload>) {
    let body: BoxBody = request.take_body().into();
    if body.is_end_stream() {
        return (endpoint.get_response(request).await, None);
    }
    // HTTP/2 ends a request without its connection, and has no such header.
    let may_end = request.version() < Version::HTTP_2;
    let waits_to_send = request.headers().contains_key(header::EXPECT);
    let lent = Lent(Arc::new(Mutex::new(Reading {
        body,
        progress: Progress::Untouched,
    })));
    request.set_body(lent.clone().boxed());
    let mut response = endpoint.get_response(request).await;
    let is_coming = match lent.progress() {
        // To read from it would ask for all of it.
        Progress::Untouched => !waits_to_send,
        // Who was too slow is not waited for again.
        Progress::Begun => response.status() != StatusCode::REQUEST_TIMEOUT,
        Progress::Over => return (response, None),
    };
    if may_end && !(is_coming && lent.is_short()) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    let rest = is_coming.then(|| {
        let body = Body::from(lent.boxed());
        Upload::new(body, "the rest of a request", limits.longest_upload(), limits)
    });
    (response, rest)
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

    fn progress(&self) -> Progress {
        let reading = self.reading();
        match reading.body.is_end_stream() {
            true => Progress::Over,
            false => reading.progress,
        }
    }

    fn is_short(&self) -> bool {
        let longest = self.size_hint().upper();
        longest.is_some_and(|bytes| bytes <= SHORT_REST)
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
    /// holds the pieces then, and wherever in the body they stand: all of it may be in memory. The first `free` bytes
    /// take none.
    ///
    /// # Errors
    /// As [`Upload::read_within`].
    pub(crate) fn into_stream(
        self,
        share: Share,
        free: usize,
    ) -> impl Stream<Item = Result<Bytes, ServiceError>> + Send + 'static {
        stream::try_unfold((self, share), move |(mut upload, share)| async move {
            let Some(piece) = upload.next().await? else {
                return Ok(None);
            };
            share.grow(upload.seen.saturating_sub(free))?;
            Ok::<_, ServiceError>(Some((piece, (upload, share))))
        })
    }

    /// Reads the body to its end or to where it breaks a limit, and keeps none of it.
    pub(super) async fn discard(mut self) {
        // After the last piece hyper does not say that it was the last one before the next request has come.
        while !self.body.is_end_stream()
            && let Ok(Some(_)) = self.next().await
        {}
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

/// Longest rest of a body, in bytes, after which a connection goes on: a new one would cost more.
const SHORT_REST: u64 = 64 << 10;
/// Time before an upload's speed is judged.
const RATE_GRACE: Duration = Duration::from_secs(30);
