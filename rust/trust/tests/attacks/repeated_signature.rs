// SPDX-License-Identifier: MIT
//! One signature is repeated to reach a threshold of two.

use crate::forge::with_signatures;
use crate::victim::{Victim, need_two_signatures};

#[tokio::test]
async fn a_repeated_signature_does_not_count_twice() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let signature = need_two_signatures(forge);
        forge.publish_as("stable", |value| {
            with_signatures(value, vec![signature.clone(), signature])
        });
    });
    victim.refuses("two signatures bear the same key id").await;
}
