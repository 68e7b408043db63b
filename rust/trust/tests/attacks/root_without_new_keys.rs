// SPDX-License-Identifier: MIT
//! The next root is signed by the old keys only.

use crate::forge::{Key, with_signatures};
use crate::victim::Victim;

#[tokio::test]
async fn a_root_that_its_own_keys_did_not_sign_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let old = forge.keys.insert("root".to_owned(), vec![Key::new()]).unwrap();
        forge.tell_root_keys();
        forge.bump("root");
        let value = forge.roles["root"].clone();
        let bytes = with_signatures(&value, vec![old[0].sign(&value)]);
        forge.files.insert("2.root.json".to_owned(), bytes);
    });
    victim
        .refuses("the root metadata is not signed by the keys that may sign it: 0 of 1")
        .await;
}
