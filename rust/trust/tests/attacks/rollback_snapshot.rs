// SPDX-License-Identifier: MIT
//! The online keys sign a timestamp for an old snapshot.

use crate::victim::Victim;

#[tokio::test]
async fn an_old_snapshot_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| forge.publish());
    victim.accepts("1.0").await;
    victim.attack(|forge| {
        forge.bump("timestamp");
        forge.role("snapshot")["version"] = 2.into();
        forge.sign_snapshot();
        forge.tell_timestamp();
    });
    victim
        .refuses("version 2 of the snapshot metadata, but version 3 is known already")
        .await;
}
