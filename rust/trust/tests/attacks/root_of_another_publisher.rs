// SPDX-License-Identifier: MIT
//! The launcher pins the root of another publisher than the server has.

use vsekai_trust::client::Anchor;

use crate::forge::Forge;
use crate::victim::Victim;

#[tokio::test]
async fn another_publisher_is_refused() {
    let mut victim = Victim::stranger().await;
    victim.anchor = Anchor::Pinned(Forge::new().root().into());
    victim
        .refuses("timestamp metadata is not signed by the keys that may sign it")
        .await;
    assert_eq!(victim.remembered(), None);
}
