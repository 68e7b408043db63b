// SPDX-License-Identifier: MIT
//! A target has the signed length and other bytes.

use crate::victim::{Victim, put_changed};

#[tokio::test]
async fn a_target_with_other_bytes_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| put_changed(forge, "stable@linux-x86_64@2.0.json", |bytes| bytes[10] ^= 1));
    victim.refuses("its length or digest is not the signed one").await;
}
