// SPDX-License-Identifier: MIT
//! The same old timestamp is served for ever, and nothing newer.

use crate::forge::in_days;
use crate::victim::Victim;

#[tokio::test]
async fn an_expired_timestamp_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.role("timestamp")["expires"] = in_days(-1).into();
        forge.publish();
    });
    victim.refuses("the timestamp metadata was valid until").await;
}
