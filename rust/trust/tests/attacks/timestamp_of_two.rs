// SPDX-License-Identifier: MIT
//! A timestamp lists more than the snapshot.

use crate::victim::Victim;

#[tokio::test]
async fn a_timestamp_that_lists_anything_else_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.role("timestamp")["meta"]["other.json"] = serde_json::json!({ "version": 1 });
        forge.publish();
    });
    victim.refuses("it must list the snapshot and nothing else").await;
}
