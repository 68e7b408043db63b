// SPDX-License-Identifier: MIT
//! An old timestamp is served again.

use crate::victim::Victim;

#[tokio::test]
async fn an_old_timestamp_is_refused() {
    let mut victim = Victim::new().await;
    let old = victim.forge.files["timestamp.json"].clone();
    victim.attack(|forge| forge.publish());
    victim.accepts("1.0").await;
    victim.attack(|forge| {
        forge.files.insert("timestamp.json".to_owned(), old);
    });
    victim
        .refuses("version 2 of the timestamp metadata, but version 3 is known already")
        .await;
}
