// SPDX-License-Identifier: MIT
//! A target is signed with a length that no pointer has.

use crate::victim::Victim;

#[tokio::test]
async fn a_target_that_is_signed_too_long_is_not_even_asked_for() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.role("stable")["targets"]["stable@linux-x86_64.json"]["length"] = (1_u64 << 40).into();
        forge.bump("stable");
        forge.publish();
    });
    victim.refuses("its length 1099511627776 is over the limit").await;
}
