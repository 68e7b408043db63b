// SPDX-License-Identifier: MIT
//! A channel needs two signatures and has one.

use crate::forge::with_signatures;
use crate::victim::{Victim, need_two_signatures};

#[tokio::test]
async fn too_few_signatures_are_refused_and_enough_are_not() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let signature = need_two_signatures(forge);
        forge.publish_as("stable", |value| with_signatures(value, vec![signature]));
    });
    victim
        .refuses("stable metadata is not signed by the keys that may sign it: 1 of 2 needed signatures")
        .await;
    victim.attack(|forge| forge.publish());
    victim.accepts("1.0").await;
}
