// SPDX-License-Identifier: MIT
//! The targets key lets nightly sign for stable.

use crate::victim::Victim;

#[tokio::test]
async fn a_role_that_may_sign_everything_still_signs_for_its_channel_only() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let pointer = forge.role("stable")["targets"]["stable@linux-x86_64.json"].clone();
        forge.role("targets")["delegations"]["roles"][0]["paths"] = serde_json::json!(["*"]);
        forge.bump("targets");
        forge.role("nightly")["targets"]["stable@linux-x86_64.json"] = pointer;
        forge.bump("nightly");
        forge.publish();
    });
    victim
        .refuses("the role \"nightly\" signs a target of the channel \"stable\"")
        .await;
}
