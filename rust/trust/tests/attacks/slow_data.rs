// SPDX-License-Identifier: MIT
//! Each piece comes a byte at a time and then no more.

use crate::victim::Victim;
use crate::web::Answer;

#[tokio::test]
async fn a_server_that_stalls_is_not_waited_for() {
    for document in [
        "timestamp.json",
        "snapshot.json",
        "targets.json",
        "stable.json",
        "linux-x86_64.json",
    ] {
        let victim = Victim::stranger().await;
        victim.web.on(move |path| match path.ends_with(document) {
            true => Answer::Trickle,
            false => Answer::Serve,
        });
        victim.refuses("cannot be reached").await;
    }
}
