// SPDX-License-Identifier: MIT
//! Each role in turn bears no signature at all.

use crate::forge::with_signatures;
use crate::victim::Victim;

#[tokio::test]
async fn unsigned_metadata_is_refused() {
    for role in ["timestamp", "snapshot", "targets", "stable"] {
        let mut victim = Victim::new().await;
        victim.attack(|forge| {
            forge.bump(role);
            forge.publish_as(role, |value| with_signatures(value, vec![]));
        });
        victim.refuses("0 of 1 needed signatures are valid").await;
    }
}
