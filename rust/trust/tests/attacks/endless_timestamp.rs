// SPDX-License-Identifier: MIT
//! The timestamp never ends.

use crate::victim::Victim;
use crate::web::Answer;

#[tokio::test]
async fn a_timestamp_without_end_is_refused() {
    let victim = Victim::new().await;
    victim.web.on(|path| match path.ends_with("timestamp.json") {
        true => Answer::Endless,
        false => Answer::Serve,
    });
    victim.refuses("longer than the allowed 16384 bytes").await;
}
