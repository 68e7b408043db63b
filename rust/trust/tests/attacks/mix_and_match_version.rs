// SPDX-License-Identifier: MIT
//! The snapshot announces another version than the file says, without a digest.

use crate::victim::Victim;

#[tokio::test]
async fn another_version_than_announced_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.publish();
        let bytes = forge.files["3.stable.json"].clone();
        forge.files.insert("9.stable.json".to_owned(), bytes);
        forge.role("snapshot")["meta"]["stable.json"] = serde_json::json!({ "version": 9 });
        forge.sign_snapshot();
        forge.tell_timestamp();
    });
    victim.refuses("it is version 3, expected was 9").await;
}
