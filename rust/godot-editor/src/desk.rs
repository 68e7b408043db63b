// SPDX-License-Identifier: MIT
//! The publisher's desk: one operation at a time, and a server beside it. Commands in, messages out.
//!
//! Everything a [`Desk`] offers returns at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vsekai_formats::release::Slug;
use vsekai_godot_common::outbox::Item;
use vsekai_godot_common::worker::CLOSE_LIMIT;

use crate::failure::Failure;
use crate::job::{Desktop, Job};
use crate::local_server;
use crate::message::{LocalAddress, Message, Messages, Operation, Progress};

/// What runs, and what it says.
#[derive(Default)]
pub struct Desk {
    messages: Arc<Messages>,
    running: Option<Operation>,
    job: Option<Job>,
    server: Option<Job>,
    address: Option<LocalAddress>,
    /// Jobs whose threads are about to end.
    ended: Vec<Job>,
}

impl Desk {
    /// Carries out `work`; false if an operation is running.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start<W>(
        &mut self,
        operation: Operation,
        work: impl FnOnce(Desktop) -> W + Send + 'static,
    ) -> Result<bool, Failure>
    where
        W: Future<Output = Result<(), Failure>>,
    {
        if self.running.is_some() {
            return Ok(false);
        }
        self.forget_ended();
        self.job = Some(Job::start(operation, Arc::clone(&self.messages), work)?);
        self.running = Some(operation);
        Ok(true)
    }

    /// Starts the local server on `data`; false if it runs already, or an operation does.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start_server(&mut self, data: PathBuf, title: Slug) -> Result<bool, Failure> {
        if self.running.is_some() || self.server.is_some() {
            return Ok(false);
        }
        self.forget_ended();
        self.server = Some(local_server::start(data, title, Arc::clone(&self.messages))?);
        self.running = Some(Operation::StartServer);
        Ok(true)
    }

    /// Asks the local server to end.
    pub fn stop_server(&self) {
        if let Some(server) = &self.server {
            server.stop();
        }
    }

    /// Returns where the local server is, if it runs.
    pub fn server(&self) -> Option<&LocalAddress> {
        self.address.as_ref()
    }

    /// Returns the operation that was started and whose end was not taken from [`Desk::drain`].
    pub fn running(&self) -> Option<Operation> {
        self.running
    }

    /// Gives up the running operation, if any.
    pub fn cancel(&self) {
        match self.running {
            Some(Operation::StartServer) => self.stop_server(),
            Some(_) => self.job.iter().for_each(Job::stop),
            None => {}
        }
    }

    /// Takes what was said since the last call, at most `limit` messages and one progress.
    pub fn drain(&mut self, limit: usize) -> Vec<Item<Message, Progress>> {
        let items = self.messages.drain(limit);
        for item in &items {
            match item {
                Item::Discrete(Message::Server(address)) => self.address.clone_from(address),
                Item::Discrete(Message::Finished(operation, ok)) => self.note_end(*operation, *ok),
                _ => {}
            }
        }
        if self.server.is_some() && self.address.is_none() && self.running != Some(Operation::StartServer) {
            self.ended.extend(self.server.take());
        }
        items
    }

    /// Ends everything within a bounded time; false if something did not end.
    pub fn close(&mut self) -> bool {
        let jobs = self.job.take().into_iter().chain(self.server.take());
        let jobs: Vec<Job> = jobs.chain(self.ended.drain(..)).collect();
        jobs.iter().for_each(Job::stop);
        let deadline = Instant::now() + CLOSE_LIMIT;
        let mut closed = true;
        for job in jobs {
            closed &= job.stop_within(deadline.saturating_duration_since(Instant::now()));
        }
        closed
    }

    fn note_end(&mut self, operation: Operation, ok: bool) {
        self.running = None;
        match operation {
            Operation::StartServer if ok => {}
            Operation::StartServer => self.ended.extend(self.server.take()),
            _ => self.ended.extend(self.job.take()),
        }
    }

    /// Joins the threads that are over; the main thread waits for none.
    fn forget_ended(&mut self) {
        self.ended.retain(|job| !job.stop_within(Duration::ZERO));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes messages until the operation has ended.
    fn until_finished(desk: &mut Desk) -> Vec<Message> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut messages = Vec::new();
        while !matches!(messages.last(), Some(Message::Finished(..))) {
            assert!(Instant::now() < deadline, "no end after {messages:?}");
            for item in desk.drain(10) {
                if let Item::Discrete(message) = item {
                    messages.push(message);
                }
            }
            std::thread::yield_now();
        }
        messages
    }

    #[test]
    fn an_operation_that_fails_says_why_once_and_ends_once() {
        let mut desk = Desk::default();
        let failing = |_| async { Err(Failure::internal("no luck")) };
        assert!(desk.start(Operation::Publish, failing).unwrap());
        assert!(!desk.start(Operation::Preview, failing).unwrap(), "one at a time");
        let expected = [
            Message::Failed(Failure::internal("no luck")),
            Message::Finished(Operation::Publish, false),
        ];
        assert_eq!(until_finished(&mut desk), expected);
        assert!(desk.start(Operation::Preview, failing).unwrap());
        until_finished(&mut desk);
    }

    #[test]
    fn a_cancelled_operation_ends_without_an_error_even_if_it_does_not_listen() {
        let mut desk = Desk::default();
        let deaf = |_| std::future::pending();
        assert!(desk.start(Operation::Publish, deaf).unwrap());
        desk.cancel();
        assert_eq!(
            until_finished(&mut desk),
            [Message::Finished(Operation::Publish, false)]
        );
    }

    #[test]
    fn a_defect_is_an_error_and_the_next_operation_may_start() {
        let mut desk = Desk::default();
        let broken = |_| async { std::panic::resume_unwind(Box::new(())) };
        assert!(desk.start(Operation::Preview, broken).unwrap());
        let messages = until_finished(&mut desk);
        assert!(
            matches!(&messages[..], [Message::Failed(failure), _] if failure.code == "internal"),
            "{messages:?}"
        );
        assert_eq!(desk.running(), None);
    }

    #[test]
    fn the_local_server_starts_on_the_same_data_again_after_it_was_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let title: Slug = "my-game".parse().unwrap();
        let mut desk = Desk::default();
        let mut keys = Vec::new();
        for _ in 0..2 {
            assert!(
                desk.start_server(folder.path().to_owned(), title.clone())
                    .unwrap()
            );
            let messages = until_finished(&mut desk);
            assert_eq!(
                messages.last(),
                Some(&Message::Finished(Operation::StartServer, true))
            );
            let address = desk.server().unwrap().clone();
            keys.push(fs_err::read(address.keys.join("root.json")).unwrap());
            assert!(address.token_file.is_file());
            desk.stop_server();
            while desk.server.is_some() {
                desk.drain(10);
                std::thread::yield_now();
            }
        }
        assert_eq!(keys[0], keys[1], "the title keeps its keys");
    }

    #[test]
    fn a_server_that_cannot_start_is_an_error_and_may_be_started_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs_err::write(&file, "no folder").unwrap();
        let title: Slug = "my-game".parse().unwrap();
        let mut desk = Desk::default();
        assert!(desk.start_server(file, title.clone()).unwrap());
        let messages = until_finished(&mut desk);
        assert!(matches!(&messages[0], Message::Failed(failure) if failure.code == "server"));
        assert!(desk.start_server(folder.path().join("good"), title).unwrap());
        until_finished(&mut desk);
        assert!(desk.server().is_some());
    }
}
