// SPDX-License-Identifier: MIT
//! The top-level role signs a pointer itself.

use crate::victim::Victim;

#[tokio::test]
async fn the_top_level_role_signs_no_pointer() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let pointer = forge.role("stable")["targets"]["stable@linux-x86_64.json"].clone();
        forge.role("targets")["targets"]["stable@linux-x86_64.json"] = pointer;
        forge.bump("targets");
        forge.publish();
    });
    victim
        .refuses("the role \"targets\" signs a target of the channel \"stable\"")
        .await;
}
