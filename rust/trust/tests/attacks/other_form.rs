// SPDX-License-Identifier: MIT
//! A pointer of a form that only later launchers know, or none at all.

use vsekai_trust::TrustError;

use crate::victim::{Victim, manifest, pointer};

#[tokio::test]
async fn a_pointer_of_a_later_form_is_refused_in_words() {
    let error = refuses_form(2, "is of the form 2, which this launcher does not know").await;
    assert!(matches!(error, TrustError::NewerForm { .. }), "{error:?}");
}

#[tokio::test]
async fn a_pointer_of_a_form_that_there_never_was_is_not_taken_for_a_later_one() {
    let error = refuses_form(0, "its form 0 is not known").await;
    assert!(matches!(error, TrustError::Malformed { .. }), "{error:?}");
}

/// Lets the publisher sign a pointer of this form; asserts that it is refused in these words.
async fn refuses_form(form: u32, words: &str) -> TrustError {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let mut other = serde_json::to_value(pointer("stable", &manifest("1.0", 1))).unwrap();
        other["schema"] = form.into();
        forge.put_target(
            "stable",
            "stable@linux-x86_64.json",
            &serde_json::to_vec(&other).unwrap(),
        );
        forge.publish();
    });
    victim.refuses(words).await
}
