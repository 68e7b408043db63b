// SPDX-License-Identifier: MIT
//! One signature is repeated to reach a threshold of two.

use crate::forge::{Key, with_signatures};
use crate::victim::Victim;

#[tokio::test]
async fn a_repeated_signature_does_not_count_twice() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.keys.get_mut("stable").unwrap().push(Key::new());
        forge.tell_channel_keys();
        forge.role("targets")["delegations"]["roles"][1]["threshold"] = 2.into();
        forge.bump("targets");
        forge.bump("stable");
        let value = forge.roles["stable"].clone();
        let signature = forge.keys["stable"][0].sign(&value);
        forge.publish_as("stable", |value| {
            with_signatures(value, vec![signature.clone(), signature])
        });
    });
    victim.refuses("two signatures bear the same key id").await;
}
