// SPDX-License-Identifier: MIT
//! Each other piece of metadata and each target never ends.

use vsekai_trust::client::Anchor;

use crate::victim::Victim;
use crate::web::Answer;

#[tokio::test]
async fn nothing_without_end_is_read() {
    for document in [
        "1.root.json",
        "snapshot.json",
        "targets.json",
        "stable.json",
        "linux-x86_64.json",
        "1.0.json",
    ] {
        let mut victim = Victim::stranger().await;
        if document == "1.root.json" {
            victim.anchor = Anchor::FirstUse;
        }
        victim.web.on(move |path| match path.ends_with(document) {
            true => Answer::Endless,
            false => Answer::Serve,
        });
        victim.refuses("longer than the allowed").await;
    }
}
