// SPDX-License-Identifier: MIT
//! A root of another publisher is pinned for an install that knows one.

use vsekai_trust::TrustError;
use vsekai_trust::client::Anchor;

use crate::forge::Forge;
use crate::victim::Victim;

#[tokio::test]
async fn a_pin_that_leads_elsewhere_is_refused() {
    let mut victim = Victim::new().await;
    victim.anchor = Anchor::Pinned(Forge::new().root().into());
    let error = victim.refuses("does not lead to the root").await;
    assert!(matches!(error, TrustError::OtherRoot { .. }));
}
