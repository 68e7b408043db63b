// SPDX-License-Identifier: MIT
//! The clock is set back so that old metadata is valid again.

use crate::forge::in_days;
use crate::victim::Victim;

#[tokio::test]
async fn a_clock_that_was_set_back_is_noticed() {
    let mut victim = Victim::new().await;
    victim.now = in_days(2).parse().unwrap();
    victim.accepts("1.0").await;
    victim.now = in_days(0).parse().unwrap();
    victim.refuses("the clock of this computer shows").await;
}
