// SPDX-License-Identifier: MIT
//! What several stores that are asked in turn have to say together.

use vsekai_formats::ChunkId;

use crate::chunk::Chunk;
use crate::error::{Object, StoreError};

/// Chunks that are asked for together: each store is asked for those that the stores before it did not give.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    ids: &'a [ChunkId],
    /// For each of `ids` the chunk, or what the stores that were asked for it had to say, in their order.
    outcomes: Vec<Result<Chunk, Vec<StoreError>>>,
}

impl<'a> Batch<'a> {
    /// Begins with chunks that no store was asked for.
    pub(crate) fn new(ids: &'a [ChunkId]) -> Self {
        Self {
            ids,
            outcomes: ids.iter().map(|_| Err(Vec::new())).collect(),
        }
    }

    /// Returns the ids of those that no store has given yet, in order.
    pub(crate) fn open(&self) -> Vec<ChunkId> {
        let both = self.ids.iter().zip(&self.outcomes);
        both.filter(|(_, outcome)| outcome.is_err())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Takes what a store answered that was asked for all that [`Batch::open`] returns.
    pub(crate) fn take(&mut self, answers: Vec<Result<Chunk, StoreError>>) {
        let open = self.outcomes.iter_mut().filter(|outcome| outcome.is_err());
        for (outcome, answer) in open.zip(answers) {
            match answer {
                Ok(chunk) => *outcome = Ok(chunk),
                Err(error) => {
                    if let Err(failures) = outcome {
                        failures.push(error);
                    }
                }
            }
        }
    }

    /// Returns what became of each chunk, in order; `judge` says what the failures of all stores come to.
    pub(crate) fn finish(
        self,
        judge: impl Fn(ChunkId, Vec<StoreError>) -> StoreError,
    ) -> Vec<Result<Chunk, StoreError>> {
        let both = self.ids.iter().zip(self.outcomes);
        both.map(|(id, outcome)| outcome.map_err(|failures| judge(*id, failures)))
            .collect()
    }
}

/// Returns the failure that leaves the most hope: one that may pass, then one a person can mend, then damage.
///
/// "Missing" is only said if every store said so, because one that did not answer may well have it.
pub(crate) fn worst(name: &str, object: Object, failures: Vec<StoreError>) -> StoreError {
    let rank = |error: &StoreError| match error {
        StoreError::Unavailable { .. } | StoreError::Unreachable { .. } => 0,
        StoreError::Refused { .. } => 1,
        StoreError::Io { .. } => 2,
        StoreError::Invalid { .. } => 3,
        StoreError::Missing { .. } => 4,
    };
    let worst = failures.into_iter().min_by_key(rank);
    match worst {
        Some(StoreError::Missing { .. }) | None => StoreError::missing(name, object),
        Some(other) => other,
    }
}
