// SPDX-License-Identifier: MIT
//! Bodies: read counted, limited and throttled, sent in pieces, and never waited for without end.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream};
use reqwest::{Body, Response};
use tokio::time::{Instant, timeout};

use crate::throttle::Throttle;

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is longer than allowed.
    TooLong,
    /// The connection broke; the text says how.
    Broken(String),
}

/// The two time limits of one request.
#[derive(Debug)]
pub(super) struct Deadline {
    stall: Duration,
    end: Option<Instant>,
}

impl Deadline {
    pub(super) fn new(stall: Duration, total: Option<Duration>) -> Self {
        let end = total.and_then(|total| Instant::now().checked_add(total));
        Self { stall, end }
    }

    /// Waits for `step`, but no longer than either limit allows.
    pub(super) async fn limit<T>(&self, step: impl Future<Output = T>) -> Result<T, String> {
        let left = self.end.map(|end| end.saturating_duration_since(Instant::now()));
        let most = left.map_or(self.stall, |left| left.min(self.stall));
        match timeout(most, step).await {
            Ok(value) => Ok(value),
            Err(_) if left.is_some_and(|left| left < self.stall) => {
                Err("the request took too long".to_owned())
            }
            Err(_) => Err(format!("nothing came for {:.1} s", self.stall.as_secs_f64())),
        }
    }

    /// As [`Deadline::limit`], for a step during which a body is sent: it is not late as long as pieces of that go out.
    pub(super) async fn limit_sending<T>(
        &self,
        progress: &Progress,
        step: impl Future<Output = T>,
    ) -> Result<T, String> {
        let mut step = pin!(step);
        loop {
            let before = progress.pieces();
            match self.limit(step.as_mut()).await {
                Err(_) if progress.pieces() > before && !self.is_over() => {}
                ended => return ended,
            }
        }
    }

    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end <= Instant::now())
    }

    /// Waits for the throttle; that time is not the server's fault and is not counted.
    pub(super) async fn admit(&mut self, throttle: &Throttle) {
        let waited = throttle.admit().await;
        self.end = self.end.and_then(|end| end.checked_add(waited));
    }
}

/// How many pieces of a body were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress(Arc<AtomicUsize>);

impl Progress {
    fn pieces(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns a body of `bytes` that notes in `progress` how it goes out. It does not know its length.
pub(super) fn in_pieces(mut bytes: Bytes, progress: Progress) -> Body {
    let pieces = std::iter::from_fn(move || {
        progress.note();
        let piece = bytes.split_to(bytes.len().min(PIECE));
        (!piece.is_empty()).then_some(Ok::<_, Infallible>(piece))
    });
    Body::wrap_stream(stream::iter(pieces))
}

/// Reads the body of `response`, at most `max` bytes of it.
pub(super) async fn read(
    response: Response,
    max: usize,
    throttle: &Throttle,
    deadline: &mut Deadline,
) -> Result<Bytes, BodyError> {
    let announced = response.content_length();
    if announced.is_some_and(|length| length > max as u64) {
        return Err(BodyError::TooLong);
    }
    // What is announced is not believed for more than a first guess.
    let guess = announced
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(0);
    let mut body = BytesMut::with_capacity(guess.min(FIRST_GUESS));
    let mut pieces = response.bytes_stream();
    loop {
        deadline.admit(throttle).await;
        let piece = match deadline.limit(pieces.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(error))) => {
                return Err(broken(&super::client::describe(&error), body.len(), announced));
            }
            Ok(None) => return Ok(body.freeze()),
            Err(reason) => return Err(broken(&reason, body.len(), announced)),
        };
        throttle.spend(piece.len());
        if piece.len() > max - body.len() {
            return Err(BodyError::TooLong);
        }
        body.extend_from_slice(&piece);
    }
}

fn broken(reason: &str, read: usize, announced: Option<u64>) -> BodyError {
    BodyError::Broken(match announced {
        Some(length) => format!("it broke off after {read} of {length} bytes: {reason}"),
        None => format!("it broke off after {read} bytes: {reason}"),
    })
}

const FIRST_GUESS: usize = 256 << 10;
/// Longest piece of a body that is sent, in bytes.
pub(super) const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn sending_may_take_as_long_as_pieces_go_out() {
        let (deadline, progress) = (Deadline::new(STALL, None), Progress::default());
        let slow = async {
            for _ in 0..10 {
                tokio::time::sleep(STALL * 9 / 10).await;
                progress.note();
            }
        };
        assert_eq!(deadline.limit_sending(&progress, slow).await, Ok(()));
        let began = Instant::now();
        let silent = deadline.limit_sending(&progress, std::future::pending::<()>());
        assert!(silent.await.unwrap_err().starts_with("nothing came"));
        assert_eq!(began.elapsed().as_secs(), STALL.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn sending_takes_no_longer_than_the_whole_request_may() {
        let (deadline, progress) = (Deadline::new(STALL, Some(STALL * 5 / 2)), Progress::default());
        let endless = async {
            loop {
                tokio::time::sleep(STALL / 2).await;
                progress.note();
            }
        };
        let ended: Result<(), String> = deadline.limit_sending(&progress, endless).await;
        assert_eq!(ended.unwrap_err(), "the request took too long");
    }
}
