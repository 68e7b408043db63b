// SPDX-License-Identifier: MIT
//! A target is longer than signed.

use crate::victim::{Victim, put_changed};

#[tokio::test]
async fn a_target_that_is_too_long_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| put_changed(forge, "stable@linux-x86_64.json", |bytes| bytes.push(b' ')));
    victim.refuses("longer than the allowed").await;
}
