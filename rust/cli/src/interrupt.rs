// SPDX-License-Identifier: MIT
//! The first interrupt cancels what runs, the second leaves at once.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::shell::Interrupts;

type Handler = Box<dyn Fn() + Send>;

/// Hands interrupts on to whatever runs.
#[derive(Clone, Default)]
pub(crate) struct Interrupter(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    interrupted: bool,
    handler: Option<Handler>,
}

impl fmt::Debug for Interrupter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interrupter")
    }
}

impl Interrupter {
    /// Calls `handler` at the first interrupt, or now if that was already.
    pub(crate) fn on_interrupt(&self, handler: impl Fn() + Send + 'static) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.interrupted {
            handler();
        }
        state.handler = Some(Box::new(handler));
    }

    /// Waits for the second interrupt; at the first one the handler is called.
    pub(crate) async fn watch(&self, mut interrupts: Interrupts) {
        interrupts.next().await;
        {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.interrupted = true;
            if let Some(handler) = &state.handler {
                handler();
            }
        }
        interrupts.next().await;
    }
}

impl Interrupts {
    /// Tells whether the process's signals are for this command.
    pub(crate) fn are_signals(&self) -> bool {
        matches!(self, Self::Signals)
    }

    async fn next(&mut self) {
        match self {
            Self::Signals => signal().await,
            Self::Channel(receiver) => {
                if receiver.recv().await.is_none() {
                    std::future::pending::<()>().await;
                }
            }
            Self::Never => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => {
            // Without a handler there is nothing to wait for; the system's own stays in place.
            if pressed.is_err() {
                std::future::pending::<()>().await;
            }
        }
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[tokio::test]
    async fn the_first_interrupt_cancels_and_the_second_leaves() {
        let (send, receive) = unbounded_channel();
        let cancelled = Arc::new(AtomicUsize::new(0));
        let interrupter = Interrupter::default();
        let count = Arc::clone(&cancelled);
        interrupter.on_interrupt(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        send.send(()).unwrap();
        let mut watch = std::pin::pin!(interrupter.watch(Interrupts::Channel(receive)));
        assert!(futures_poll(&mut watch).await.is_none());
        assert_eq!(cancelled.load(Ordering::Relaxed), 1);
        send.send(()).unwrap();
        watch.await;
        assert_eq!(cancelled.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_starts_after_an_interrupt_is_cancelled_at_once() {
        let (send, receive) = unbounded_channel();
        let interrupter = Interrupter::default();
        send.send(()).unwrap();
        let mut watch = std::pin::pin!(interrupter.watch(Interrupts::Channel(receive)));
        assert!(futures_poll(&mut watch).await.is_none());
        let cancelled = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&cancelled);
        interrupter.on_interrupt(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(cancelled.load(Ordering::Relaxed), 1);
    }

    /// Lets a future run as far as it comes.
    async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = tokio::task::yield_now() => None,
        }
    }
}
