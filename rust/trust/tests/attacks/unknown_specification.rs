// SPDX-License-Identifier: MIT
//! Metadata of a TUF that is not known.

use crate::victim::Victim;

#[tokio::test]
async fn metadata_of_an_unknown_specification_is_refused() {
    let mut victim = Victim::new().await;
    victim.attack(|forge| {
        forge.role("timestamp")["spec_version"] = "2.0.0".into();
        forge.publish();
    });
    victim
        .refuses("it follows TUF \"2.0.0\", only 1.x is known")
        .await;
}
