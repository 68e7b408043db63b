// SPDX-License-Identifier: MIT
//! The online keys sign a snapshot for an old version of a channel.

use crate::victim::{Victim, put_release};

#[tokio::test]
async fn an_old_version_of_a_channel_is_refused() {
    let mut victim = Victim::new().await;
    let old = victim.forge.roles["stable"].clone();
    victim.attack(|forge| {
        put_release(forge, "stable", "2.0", 2);
        forge.publish();
    });
    victim.accepts("2.0").await;
    victim.attack(|forge| {
        *forge.role("stable") = old;
        forge.publish();
    });
    victim
        .refuses("version 3 of the stable metadata, but version 5 is known already")
        .await;
}
