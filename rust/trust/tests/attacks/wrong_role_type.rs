// SPDX-License-Identifier: MIT
//! A role of another kind, signed by the right keys, under the name of each role.

use crate::victim::Victim;

#[tokio::test]
async fn a_role_of_another_kind_is_refused() {
    for (role, kind) in [
        ("timestamp", "snapshot"),
        ("snapshot", "targets"),
        ("targets", "root"),
        ("stable", "timestamp"),
    ] {
        let mut victim = Victim::new().await;
        victim.attack(|forge| {
            forge.role(role)["_type"] = kind.into();
            forge.bump(role);
            forge.publish();
        });
        victim.refuses(&format!("it is of the type \"{kind}\"")).await;
    }
}
