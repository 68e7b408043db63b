// SPDX-License-Identifier: MIT
//! The update state machine: which state follows which input, and nothing else.
//!
//! Pure: no clock, disk or network. The shell ([`crate::updater`]) feeds it what happened and shows people
//! the state it answers with. [`TRANSITIONS`] is the whole machine; a test compares it with
//! `docs/states.md`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A step of [`State::CheckForUpdates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// The channel is being asked what it offers.
    Checking,
    /// The channel offers what is installed.
    NoUpdateFound,
    /// The channel offers something else, which waits for a decision.
    UpdateAvailable,
    /// The release's documents are fetched, the plan made, space and rights checked.
    PreparingUpdate,
    /// Chunks are fetched and written beside the installed version.
    DownloadingUpdate,
    /// Unchanged files and bytes are taken over from the installed version.
    ApplyingUpdate,
    /// Everything is made durable and the new version takes the old one's place.
    FinalizingUpdate,
    /// The new version is the installed one.
    UpdateSuccessful,
}

/// Where an update stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Nothing is going on.
    #[default]
    Idle,
    /// An update is looked for, fetched and applied.
    CheckForUpdates(Phase),
    /// The new version is in place; records and old versions are brought up to date.
    Updating,
    /// The player stopped the download for now.
    Paused,
    /// It did not work; the installed version is as it was.
    Failed,
    /// The player gave up the operation; the installed version is as it was.
    Cancelled,
    /// The previous version is the installed one again.
    RolledBack,
}

impl State {
    /// Returns the state's name, the same in events, on the command line and in Godot.
    pub const fn name(self) -> StateName {
        match self {
            Self::Idle => StateName::Idle,
            Self::CheckForUpdates(_) => StateName::CheckForUpdates,
            Self::Updating => StateName::Updating,
            Self::Paused => StateName::Paused,
            Self::Failed => StateName::Failed,
            Self::Cancelled => StateName::Cancelled,
            Self::RolledBack => StateName::RolledBack,
        }
    }

    /// Returns the phase of [`State::CheckForUpdates`].
    pub const fn phase(self) -> Option<Phase> {
        match self {
            Self::CheckForUpdates(phase) => Some(phase),
            _ => None,
        }
    }

    /// Tells whether the state lasts until somebody asks for something.
    pub const fn is_resting(self) -> bool {
        use Phase::{NoUpdateFound, UpdateAvailable};
        match self {
            Self::CheckForUpdates(phase) => matches!(phase, NoUpdateFound | UpdateAvailable),
            Self::Updating | Self::Paused => false,
            Self::Idle | Self::Failed | Self::Cancelled | Self::RolledBack => true,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckForUpdates(phase) => write!(f, "CheckForUpdates.{phase:?}"),
            other => write!(f, "{:?}", other.name()),
        }
    }
}

/// The name of a [`State`], without its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StateName {
    /// [`State::Idle`].
    Idle,
    /// [`State::CheckForUpdates`].
    CheckForUpdates,
    /// [`State::Updating`].
    Updating,
    /// [`State::Paused`].
    Paused,
    /// [`State::Failed`].
    Failed,
    /// [`State::Cancelled`].
    Cancelled,
    /// [`State::RolledBack`].
    RolledBack,
}

/// Something that happened, or that somebody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Input {
    /// Somebody asked for a check.
    Check,
    /// The channel offers what is installed.
    NothingNew,
    /// The channel offers something else.
    Found,
    /// The player (or the settings) agreed to the update.
    Accept,
    /// The plan is made, and there is room for it.
    Prepared,
    /// Every chunk that had to be fetched is written.
    Downloaded,
    /// The new version is complete beside the old one.
    Applied,
    /// The new version is the installed one, durably.
    Committed,
    /// Old versions and records are tidied up.
    SwitchOver,
    /// That is done.
    Tidied,
    /// The player paused the download.
    Pause,
    /// The player went on with it.
    Resume,
    /// The player gave up.
    Cancel,
    /// It did not work.
    Fail,
    /// The previous version was made the installed one.
    RollBack,
}

