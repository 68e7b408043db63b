// SPDX-License-Identifier: MIT
//! Each role in turn is signed by a key that nobody named.

use crate::forge::Key;
use crate::victim::Victim;

#[tokio::test]
async fn metadata_signed_by_a_stranger_is_refused() {
    for role in ["timestamp", "snapshot", "targets", "stable"] {
        let mut victim = Victim::new().await;
        victim.attack(|forge| {
            forge.keys.insert(role.to_owned(), vec![Key::new()]);
            forge.bump(role);
            forge.publish();
        });
        let words = format!("the {role} metadata is not signed by the keys that may sign it: 0 of 1");
        victim.refuses(&words).await;
    }
}
