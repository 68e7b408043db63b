// SPDX-License-Identifier: MIT
//! A target is longer than signed.

use crate::victim::{Victim, put_release};

#[tokio::test]
async fn a_target_that_is_too_long_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        put_release(forge, "stable", "2.0", 2);
        forge.publish();
        for (path, bytes) in &mut forge.files {
            if path.ends_with("stable@linux-x86_64.json") {
                bytes.push(b' ');
            }
        }
    });
    victim.refuses("longer than the allowed").await;
}
