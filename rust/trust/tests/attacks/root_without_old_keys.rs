// SPDX-License-Identifier: MIT
//! The next root is signed by its own keys only.

use crate::forge::Key;
use crate::victim::Victim;

#[tokio::test]
async fn a_root_that_the_old_keys_did_not_sign_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.keys.insert("root".to_owned(), vec![Key::new()]);
        forge.tell_root_keys();
        forge.bump("root");
        forge.sign_root();
    });
    victim
        .refuses("the root metadata is not signed by the keys that may sign it: 0 of 1")
        .await;
}
