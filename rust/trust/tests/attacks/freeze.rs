// SPDX-License-Identifier: MIT
//! A server that stands still is found out when its timestamp ends.

use crate::forge::in_days;
use crate::victim::Victim;

#[tokio::test]
async fn metadata_that_stands_still_is_refused_once_it_is_expired() {
    let mut victim = Victim::new().await;
    victim.accepts("1.0").await;
    victim.now = in_days(31).parse().unwrap();
    victim.refuses("metadata was valid until").await;
}
