// SPDX-License-Identifier: MIT
//! Each piece in turn is not there.

use crate::victim::{Victim, put_release};

#[tokio::test]
async fn what_is_withheld_is_missed_by_name() {
    for document in [
        "timestamp.json",
        "snapshot.json",
        "targets.json",
        "stable.json",
        "linux-x86_64.json",
        "1.0.json",
    ] {
        let mut victim = Victim::new().await;
        victim.attack(|forge| {
            put_release(forge, "stable", "2.0", 2);
            forge.bump("targets");
            forge.publish();
            forge.files.retain(|path, _| {
                path.ends_with(".root.json") || !path.ends_with(&document.replace("1.0", "2.0"))
            });
        });
        victim.refuses("does not have").await;
    }
}
