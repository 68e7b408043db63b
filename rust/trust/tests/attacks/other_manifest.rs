// SPDX-License-Identifier: MIT
//! The pointer and the signed manifest of its version are not of the same build.

use crate::victim::{Victim, manifest};

#[tokio::test]
async fn a_manifest_other_than_the_pointer_says_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let other = serde_json::to_vec(&manifest("1.0", 7)).unwrap();
        forge.put_target("stable", "stable@linux-x86_64@1.0.json", &other);
        forge.publish();
    });
    victim
        .refuses("the channel points at another one than is signed")
        .await;
}