impl Input {
    /// Every input.
    pub const ALL: [Self; 15] = [
        Self::Check,
        Self::NothingNew,
        Self::Found,
        Self::Accept,
        Self::Prepared,
        Self::Downloaded,
        Self::Applied,
        Self::Committed,
        Self::SwitchOver,
        Self::Tidied,
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::Fail,
        Self::RollBack,
    ];
}

/// An input that the current state has no answer to; the state is unchanged.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{input:?} means nothing in state {state}")]
pub struct IllegalTransition {
    /// The state.
    pub state: State,
    /// The input.
    pub input: Input,
}

/// Returns the state that follows `input` in `state`.
///
/// # Errors
/// [`IllegalTransition`] for every pair that [`TRANSITIONS`] does not list.
pub fn next(state: State, input: Input) -> Result<State, IllegalTransition> {
    let found = TRANSITIONS
        .iter()
        .find(|(from, on, _)| *from == state && *on == input);
    found
        .map(|(_, _, to)| *to)
        .ok_or(IllegalTransition { state, input })
}

use Phase::{
    ApplyingUpdate, Checking, DownloadingUpdate, FinalizingUpdate, NoUpdateFound, PreparingUpdate,
    UpdateAvailable, UpdateSuccessful,
};
use State::{Cancelled, CheckForUpdates, Failed, Idle, Paused, RolledBack, Updating};

