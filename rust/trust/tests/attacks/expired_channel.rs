// SPDX-License-Identifier: MIT
//! A channel past its validity.

use crate::forge::in_days;
use crate::victim::Victim;

#[tokio::test]
async fn an_expired_stable_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.role("stable")["expires"] = in_days(-1).into();
        forge.bump("stable");
        forge.publish();
    });
    victim.refuses("the stable metadata was valid until").await;
}
