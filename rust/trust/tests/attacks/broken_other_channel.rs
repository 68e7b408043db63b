// SPDX-License-Identifier: MIT
//! The role of another channel is expired, badly signed or not there.

use crate::forge::{Key, in_days};
use crate::victim::Victim;

#[tokio::test]
async fn a_channel_does_not_suffer_from_another() {
    for fault in 0..3 {
        let mut victim = Victim::new().await;
        victim.attack(|forge| {
            match fault {
                0 => forge.role("nightly")["expires"] = in_days(-1).into(),
                1 => drop(forge.keys.insert("nightly".to_owned(), vec![Key::new()])),
                _ => {}
            }
            forge.bump("nightly");
            forge.publish();
            if fault == 2 {
                forge.files.retain(|path, _| !path.ends_with(".nightly.json"));
            }
        });
        victim.accepts("1.0").await;
        let mut title = victim.client().refresh(victim.now).await.unwrap();
        let channels = title.channels().await;
        let problems: Vec<bool> = channels.iter().map(|channel| channel.problem.is_some()).collect();
        assert_eq!(problems, [true, false]);
    }
}
