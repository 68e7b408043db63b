// SPDX-License-Identifier: MIT
//! A pointer of a form that only later launchers know.

use crate::victim::{Victim, manifest, pointer};

#[tokio::test]
async fn a_pointer_of_a_later_form_is_refused_in_words() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        let mut later = serde_json::to_value(pointer("stable", &manifest("1.0", 1))).unwrap();
        later["schema"] = 2.into();
        forge.put_target(
            "stable",
            "stable@linux-x86_64.json",
            &serde_json::to_vec(&later).unwrap(),
        );
        forge.publish();
    });
    victim
        .refuses("is of the form 2, which this launcher does not know")
        .await;
}
