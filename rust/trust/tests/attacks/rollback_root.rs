// SPDX-License-Identifier: MIT
//! An old root is served under the name of the next one.

use crate::victim::Victim;

#[tokio::test]
async fn an_old_root_under_a_new_name_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let old = forge.root();
        forge.files.insert("2.root.json".to_owned(), old);
    });
    victim
        .refuses("version 1 of the root metadata, but version 1 is known already")
        .await;
}
