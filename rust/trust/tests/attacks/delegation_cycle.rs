// SPDX-License-Identifier: MIT
//! Two roles delegate to each other.

use crate::victim::Victim;

#[tokio::test]
async fn a_cycle_of_delegations_ends() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let stable = forge.keys["stable"][0].public();
        let id = forge.keys["stable"][0].id();
        let role = serde_json::json!({ "name": "stable", "keyids": [id], "threshold": 1,
            "terminating": false, "paths": ["stable@*"] });
        let delegations = serde_json::json!({ "keys": { id: stable }, "roles": [role] });
        forge.role("stable")["targets"] = serde_json::json!({});
        forge.role("stable")["delegations"] = delegations;
        forge.bump("stable");
        forge.publish();
    });
    victim.refuses("nothing is signed for the target").await;
}
