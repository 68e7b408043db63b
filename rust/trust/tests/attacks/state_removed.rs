// SPDX-License-Identifier: MIT
//! The trusted state is removed so that old metadata is new again.

use crate::victim::Victim;

#[tokio::test]
async fn a_state_that_is_gone_is_missed() {
    let victim = Victim::new().await;
    let client = victim.client();
    fs_err::remove_file(victim.folder.path().join("trusted.json")).unwrap();
    let error = client.refresh(victim.now).await.unwrap_err();
    assert!(error.to_string().contains("it is missing"), "{error}");
    assert_eq!(victim.remembered(), None);
}
