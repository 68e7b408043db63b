// SPDX-License-Identifier: MIT
//! A key is listed under an id that is not its own.

use crate::forge::Key;
use crate::victim::Victim;

#[tokio::test]
async fn a_key_under_a_false_id_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let key = Key::new();
        let stolen = forge.keys["stable"][0].id();
        forge.role("targets")["delegations"]["keys"][&stolen] = key.public();
        forge.bump("targets");
        forge.publish();
    });
    victim
        .refuses("targets metadata cannot be believed: Invalid key ID")
        .await;
}
