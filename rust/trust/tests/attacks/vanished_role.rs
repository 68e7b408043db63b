// SPDX-License-Identifier: MIT
//! A snapshot does not list a role any more.

use crate::victim::Victim;

#[tokio::test]
async fn a_snapshot_that_leaves_a_role_out_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.bump("snapshot");
        forge.role("snapshot")["meta"]
            .as_object_mut()
            .unwrap()
            .remove("nightly.json");
        forge.sign_snapshot();
        forge.bump("timestamp");
        forge.tell_timestamp();
    });
    victim
        .refuses("it does not list the role \"nightly\" any more")
        .await;
}
