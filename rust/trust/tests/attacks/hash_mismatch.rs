// SPDX-License-Identifier: MIT
//! A target has the signed length and other bytes.

use crate::victim::{Victim, put_release};

#[tokio::test]
async fn a_target_with_other_bytes_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        put_release(forge, "stable", "2.0", 2);
        forge.publish();
        for (path, bytes) in &mut forge.files {
            if path.ends_with("stable@linux-x86_64@2.0.json") {
                bytes[10] ^= 1;
            }
        }
    });
    victim.refuses("its length or digest is not the signed one").await;
}
