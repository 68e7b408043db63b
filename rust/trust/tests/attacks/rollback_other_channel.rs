// SPDX-License-Identifier: MIT
//! A snapshot takes back a channel that this player does not follow.

use crate::victim::Victim;

#[tokio::test]
async fn a_snapshot_that_takes_any_role_back_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.bump("nightly");
        forge.publish();
    });
    victim.accepts("1.0").await;
    victim.attack(|forge| {
        forge.role("nightly")["version"] = 1.into();
        forge.publish();
    });
    victim
        .refuses("version 1 of the nightly metadata, but version 2 is known already")
        .await;
}
