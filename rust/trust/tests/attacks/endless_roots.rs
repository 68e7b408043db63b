// SPDX-License-Identifier: MIT
//! There is always one more root.

use crate::victim::Victim;

#[tokio::test]
async fn a_chain_of_roots_without_end_is_not_followed_for_ever() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        for _ in 0..257 {
            forge.rotate_root(|_| {});
        }
    });
    let error = victim.update().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("more than 256 new versions follow each other"),
        "{error}"
    );
}
