// SPDX-License-Identifier: MIT
//! A stolen key signs a timestamp of the highest version; new keys recover from it.

use crate::forge::Key;
use crate::victim::Victim;

#[tokio::test]
async fn new_keys_recover_from_a_timestamp_that_is_too_high() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.role("timestamp")["version"] = (i64::MAX as u64).into();
        forge.sign_timestamp();
    });
    victim.accepts("1.0").await;
    victim.attack(|forge| {
        forge.role("timestamp")["version"] = 3.into();
        forge.sign_timestamp();
    });
    victim.refuses("is known already").await;
    victim.attack(|forge| {
        forge.rotate_root(|forge| {
            forge.keys.insert("timestamp".to_owned(), vec![Key::new()]);
        });
        forge.publish();
    });
    victim.accepts("1.0").await;
}
