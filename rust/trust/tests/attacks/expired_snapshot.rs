// SPDX-License-Identifier: MIT
//! A snapshot past its validity.

use crate::forge::in_days;
use crate::victim::Victim;

#[tokio::test]
async fn an_expired_snapshot_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.role("snapshot")["expires"] = in_days(-1).into();
        forge.publish();
    });
    victim.refuses("the snapshot metadata was valid until").await;
}
