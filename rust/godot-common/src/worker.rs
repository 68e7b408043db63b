// SPDX-License-Identifier: MIT
//! Threads that end before the library is unloaded.
//!
//! Godot unloads the library when it quits; a thread that then still runs our code takes the process down.
//! Every thread of ours is therefore started here and known here, and [`stop_all`] ends them all.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use futures::FutureExt as _;

/// A thread that can be told to stop and waited for.
pub struct Worker {
    on_stop: Box<dyn Fn() + Send + Sync>,
    running: Mutex<Option<Running>>,
}

impl Worker {
    /// Runs `body` on a thread of its own; `on_stop` makes `body` return soon and must not block.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        name: &str,
        on_stop: impl Fn() + Send + Sync + 'static,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let (ending, ended) = mpsc::channel::<()>();
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            let _ending = ending;
            body();
        })?;
        let running = Mutex::new(Some(Running { thread, ended }));
        let worker = Arc::new(Self {
            on_stop: Box::new(on_stop),
            running,
        });
        all().push(Arc::clone(&worker));
        Ok(worker)
    }

    /// Asks the thread to end; returns at once.
    pub fn request_stop(&self) {
        (self.on_stop)();
    }

    /// Waits for the thread to end, but not beyond `deadline`; true if it has ended.
    pub fn join_until(&self, deadline: Instant) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Running { thread, ended }) = running.take() else {
            return true;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(left) {
            *running = Some(Running { thread, ended });
            return false;
        }
        // The thread is past its last statement; a panic in it was reported when it happened.
        let _ = thread.join();
        all().retain(|worker| !std::ptr::eq(Arc::as_ptr(worker), self));
        true
    }

    /// Asks the thread to end and waits for it at most `limit`; true if it has ended.
    pub fn stop_within(&self, limit: Duration) -> bool {
        self.request_stop();
        self.join_until(Instant::now() + limit)
    }
}

/// Ends every thread of this library, all within `limit`; returns how many did not end in time.
pub fn stop_all(limit: Duration) -> usize {
    let deadline = Instant::now() + limit;
    let workers: Vec<Arc<Worker>> = all().clone();
    for worker in &workers {
        worker.request_stop();
    }
    workers
        .iter()
        .filter(|worker| !worker.join_until(deadline))
        .count()
}

/// Does `work`; `None` if a defect broke it off: that must not take Godot down, nor leave it waiting for an end that
/// never comes.
pub async fn whole<T>(work: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(work).catch_unwind().await.ok()
}

struct Running {
    thread: JoinHandle<()>,
    /// Disconnected when the thread's work is over.
    ended: Receiver<()>,
}

fn all() -> MutexGuard<'static, Vec<Arc<Worker>>> {
    WORKERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the main thread waits for threads to end.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(5);

static WORKERS: Mutex<Vec<Arc<Worker>>> = Mutex::new(Vec::new());

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker that runs until it is told to stop.
    fn patient() -> Arc<Worker> {
        let (stop, stopped) = mpsc::channel::<()>();
        let stop = Mutex::new(Some(stop));
        let on_stop = move || drop(stop.lock().unwrap().take());
        Worker::start("test-patient", on_stop, move || {
            let _ = stopped.recv();
        })
        .unwrap()
    }

    #[test]
    fn a_worker_that_is_told_to_stop_is_joined_and_forgotten() {
        let worker = patient();
        assert!(!worker.join_until(Instant::now()));
        assert!(worker.stop_within(Duration::from_secs(10)));
        assert!(
            worker.join_until(Instant::now()),
            "a second join has nothing to wait for"
        );
        assert!(!all().iter().any(|known| Arc::ptr_eq(known, &worker)));
    }

    #[test]
    fn a_worker_that_does_not_listen_is_given_up_after_the_limit() {
        let (release, held) = mpsc::channel::<()>();
        let worker = Worker::start(
            "test-deaf",
            || {},
            move || {
                let _ = held.recv();
            },
        )
        .unwrap();
        let start = Instant::now();
        assert!(!worker.stop_within(Duration::from_millis(30)));
        assert!(start.elapsed() < Duration::from_secs(5));
        drop(release);
        assert!(worker.join_until(Instant::now() + Duration::from_secs(10)));
    }

    #[test]
    fn a_worker_that_panics_counts_as_ended() {
        let worker = Worker::start("test-panic", || {}, || std::panic::resume_unwind(Box::new(()))).unwrap();
        assert!(worker.stop_within(Duration::from_secs(10)));
    }
}
