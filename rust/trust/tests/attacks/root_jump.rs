// SPDX-License-Identifier: MIT
//! The next root is signed well but numbered too high.

use crate::victim::Victim;

#[tokio::test]
async fn a_root_that_leaves_out_a_version_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.rotate_root(|forge| forge.bump("root"));
        let third = forge.files.remove("3.root.json").unwrap();
        forge.files.insert("2.root.json".to_owned(), third);
    });
    victim.refuses("it is version 3, expected was 2").await;
}
