// SPDX-License-Identifier: MIT
//! The pointer of another channel under the name of this one.

use crate::victim::{Victim, manifest, pointer};

#[tokio::test]
async fn the_pointer_of_another_channel_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let other = serde_json::to_vec(&pointer("nightly", &manifest("1.0", 1))).unwrap();
        forge.put_target("stable", "stable@linux-x86_64.json", &other);
        forge.publish();
    });
    victim
        .refuses("it speaks of another title, channel or platform")
        .await;
}
