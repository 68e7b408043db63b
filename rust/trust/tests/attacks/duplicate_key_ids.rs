// SPDX-License-Identifier: MIT
//! One key is listed under two ids, to reach a threshold of two alone.

use crate::forge::{key_id, with_signatures};
use crate::victim::Victim;

#[tokio::test]
async fn one_key_under_two_ids_does_not_count_twice() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let mut twin = forge.keys["stable"][0].public();
        twin["note"] = "the same key".into();
        let id = key_id(&twin);
        let delegations = &mut forge.role("targets")["delegations"];
        delegations["keys"][&id] = twin;
        delegations["roles"][1]["threshold"] = 2.into();
        delegations["roles"][1]["keyids"]
            .as_array_mut()
            .unwrap()
            .push(id.clone().into());
        forge.bump("targets");
        forge.bump("stable");
        let value = forge.roles["stable"].clone();
        let first = forge.keys["stable"][0].sign(&value);
        let mut second = first.clone();
        second["keyid"] = id.into();
        forge.publish_as("stable", |value| with_signatures(value, vec![first, second]));
    });
    victim
        .refuses("one of its keys is listed under several ids")
        .await;
}
