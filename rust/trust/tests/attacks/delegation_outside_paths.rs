// SPDX-License-Identifier: MIT
//! The key of nightly signs a pointer of stable.

use crate::victim::Victim;

#[tokio::test]
async fn a_channel_cannot_sign_for_another() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let pointer = forge.role("stable")["targets"]["stable@linux-x86_64.json"].clone();
        forge.role("stable")["targets"]
            .as_object_mut()
            .unwrap()
            .remove("stable@linux-x86_64.json");
        forge.bump("stable");
        forge.role("nightly")["targets"]["stable@linux-x86_64.json"] = pointer;
        forge.bump("nightly");
        forge.publish();
    });
    victim
        .refuses("nothing is signed for the target \"stable@linux-x86_64.json\"")
        .await;
}
