// SPDX-License-Identifier: MIT
//! What the worker has to say, kept until the main thread asks: a queue for what must not be lost, one cell
//! for what is only worth its latest value.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The way from the worker to the main thread.
///
/// [`Outbox::push`] and [`Outbox::set_latest`] take the lock for a few instructions only, so neither side ever
/// waits for the other's work. The queue stays short although nothing in it is dropped: what comes without end
/// goes into the cell, and what a person can repeat without end [`Supersede`]s its older self.
#[derive(Debug)]
pub struct Outbox<D, L> {
    inner: Mutex<Inner<D, L>>,
}

/// One thing taken from an [`Outbox`].
#[derive(Clone, Debug, PartialEq)]
pub enum Item<D, L> {
    /// From the queue.
    Discrete(D),
    /// From the cell.
    Latest(L),
}

/// Tells which messages make an older one pointless while nobody has read it.
pub trait Supersede {
    /// Tells whether `self` says everything that matters about `older`, the message right before it.
    fn supersedes(&self, older: &Self) -> bool;
}

impl<D: Supersede, L> Outbox<D, L> {
    /// Returns an empty outbox.
    pub fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                next: 0,
                queue: VecDeque::new(),
                latest: None,
            }),
        }
    }

    /// Puts `message` at the end of the queue.
    pub fn push(&self, message: D) {
        let mut inner = self.lock();
        let number = inner.take_number();
        let backlog = inner.queue.len() >= BACKLOG;
        match inner.queue.back_mut() {
            Some((_, last)) if backlog && message.supersedes(last) => *last = message,
            _ => inner.queue.push_back((number, message)),
        }
    }

    /// Replaces the cell's value.
    pub fn set_latest(&self, value: L) {
        let mut inner = self.lock();
        let number = inner.take_number();
        inner.latest = Some((number, value));
    }

    /// Takes up to `limit` messages and the cell's value, in the order they were said.
    ///
    /// The value waits while messages said before it are still queued. The limit does not count the value.
    pub fn drain(&self, limit: usize) -> Vec<Item<D, L>> {
        let mut inner = self.lock();
        let mut items = Vec::new();
        while items.len() < limit {
            let Some((number, message)) = inner.queue.pop_front() else {
                break;
            };
            if inner.latest.as_ref().is_some_and(|(at, _)| *at < number) {
                items.extend(inner.latest.take().map(|(_, value)| Item::Latest(value)));
            }
            items.push(Item::Discrete(message));
        }
        let next = inner.queue.front().map(|(number, _)| *number);
        if inner
            .latest
            .as_ref()
            .is_some_and(|(at, _)| next.is_none_or(|next| *at < next))
        {
            items.extend(inner.latest.take().map(|(_, value)| Item::Latest(value)));
        }
        items
    }

    fn lock(&self) -> MutexGuard<'_, Inner<D, L>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: Supersede, L> Default for Outbox<D, L> {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
struct Inner<D, L> {
    next: u64,
    queue: VecDeque<(u64, D)>,
    latest: Option<(u64, L)>,
}

impl<D, L> Inner<D, L> {
    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// Unread messages from which on a repeated message replaces its older self.
const BACKLOG: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    impl Supersede for u32 {
        fn supersedes(&self, older: &Self) -> bool {
            self / 1000 == older / 1000
        }
    }

    #[test]
    fn a_thousand_values_become_one_and_no_message_is_lost() {
        let outbox = Outbox::new();
        for value in 0..1000 {
            outbox.set_latest(value);
            if value % 100 == 0 {
                outbox.push(value);
            }
        }
        let items = outbox.drain(100);
        let messages: Vec<u32> = items
            .iter()
            .filter_map(|item| {
                if let Item::Discrete(d) = item {
                    Some(*d)
                } else {
                    None
                }
            })
            .collect();
        assert_eq!(messages, (0..10).map(|n| n * 100).collect::<Vec<_>>());
        assert_eq!(items.last(), Some(&Item::Latest(999)));
        assert_eq!(items.len(), 11);
        assert_eq!(outbox.drain(100), []);
    }

    #[test]
    fn a_value_keeps_its_place_among_the_messages() {
        let outbox = Outbox::new();
        outbox.push(1);
        outbox.set_latest(50);
        outbox.push(2);
        assert_eq!(
            outbox.drain(9),
            [Item::Discrete(1), Item::Latest(50), Item::Discrete(2)]
        );
    }

    #[test]
    fn no_more_than_the_limit_is_taken_and_the_rest_waits_its_turn() {
        let outbox = Outbox::new();
        for message in 0..5 {
            outbox.push(message);
        }
        outbox.set_latest(7);
        assert_eq!(outbox.drain(2), [Item::Discrete(0), Item::Discrete(1)]);
        assert_eq!(outbox.drain(2), [Item::Discrete(2), Item::Discrete(3)]);
        assert_eq!(outbox.drain(2), [Item::Discrete(4), Item::Latest(7)]);
    }

    #[test]
    fn a_message_repeated_without_end_does_not_fill_the_memory() {
        let outbox: Outbox<u32, ()> = Outbox::new();
        for n in 0..10_000 {
            outbox.push(n % 1000);
        }
        outbox.push(5000);
        let items = outbox.drain(usize::MAX);
        assert_eq!(items.len(), BACKLOG + 1);
        assert_eq!(items.last(), Some(&Item::Discrete(5000)));
    }
}
