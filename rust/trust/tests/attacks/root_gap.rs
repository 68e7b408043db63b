// SPDX-License-Identifier: MIT
//! The next root is left out of the chain.

use crate::victim::Victim;

#[tokio::test]
async fn a_chain_of_roots_with_a_gap_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.rotate_root(|_| {});
        forge.rotate_root(|_| {});
        let third = forge.files.remove("3.root.json").unwrap();
        forge.files.insert("2.root.json".to_owned(), third);
    });
    victim
        .refuses("the root metadata is not signed by the keys that may sign it")
        .await;
}
