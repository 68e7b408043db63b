// SPDX-License-Identifier: MIT
//! A channel needs two signatures and has one.

use crate::forge::{Key, with_signatures};
use crate::victim::Victim;

#[tokio::test]
async fn too_few_signatures_are_refused_and_enough_are_not() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.keys.get_mut("stable").unwrap().push(Key::new());
        forge.tell_channel_keys();
        forge.role("targets")["delegations"]["roles"][1]["threshold"] = 2.into();
        forge.bump("targets");
        forge.bump("stable");
        let value = forge.roles["stable"].clone();
        let signature = forge.keys["stable"][0].sign(&value);
        forge.publish_as("stable", |value| with_signatures(value, vec![signature]));
    });
    victim
        .refuses("stable metadata is not signed by the keys that may sign it: 1 of 2 needed signatures")
        .await;
    victim.attack(|forge| forge.publish());
    victim.accepts("1.0").await;
}
