// SPDX-License-Identifier: MIT
//! Reading a body: counted, limited, throttled, and never waited for without end.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use reqwest::Response;
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

    /// Waits for the throttle; that time is not the server's fault and is not counted.
    pub(super) async fn admit(&mut self, throttle: &Throttle) {
        let waited = throttle.admit().await;
        self.end = self.end.and_then(|end| end.checked_add(waited));
    }
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
