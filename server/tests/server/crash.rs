// SPDX-License-Identifier: MIT
//! A server killed in the middle of uploads and publishing: what is visible is whole.

use reqwest::StatusCode;
use tokio::sync::watch;
use vsekai_formats::release::ChannelPointer;
use vsekai_server::Limits;
use vsekai_server::fsck::{Depth, check};

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::Client;
use crate::program::Program;

const ROUNDS: u8 = 12;

/// Publishes build after build until the server is gone; returns the last version that was confirmed.
async fn publish_until_killed(
    client: Client,
    round: u8,
    first_sequence: u64,
    begun: watch::Sender<u32>,
) -> Option<String> {
    let mut confirmed = None;
    for number in 0..100u8 {
        let version = format!("{round}.{number}");
        let build = Build::new(
            &version,
            first_sequence + u64::from(number),
            round.wrapping_mul(31) ^ number,
        );
        let uploads = build.chunks.iter().map(|(id, stored, _)| {
            let path = crate::client::chunk_path(*id);
            let request = client
                .request(reqwest::Method::PUT, &path)
                .bearer_auth(&client.token);
            begun.send_modify(|count| *count += 1);
            request.body(stored.clone()).send()
        });
        if futures::future::join_all(uploads)
            .await
            .iter()
            .any(Result::is_err)
        {
            return confirmed;
        }
        let (content_type, body) = build.multipart();
        let release = client.request(reqwest::Method::POST, "api/v1/releases?channel=stable");
        let release = release
            .bearer_auth(&client.token)
            .header("content-type", content_type)
            .body(body);
        begun.send_modify(|count| *count += 1);
        match release.send().await {
            Ok(response) => assert_eq!(response.status(), StatusCode::CREATED),
            Err(_) => return confirmed,
        }
        confirmed = Some(version);
    }
    confirmed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_nothing_half_visible() {
    let folder = tempfile::tempdir().unwrap();
    let mut last_confirmed: Option<String> = None;
    for round in 0..ROUNDS {
        let program = Program::serve(folder.path());
        let client = program.client(folder.path());
        let pointer = client
            .get(&format!("titles/{TITLE}/channels/stable/{PLATFORM}.json"))
            .await;
        let pointed = match pointer.status() {
            StatusCode::OK => Some(pointer.json::<ChannelPointer>().await.unwrap()),
            _ => None,
        };
        // What was confirmed is still there; a newer release may be, if only its answer was lost.
        assert!(last_confirmed.is_none() || pointed.is_some());
        let sequence = pointed.as_ref().map_or(0, |pointer| pointer.sequence) + 1;
        let (begun, mut watched) = watch::channel(0);
        let publishing = tokio::spawn(publish_until_killed(client.clone(), round, sequence, begun));
        // Each round is cut off at another request: in the middle of uploads, or of publishing.
        watched
            .wait_for(|count| *count >= 5 * u32::from(round) + 2)
            .await
            .unwrap();
        program.kill();
        if let Some(version) = publishing.await.unwrap() {
            last_confirmed = Some(version);
        }
        let report = check(folder.path(), Depth::Contents, &Limits::default())
            .await
            .unwrap();
        assert!(report.dangling.is_empty(), "round {round}: {:?}", report.dangling);
        if let Some(version) = &last_confirmed {
            let program = Program::serve(folder.path());
            let path = format!("titles/{TITLE}/releases/{PLATFORM}/{version}/manifest.json");
            let manifest = program.client(folder.path()).get(&path).await;
            assert_eq!(manifest.status(), StatusCode::OK, "round {round}: {version}");
            program.kill();
        }
    }
    assert!(last_confirmed.is_some(), "no round published anything");
}
