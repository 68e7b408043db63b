// SPDX-License-Identifier: MIT
//! The trusted state is cut so that old metadata is new again.

use crate::victim::Victim;

#[tokio::test]
async fn a_damaged_state_is_not_taken_for_none() {
    let victim = Victim::new().await;
    let whole = victim.remembered().unwrap();
    fs_err::write(
        victim.folder.path().join("trusted.json"),
        &whole[..whole.len() / 2],
    )
    .unwrap();
    victim.refuses("it is damaged").await;
}
