// SPDX-License-Identifier: MIT
//! Each role in turn is changed after it was signed.

use crate::forge::{Key, in_days, with_signatures};
use crate::victim::Victim;

#[tokio::test]
async fn metadata_changed_after_it_was_signed_is_refused() {
    for role in ["timestamp", "snapshot", "targets", "stable"] {
        let mut victim = Victim::new().await;
        victim.attack(|forge| {
            forge.bump(role);
            let key = forge.keys.remove(role).unwrap();
            forge.keys.insert(role.to_owned(), vec![Key::new()]);
            forge.publish_as(role, |value| {
                let signature = key[0].sign(value);
                let mut changed = value.clone();
                changed["expires"] = in_days(3000).into();
                with_signatures(&changed, vec![signature])
            });
        });
        victim.refuses("0 of 1 needed signatures are valid").await;
    }
}
