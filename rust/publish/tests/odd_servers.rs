// SPDX-License-Identifier: MIT
//! Servers that change their mind, lose what they were given, or answer with something else.

mod common;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use common::{build, game, signed_title};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use vsekai_publish::{
    Cancel, PublishError, PublishErrorKind, PublishReport, Server, Signing, Unobserved, upload,
};
use vsekai_trust::publisher::KeyFolder;

/// What a scripted server remembers and how it misbehaves.
#[derive(Default)]
struct Script {
    chunks: HashMap<String, usize>,
    /// Answers to `POST releases`, the last one for ever.
    releases: Vec<(u16, Value)>,
    posts: usize,
    puts: usize,
    /// The signed files of the title, by address.
    files: HashMap<String, String>,
    /// Whether chunks are forgotten as soon as they are stored.
    forgetful: bool,
    /// The answer to `chunks/missing` where it is not a true one.
    sizes: Option<Value>,
    /// The address at which whoever asks is told to come again, much later.
    busy: Option<&'static str>,
}

impl Script {
    fn answer(&mut self, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        match (method, path) {
            ("POST", "/api/v1/chunks/missing") => {
                let asked: Value = serde_json::from_slice(body).unwrap();
                let size = |id: &Value| self.chunks.get(id.as_str().unwrap()).copied();
                let sizes: Vec<Option<usize>> =
                    asked["chunks"].as_array().unwrap().iter().map(size).collect();
                (
                    200,
                    self.sizes
                        .clone()
                        .unwrap_or_else(|| json!({ "missing": [], "sizes": sizes })),
                )
            }
            ("PUT", path) => {
                self.puts += 1;
                if !self.forgetful {
                    let name = path.rsplit('/').next().unwrap().trim_end_matches(".cacnk");
                    self.chunks.insert(name.to_owned(), body.len());
                }
                (201, Value::Null)
            }
            ("POST", path) if path.starts_with("/api/v1/releases?channel=stable") => {
                let answer = self.releases.get(self.posts).or(self.releases.last());
                self.posts += 1;
                answer.cloned().unwrap_or((201, json!({ "created": true })))
            }
            _ => (404, json!({ "title": "Not Found", "status": 404 })),
        }
    }
}

async fn serve(listener: TcpListener, script: Arc<Mutex<Script>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, Arc::clone(&script)));
    }
}

/// Answers one request and hangs up.
async fn converse(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec())
        .unwrap()
        .to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.parse().unwrap());
    while bytes.len() < head_end + length {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let (status, answer) = {
        let mut script = script.lock().unwrap();
        match script.files.get(path).cloned() {
            _ if script.busy == Some(path) => (503, json!({ "status": 503 }).to_string()),
            // Signed, so that not a byte of it may be changed.
            Some(text) => (200, text),
            None => {
                let (status, answer) = script.answer(method, path, &bytes[head_end..]);
                (status, answer.to_string())
            }
        }
    };
    let later = if status == 503 {
        "Retry-After: 3600\r\n"
    } else {
        ""
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{later}Connection: close\r\n\r\n",
        answer.len()
    );
    let _ = stream.write_all(format!("{head}{answer}").as_bytes()).await;
}

async fn publish(mut script: Script) -> (Result<PublishReport, PublishError>, Arc<Mutex<Script>>) {
    let keys = tempfile::tempdir().unwrap();
    let signing = Signing::unencrypted(KeyFolder::new(keys.path()));
    script.files = signed_title(&signing.keys);
    let script = Arc::new(Mutex::new(script));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::new(format!("http://{}", listener.local_addr().unwrap()));
    let serving = tokio::spawn(serve(listener, Arc::clone(&script)));
    let dir = game();
    let release = Arc::new(build(dir.path(), "1"));
    let channel = "stable".parse().unwrap();
    let report = upload(
        release,
        &server,
        &channel,
        &signing,
        None,
        Arc::new(Unobserved),
        &Cancel::default(),
    )
    .await;
    serving.abort();
    (report, script)
}

