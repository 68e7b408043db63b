// SPDX-License-Identifier: MIT
//! A target is shorter than signed.

use crate::victim::{Victim, put_changed};

#[tokio::test]
async fn a_target_that_is_cut_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        put_changed(forge, "stable@linux-x86_64.json", |bytes| {
            bytes.truncate(bytes.len() - 1)
        })
    });
    victim.refuses("its length or digest is not the signed one").await;
}