/// The whole machine: in this state, on this input, that state follows.
///
/// From [`Phase::FinalizingUpdate`] on there is no cancelling: the commit is one rename, and what follows it
/// only tidies up. What goes wrong with that changes nothing about the new version.
pub const TRANSITIONS: &[(State, Input, State)] = &[
    (Idle, Input::Check, CheckForUpdates(Checking)),
    (
        CheckForUpdates(NoUpdateFound),
        Input::Check,
        CheckForUpdates(Checking),
    ),
    (
        CheckForUpdates(UpdateAvailable),
        Input::Check,
        CheckForUpdates(Checking),
    ),
    (Failed, Input::Check, CheckForUpdates(Checking)),
    (Cancelled, Input::Check, CheckForUpdates(Checking)),
    (RolledBack, Input::Check, CheckForUpdates(Checking)),
    (
        CheckForUpdates(Checking),
        Input::NothingNew,
        CheckForUpdates(NoUpdateFound),
    ),
    (
        CheckForUpdates(Checking),
        Input::Found,
        CheckForUpdates(UpdateAvailable),
    ),
    (
        CheckForUpdates(UpdateAvailable),
        Input::Accept,
        CheckForUpdates(PreparingUpdate),
    ),
    (
        CheckForUpdates(PreparingUpdate),
        Input::Prepared,
        CheckForUpdates(DownloadingUpdate),
    ),
    (
        CheckForUpdates(DownloadingUpdate),
        Input::Downloaded,
        CheckForUpdates(ApplyingUpdate),
    ),
    (
        CheckForUpdates(ApplyingUpdate),
        Input::Applied,
        CheckForUpdates(FinalizingUpdate),
    ),
    (
        CheckForUpdates(FinalizingUpdate),
        Input::Committed,
        CheckForUpdates(UpdateSuccessful),
    ),
    (CheckForUpdates(UpdateSuccessful), Input::SwitchOver, Updating),
    (Updating, Input::Tidied, Idle),
    (CheckForUpdates(DownloadingUpdate), Input::Pause, Paused),
    (Paused, Input::Resume, CheckForUpdates(DownloadingUpdate)),
    (Paused, Input::Cancel, Cancelled),
    (Paused, Input::Fail, Failed),
    (CheckForUpdates(Checking), Input::Cancel, Cancelled),
    (CheckForUpdates(UpdateAvailable), Input::Cancel, Cancelled),
    (CheckForUpdates(PreparingUpdate), Input::Cancel, Cancelled),
    (CheckForUpdates(DownloadingUpdate), Input::Cancel, Cancelled),
    (CheckForUpdates(ApplyingUpdate), Input::Cancel, Cancelled),
    (CheckForUpdates(Checking), Input::Fail, Failed),
    (CheckForUpdates(UpdateAvailable), Input::Fail, Failed),
    (CheckForUpdates(PreparingUpdate), Input::Fail, Failed),
    (CheckForUpdates(DownloadingUpdate), Input::Fail, Failed),
    (CheckForUpdates(ApplyingUpdate), Input::Fail, Failed),
    (CheckForUpdates(FinalizingUpdate), Input::Fail, Failed),
    (CheckForUpdates(UpdateSuccessful), Input::Fail, Idle),
    (Updating, Input::Fail, Idle),
    (Idle, Input::RollBack, RolledBack),
    (CheckForUpdates(NoUpdateFound), Input::RollBack, RolledBack),
    (CheckForUpdates(UpdateAvailable), Input::RollBack, RolledBack),
    (Failed, Input::RollBack, RolledBack),
    (Cancelled, Input::RollBack, RolledBack),
    (RolledBack, Input::RollBack, RolledBack),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_pair_of_state_and_input_has_two_answers() {
        for (i, (state, input, _)) in TRANSITIONS.iter().enumerate() {
            assert!(
                !TRANSITIONS[..i]
                    .iter()
                    .any(|(s, on, _)| s == state && on == input),
                "{state} {input:?}"
            );
        }
    }

    #[test]
    fn every_state_leads_on_and_whatever_goes_wrong_brings_it_to_rest() {
        for (_, _, state) in TRANSITIONS {
            let leads_on = TRANSITIONS.iter().any(|(from, _, _)| from == state);
            assert!(leads_on, "{state} is a dead end");
            match next(*state, Input::Fail) {
                Ok(to) => assert!(to.is_resting(), "{state} -> {to}"),
                Err(_) => assert!(state.is_resting(), "{state} never ends"),
            }
        }
    }

    #[test]
    fn every_state_that_rests_can_be_left_by_looking_again() {
        for (_, _, state) in TRANSITIONS {
            let looks = next(*state, Input::Check) == Ok(CheckForUpdates(Checking));
            assert_eq!(looks, state.is_resting(), "{state}");
        }
    }

    #[test]
    fn what_the_player_can_do_next_is_documented_for_every_state() {
        let document = include_str!("../../../docs/states.md");
        let (next_steps, _) = document.split_once("## Transitions").unwrap();
        let rows = next_steps.lines().filter(|line| line.starts_with("| "));
        let told: Vec<&str> = rows
            .filter_map(|row| row.split('|').nth(1))
            .flat_map(|states| states.split(','))
            .map(str::trim)
            .collect();
        for (_, _, state) in TRANSITIONS {
            let name = match state.phase() {
                Some(phase) => format!("{phase:?}"),
                None => format!("{:?}", state.name()),
            };
            let times = told.iter().filter(|told| **told == name).count();
            assert_eq!(times, 1, "{name}");
        }
    }

    #[test]
    fn the_table_in_the_documentation_is_the_table_in_the_code() {
        let document = include_str!("../../../docs/states.md");
        let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<String> = TRANSITIONS
            .iter()
            .map(|(from, on, to)| format!("| `{from}` | `{on:?}` | `{to}` |"))
            .collect();
        assert_eq!(rows, expected);
    }

    proptest! {
        #[test]
        fn an_update_is_committed_only_through_every_phase_in_order(
            inputs in proptest::collection::vec(0..Input::ALL.len(), 0..400)
        ) {
            let mut state = State::Idle;
            let mut accepted = Vec::new();
            for input in inputs.into_iter().map(|i| Input::ALL[i]) {
                match next(state, input) {
                    Ok(to) => { accepted.push(input); state = to; }
                    Err(error) => prop_assert_eq!(error, IllegalTransition { state, input }),
                }
                if state == CheckForUpdates(UpdateSuccessful) && accepted.last() == Some(&Input::Committed) {
                    let steps = accepted.iter().filter(|i| !matches!(i, Input::Pause | Input::Resume));
                    let path: Vec<_> = steps.collect();
                    let path = path[path.len().saturating_sub(6)..].to_vec();
                    prop_assert_eq!(path, vec![&Input::Found, &Input::Accept, &Input::Prepared,
                        &Input::Downloaded, &Input::Applied, &Input::Committed]);
                }
            }
        }
    }
}