/// An id of a chunk of the release, learnt from a server that takes everything.
async fn any_chunk() -> String {
    let (_, script) = publish(Script::default()).await;
    let script = script.lock().unwrap();
    script.chunks.keys().next().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_vanish_before_the_end_are_sent_again() {
    let lost = any_chunk().await;
    let missing = json!({ "status": 422, "code": "missing-chunks", "missing": [lost] });
    let releases = vec![(422, missing), (201, json!({ "created": true }))];
    let (report, script) = publish(Script {
        releases,
        ..Script::default()
    })
    .await;
    let report = report.unwrap();
    assert_eq!(report.new_chunks, report.chunks + 1);
    assert_eq!(script.lock().unwrap().posts, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sequence_that_is_taken_is_asked_for_again() {
    let taken = json!({ "status": 409, "code": "sequence", "detail": "taken" });
    let releases = vec![(409, taken.clone()), (201, json!({ "created": true }))];
    let (report, _) = publish(Script {
        releases,
        ..Script::default()
    })
    .await;
    assert_eq!(report.unwrap().sequence, 1, "only what is signed is counted");
    let (report, script) = publish(Script {
        releases: vec![(409, taken)],
        ..Script::default()
    })
    .await;
    assert!(matches!(report, Err(PublishError::Overtaken { .. })));
    assert_eq!(script.lock().unwrap().posts, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_exists_after_all_is_told_in_words() {
    let exists = json!({ "status": 409, "code": "version-exists", "detail": "other content" });
    let (report, _) = publish(Script {
        releases: vec![(409, exists)],
        ..Script::default()
    })
    .await;
    let error = report.unwrap_err();
    assert_eq!(
        error.to_string(),
        "version 1 for linux-x86_64 is published already with other content"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_passed_on_in_the_servers_words() {
    let refusal = json!({ "status": 413, "title": "Too Large", "detail": "the contents are too large" });
    let (report, _) = publish(Script {
        releases: vec![(413, refusal)],
        ..Script::default()
    })
    .await;
    let error = report.unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot publish the release: the server refused with status 413 (the contents are too large)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_to_come_later_is_neither_out_of_reach_nor_disbelieved() {
    for (busy, after_an_upload) in [
        ("/titles/sample/tuf/timestamp.json", false),
        ("/titles/sample/tuf/1.stable.json", false),
        ("/api/v1/chunks/missing", false),
        ("/api/v1/releases?channel=stable", true),
    ] {
        let (report, _) = publish(Script {
            busy: Some(busy),
            ..Script::default()
        })
        .await;
        let error = report.unwrap_err();
        assert!(
            matches!(error, PublishError::Unavailable { .. }),
            "{busy}: {error:?}"
        );
        assert_eq!(error.kind(), PublishErrorKind::Server);
        let text = error.to_string();
        assert!(text.contains(" at the moment: http://127.0.0.1:"), "{text}");
        assert!(text.ends_with(": status 503 Service Unavailable"), "{text}");
        let hint = error.hint().unwrap();
        assert_eq!(hint.contains("uploaded"), after_an_upload, "{busy}: {hint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_losing_chunks_is_given_up() {
    let (report, script) = publish(Script {
        forgetful: true,
        ..Script::default()
    })
    .await;
    assert!(matches!(report, Err(PublishError::ChunksLost { .. })));
    assert_eq!(script.lock().unwrap().posts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_make_no_sense_are_refused() {
    for sizes in [
        json!({ "sizes": [1] }),
        json!({ "missing": [] }),
        json!("hello"),
        json!({ "sizes": [-1] }),
    ] {
        let (report, script) = publish(Script {
            sizes: Some(sizes.clone()),
            ..Script::default()
        })
        .await;
        assert!(matches!(report, Err(PublishError::BadAnswer { .. })), "{sizes}");
        assert_eq!(script.lock().unwrap().puts, 0);
    }
    let foreign = json!({ "status": 422, "code": "missing-chunks", "missing": ["0".repeat(64)] });
    let (report, _) = publish(Script {
        releases: vec![(422, foreign)],
        ..Script::default()
    })
    .await;
    assert!(matches!(report, Err(PublishError::BadAnswer { .. })));
}
