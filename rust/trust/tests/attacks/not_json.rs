// SPDX-License-Identifier: MIT
//! Web pages, other languages and deep nesting in place of metadata.

use crate::victim::Victim;

#[tokio::test]
async fn what_is_no_metadata_is_refused() {
    for bytes in [
        b"<!DOCTYPE html><html>sign in</html>".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        b"".to_vec(),
        b"[".repeat(10_000),
        b"{\"signed\":".repeat(500),
    ] {
        let mut victim = Victim::new().await;
        victim.attack(|forge| {
            forge.files.insert("timestamp.json".to_owned(), bytes);
        });
        victim.refuses("timestamp").await;
    }
}
