// SPDX-License-Identifier: MIT
//! Delegations past their validity.

use crate::forge::in_days;
use crate::victim::Victim;

#[tokio::test]
async fn an_expired_targets_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.role("targets")["expires"] = in_days(-1).into();
        forge.bump("targets");
        forge.publish();
    });
    victim.refuses("the targets metadata was valid until").await;
}
