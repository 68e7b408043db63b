// SPDX-License-Identifier: MIT
//! The online keys sign a snapshot for old delegations.

use crate::victim::Victim;

#[tokio::test]
async fn old_delegations_are_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.bump("targets");
        forge.publish();
    });
    victim.accepts("1.0").await;
    victim.attack(|forge| {
        forge.role("targets")["version"] = 1.into();
        forge.publish();
    });
    victim
        .refuses("version 1 of the targets metadata, but version 2 is known already")
        .await;
}
