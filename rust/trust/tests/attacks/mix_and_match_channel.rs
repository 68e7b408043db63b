// SPDX-License-Identifier: MIT
//! A channel of another time under the announced name.

use crate::victim::Victim;

#[tokio::test]
async fn a_channel_of_another_time_is_refused() {
    let mut victim = Victim::new().await;
    let old = victim.forge.files["3.stable.json"].clone();
    victim.attack(|forge| {
        forge.bump("stable");
        forge.publish();
        forge.files.insert("4.stable.json".to_owned(), old);
    });
    victim
        .refuses("stable metadata cannot be believed: its length or digest is not the announced one")
        .await;
}
