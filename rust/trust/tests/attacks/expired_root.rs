// SPDX-License-Identifier: MIT
//! The newest root is past its validity.

use crate::forge::in_days;
use crate::victim::Victim;

#[tokio::test]
async fn an_expired_root_stops_updates_until_there_is_a_newer_one() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.rotate_root(|forge| forge.role("root")["expires"] = in_days(-1).into());
        forge.publish();
    });
    let error = victim.update().await.unwrap_err();
    assert!(
        error.to_string().contains("the root metadata was valid until"),
        "{error}"
    );
    // The new root itself was verified and is kept, so that keys it replaced stay replaced.
    let kept = victim.state().load(&"game".parse().unwrap()).unwrap().unwrap();
    assert_eq!(kept.roots.len(), 2);
    victim.attack(|forge| {
        forge.rotate_root(|forge| forge.role("root")["expires"] = in_days(30).into());
        forge.publish();
    });
    victim.accepts("1.0").await;
}
