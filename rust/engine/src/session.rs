// SPDX-License-Identifier: MIT
//! One operation under way: its state, its cancellation, its place on the network meter.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::error::EngineError;
use crate::event::{Event, NoticeCode, Observer, Step};
use crate::progress::Meter;
use crate::state::{Input, State, next};

/// The state machine with the observer that hears of every change.
pub(crate) struct Machine {
    state: Mutex<State>,
    observer: Arc<dyn Observer>,
}

impl Machine {
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Self {
        Self {
            state: Mutex::default(),
            observer,
        }
    }

    pub(crate) fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one input and tells the new state.
    pub(crate) fn apply(&self, input: Input) -> Result<State, EngineError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let to = next(*state, input).map_err(|error| EngineError::Internal(error.to_string()))?;
        *state = to;
        // Told under the lock, so that states are heard in the order they came.
        self.observer.on_event(Event::State {
            state: to.name(),
            phase: to.phase(),
        });
        Ok(to)
    }

    /// Brings the machine to rest if an operation was dropped half-way.
    pub(crate) fn rest(&self) {
        let state = self.state();
        if !state.is_resting() {
            self.abandon(&EngineError::Cancelled);
        }
    }

    /// Brings the machine to rest after an operation that did not reach its end.
    pub(crate) fn abandon(&self, error: &EngineError) {
        let input = if matches!(error, EngineError::Cancelled) {
            Input::Cancel
        } else {
            Input::Fail
        };
        // From the commit on nothing can be cancelled, only go wrong; a state that rests is where an operation ended
        // before it began, and lasts.
        let _ = self.apply(input).or_else(|_| self.apply(Input::Fail));
        if !matches!(error, EngineError::Cancelled) {
            self.observer.on_event(Event::Failed(error.report()));
        }
    }

    pub(crate) fn tell(&self, event: Event) {
        self.observer.on_event(event);
    }

    /// Tells something worth knowing that is no error.
    pub(crate) fn notice(&self, code: NoticeCode, message: String) {
        self.tell(Event::Notice { code, message });
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.observer
    }
}

/// One operation.
pub(crate) struct Session {
    pub(crate) machine: Arc<Machine>,
    pub(crate) control: Control,
    pub(crate) token: CancellationToken,
    network_at_start: u64,
}

impl Session {
    /// # Errors
    /// The caller's runtime cannot do blocking work beside the asynchronous one.
    pub(crate) fn begin(machine: Arc<Machine>, control: Control) -> Result<Self, EngineError> {
        let flavor = tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor());
        if !matches!(flavor, Ok(tokio::runtime::RuntimeFlavor::MultiThread)) {
            let reason = "the update engine needs a tokio runtime with several threads";
            return Err(EngineError::InvalidInput(reason.to_owned()));
        }
        machine.rest();
        let token = control.begin();
        let network_at_start = control.throttle().received();
        Ok(Self {
            machine,
            control,
            token,
            network_at_start,
        })
    }

    /// Starts counting a step of which `done` of `total` bytes are there already.
    pub(crate) fn meter(&self, step: Step, done: u64, total: u64) -> Meter<'_> {
        let observer = self.machine.observer();
        Meter::start(
            observer,
            self.control.throttle(),
            self.network_at_start,
            step,
            (done, total),
        )
    }

    /// Returns the bytes read from the network since the operation began.
    pub(crate) fn network_bytes(&self) -> u64 {
        self.control
            .throttle()
            .received()
            .saturating_sub(self.network_at_start)
    }

    /// Runs `work`, or stops waiting for it when the player cancels.
    pub(crate) async fn unless_cancelled<T, E: Into<EngineError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, EngineError> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => Err(EngineError::Cancelled),
            result = work => result.map_err(Into::into),
        }
    }

    pub(crate) fn notice(&self, code: NoticeCode, message: String) {
        self.machine.notice(code, message);
    }
}
