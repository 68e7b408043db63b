// SPDX-License-Identifier: MIT
//! A stolen key signs a snapshot of the highest version; new keys recover from it.

use crate::forge::Key;
use crate::victim::Victim;

#[tokio::test]
async fn new_keys_recover_from_a_snapshot_that_is_too_high() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.role("snapshot")["version"] = (i64::MAX as u64).into();
        forge.sign_snapshot();
        forge.bump("timestamp");
        forge.tell_timestamp();
    });
    victim.accepts("1.0").await;
    victim.attack(|forge| {
        forge.role("snapshot")["version"] = 3.into();
        forge.sign_snapshot();
        forge.bump("timestamp");
        forge.tell_timestamp();
    });
    victim.refuses("is known already").await;
    victim.attack(|forge| {
        forge.rotate_root(|forge| {
            forge.keys.insert("timestamp".to_owned(), vec![Key::new()]);
            forge.keys.insert("snapshot".to_owned(), vec![Key::new()]);
        });
        forge.publish();
    });
    victim.accepts("1.0").await;
}
