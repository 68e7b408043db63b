// SPDX-License-Identifier: MIT
//! Targets whose names lead elsewhere once they are resolved.

use crate::victim::Victim;

#[tokio::test]
async fn a_name_that_only_resolves_to_a_target_is_not_the_target() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let pointer = forge.role("stable")["targets"]["stable@linux-x86_64.json"].clone();
        let mut targets = serde_json::Map::new();
        for trick in [
            "x/../stable@linux-x86_64.json",
            "./stable@linux-x86_64.json",
            "/stable@linux-x86_64.json",
            "stable@linux-x86_64.json/",
            "stable@linux-x86_64.json/.",
            "STABLE@linux-x86_64.json",
            "stable%40linux-x86_64.json",
            "stable@linux-x86_64.json\u{0}",
        ] {
            targets.insert(trick.to_owned(), pointer.clone());
        }
        forge.role("stable")["targets"] = targets.into();
        forge.bump("stable");
        forge.publish();
    });
    victim
        .refuses("nothing is signed for the target \"stable@linux-x86_64.json\"")
        .await;
}
