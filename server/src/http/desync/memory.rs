// SPDX-License-Identifier: MIT
//! Memory for what clients send and get, however many of them there are.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::limits::Limits;
use crate::room::{Room, Share, keep};

/// What the requests to one server may take of it at a time.
#[derive(Debug)]
pub(super) struct Memory {
    uploads: Room,
    turns: Semaphore,
    /// A permit for each KiB, `most` in all.
    answers: Arc<Semaphore>,
    most: usize,
    patience: Duration,
}

impl Memory {
    /// Makes [`Limits::chunk_checks`] turns, and [`Limits::upload_memory`] for uploads and as much again for answers.
    /// The uploads of one client get half of theirs. There is always enough for one upload that takes `largest` bytes.
    pub(super) fn new(limits: &Limits, largest: usize) -> Self {
        let memory = limits.upload_memory;
        let most = (memory / KIB).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            uploads: Room::of(memory.max(largest), largest),
            turns: Semaphore::new(limits.chunk_checks.clamp(1, Semaphore::MAX_PERMITS)),
            answers: Arc::new(Semaphore::new(most)),
            most,
            patience: limits.stall_timeout,
        }
    }

    /// Begins an upload of `client`, which takes no memory yet.
    pub(super) fn upload(&self, client: IpAddr) -> Share {
        self.uploads.share(&client.to_string())
    }

    /// Waits for a turn at having something whole in memory that may be large, such as a chunk that is unpacked. It ends
    /// when what is returned is dropped.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so a turn always comes.
        self.turns.acquire().await.ok()
    }

    /// Waits until there is room for `bytes` among the answers on their way, and returns them so that they keep it until
    /// they are sent; `None` if there is none for as long as a client may stall.
    pub(super) async fn to_send(&self, bytes: Bytes) -> Option<Bytes> {
        let len = bytes.len().div_ceil(KIB).min(self.most);
        let room = self
            .answers
            .clone()
            .acquire_many_owned(u32::try_from(len).unwrap_or(u32::MAX));
        // The semaphore is never closed, so only time ends the wait.
        let room = timeout(self.patience, room).await.ok()?.ok()?;
        Some(keep(bytes, room))
    }
}

const KIB: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory with which answers have `kib` KiB, for which nobody waits longer than `patience`.
    fn memory(kib: usize, patience: Duration) -> Memory {
        let limits = Limits {
            upload_memory: kib * KIB,
            stall_timeout: patience,
            ..Limits::default()
        };
        Memory::new(&limits, 0)
    }

    fn answer(kib: usize) -> Bytes {
        vec![7; kib * KIB].into()
    }

    #[tokio::test]
    async fn an_answer_waits_until_others_are_sent() {
        let memory = memory(4, Duration::from_secs(3600));
        let first = memory.to_send(answer(3)).await.unwrap();
        let part = first.slice(1..2);
        let mut second = Box::pin(memory.to_send(answer(2)));
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        assert!(futures::poll!(&mut second).is_pending());
        drop(part);
        assert_eq!(second.await.unwrap(), answer(2));
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_to_be_answered() {
        let memory = memory(4, Duration::ZERO);
        let first = memory.to_send(answer(3)).await.unwrap();
        assert_eq!(memory.to_send(answer(2)).await, None);
        drop(first);
        assert!(memory.to_send(answer(2)).await.is_some());
    }

    #[tokio::test]
    async fn an_answer_that_is_longer_than_the_room_gets_all_of_it() {
        let memory = memory(4, Duration::ZERO);
        let long = memory.to_send(answer(9)).await.unwrap();
        assert_eq!(long, answer(9));
        assert_eq!(memory.to_send(answer(1)).await, None);
        drop(long);
        assert!(memory.to_send(answer(1)).await.is_some());
    }
}
