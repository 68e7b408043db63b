// SPDX-License-Identifier: MIT
//! A snapshot of another time under the announced name.

use crate::victim::Victim;

#[tokio::test]
async fn a_snapshot_of_another_time_is_refused() {
    let mut victim = Victim::new().await;
    let old = victim.forge.files["2.snapshot.json"].clone();
    victim.attack(|forge| {
        forge.publish();
        forge.files.insert("3.snapshot.json".to_owned(), old);
    });
    victim
        .refuses("snapshot metadata cannot be believed: its length or digest is not the announced one")
        .await;
}
