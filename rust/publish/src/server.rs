// SPDX-License-Identifier: MIT
//! The publishing API of `docs/protocol.md`, one method for each request.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use vsekai_formats::release::{Slug, address};
use vsekai_formats::{ChunkId, DigestAlgorithm, IdHasher};
use vsekai_store::StoreError;
use vsekai_store::http::{HttpAnswer, HttpCall, HttpOrigin, Method, StatusCode};
use vsekai_trust::online::Change;
use vsekai_trust::publisher::{KeyError, PublicKey};

use crate::PublishError;
use crate::build::Documents;

/// Ids in one `chunks/missing` request.
pub(crate) const MAX_ASKED: usize = 4096;
/// Sending a chunk, in errors.
pub(crate) const UPLOAD_CHUNK: &str = "upload a chunk";
/// Sending the documents of a release, in errors.
pub(crate) const PUBLISH_RELEASE: &str = "publish the release";

/// A server to publish to.
#[derive(Clone, Debug)]
pub(crate) struct Api(pub(crate) HttpOrigin);

/// What became of a release that was sent.
#[derive(Debug)]
pub(crate) enum Posted {
    /// It is visible now.
    Created,
    /// It was visible already.
    AlreadyThere,
    /// Chunks are missing after all.
    MissingChunks(Vec<ChunkId>),
    /// Others published or changed the channel in between.
    Overtaken,
}

/// What became of a change that was sent.
#[derive(Debug)]
pub(crate) enum Changed {
    /// It is in force.
    Done,
    /// Others changed the same in between.
    Overtaken,
}

#[derive(Serialize)]
struct MissingRequest<'a> {
    chunks: &'a [ChunkId],
}

#[derive(Deserialize)]
struct MissingAnswer {
    sizes: Vec<Option<u32>>,
}

#[derive(Deserialize)]
struct KeysAnswer {
    keys: Vec<String>,
}

#[derive(Deserialize)]
struct ReleaseAnswer {
    created: bool,
}

/// An error answer (RFC 9457).
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    missing: Vec<ChunkId>,
}

impl Api {
    /// Returns the stored size of each of `chunks`, or `None` where the server lacks it.
    pub(crate) async fn stored_sizes(&self, chunks: &[ChunkId]) -> Result<Vec<Option<u32>>, PublishError> {
        const ACTION: &str = "ask the server what it lacks";
        let body = serde_json::to_vec(&MissingRequest { chunks }).map_err(internal)?;
        let call = HttpCall::new(Method::POST, "api/v1/chunks/missing").with_body(JSON, body);
        let answer: MissingAnswer = self.ask(ACTION, &call).await?;
        match answer.sizes.len() == chunks.len() {
            true => Ok(answer.sizes),
            false => {
                let reason = format!("{} sizes for {} chunks", answer.sizes.len(), chunks.len());
                Err(PublishError::BadAnswer {
                    action: ACTION,
                    reason,
                })
            }
        }
    }

    /// Stores one chunk.
    pub(crate) async fn put_chunk(&self, id: ChunkId, frame: Bytes) -> Result<(), PublishError> {
        let path = format!("{}/{}", address::STORE, id.store_path(".cacnk"));
        let call = HttpCall::new(Method::PUT, path).with_body("application/octet-stream", frame);
        let answer = self.call(UPLOAD_CHUNK, &call).await?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err(refusal(UPLOAD_CHUNK, &answer)),
        }
    }

    /// Makes a release visible, with the signed role of `channel` that lists it.
    pub(crate) async fn post_release(
        &self,
        channel: &Slug,
        documents: &Documents,
        index: &[u8],
        change: &Change,
    ) -> Result<Posted, PublishError> {
        let metadata = serde_json::to_vec(change).map_err(internal)?;
        let (boundary, body) = form(&[
            ("manifest", "application/json", &documents.manifest_bytes),
            ("contents", "application/zstd", &documents.contents_bytes),
            ("index", "application/octet-stream", index),
            ("metadata", JSON, &metadata),
        ]);
        let mut call = HttpCall::new(Method::POST, "api/v1/releases")
            .with_body(format!("multipart/form-data; boundary={boundary}"), body);
        call.query.push(("channel".to_owned(), channel.to_string()));
        let answer = self.call(PUBLISH_RELEASE, &call).await?;
        if answer.status.is_success() {
            let read: ReleaseAnswer = parse(PUBLISH_RELEASE, &answer)?;
            return Ok(if read.created {
                Posted::Created
            } else {
                Posted::AlreadyThere
            });
        }
        let problem = problem(&answer);
        match (answer.status, problem.code.as_str()) {
            (StatusCode::UNPROCESSABLE_ENTITY, "missing-chunks") => {
                Ok(Posted::MissingChunks(problem.missing))
            }
            (StatusCode::CONFLICT, "sequence" | "metadata-version") => Ok(Posted::Overtaken),
            (StatusCode::CONFLICT, "version-exists") => Err(PublishError::VersionExists {
                version: documents.manifest.version.clone(),
                platform: documents.manifest.platform,
                difference: "other content",
            }),
            _ => Err(refusal(PUBLISH_RELEASE, &answer)),
        }
    }

    /// Puts signed metadata in force.
    pub(crate) async fn post_change(&self, title: &Slug, change: &Change) -> Result<Changed, PublishError> {
        const ACTION: &str = "change what is signed";
        let body = serde_json::to_vec(change).map_err(internal)?;
        let path = format!("api/v1/titles/{title}/metadata");
        let call = HttpCall::new(Method::POST, path).with_body(JSON, body);
        let answer = self.call(ACTION, &call).await?;
        match (answer.status, problem(&answer).code.as_str()) {
            (status, _) if status.is_success() => Ok(Changed::Done),
            (StatusCode::CONFLICT, "metadata-version") => Ok(Changed::Overtaken),
            _ => Err(refusal(ACTION, &answer)),
        }
    }

    /// Returns the server's own keys for `title`, after it made another one if that is wanted.
    pub(crate) async fn online_keys(
        &self,
        title: &Slug,
        another: bool,
    ) -> Result<Vec<PublicKey>, PublishError> {
        const ACTION: &str = "ask the server for its key";
        let method = if another { Method::POST } else { Method::GET };
        let call = HttpCall::new(method, format!("api/v1/titles/{title}/online-keys"));
        let answer: KeysAnswer = self.ask(ACTION, &call).await?;
        Ok(answer
            .keys
            .iter()
            .map(|key| key.parse())
            .collect::<Result<_, KeyError>>()?)
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        action: &'static str,
        call: &HttpCall,
    ) -> Result<T, PublishError> {
        let answer = self.call(action, call).await?;
        match answer.status.is_success() {
            true => parse(action, &answer),
            false => Err(refusal(action, &answer)),
        }
    }

    async fn call(&self, action: &'static str, call: &HttpCall) -> Result<HttpAnswer, PublishError> {
        self.0
            .call(call)
            .await
            .map_err(|error| store_failure(action, error))
    }
}

fn parse<T: for<'de> Deserialize<'de>>(action: &'static str, answer: &HttpAnswer) -> Result<T, PublishError> {
    serde_json::from_slice(&answer.body).map_err(|error| PublishError::BadAnswer {
        action,
        reason: error.to_string(),
    })
}

fn problem(answer: &HttpAnswer) -> Problem {
    // A proxy on the way may answer with a page of its own; the status has to do then.
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn refusal(action: &'static str, answer: &HttpAnswer) -> PublishError {
    let problem = problem(answer);
    let words = [problem.detail, problem.title]
        .into_iter()
        .find(|text| !text.is_empty());
    let reason = words.unwrap_or_else(|| {
        answer
            .status
            .canonical_reason()
            .unwrap_or("no reason given")
            .to_owned()
    });
    let reason = reason.chars().take(MAX_REASON_CHARS).collect();
    match answer.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => PublishError::Unauthorized { action, reason },
        status => PublishError::Refused {
            action,
            status: status.as_u16(),
            reason,
        },
    }
}

pub(crate) fn store_failure(action: &'static str, error: StoreError) -> PublishError {
    match error {
        StoreError::Unreachable { reason, store, .. } => PublishError::Unreachable {
            action,
            reason: format!("{store}: {reason}"),
        },
        StoreError::Refused {
            reason,
            credentials: true,
            ..
        } => PublishError::Unauthorized { action, reason },
        StoreError::Invalid { reason, .. } => PublishError::BadAnswer { action, reason },
        StoreError::Unavailable { reason, store, .. } => PublishError::Unavailable {
            action,
            reason: format!("{store}: {reason}"),
        },
        other => PublishError::Store(other),
    }
}

/// Puts a multipart form together and returns it with its boundary.
fn form(parts: &[(&str, &str, &[u8])]) -> (String, Vec<u8>) {
    let mut hasher = IdHasher::new(DigestAlgorithm::Sha256);
    for (_, _, bytes) in parts {
        hasher.update(bytes);
    }
    // A digest of the parts cannot stand inside one of them.
    let boundary = hasher.finish().to_string();
    let mut body = Vec::with_capacity(parts.iter().map(|(_, _, bytes)| bytes.len() + 256).sum());
    for (name, kind, bytes) in parts {
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
            Content-Type: {kind}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (boundary, body)
}

fn internal(error: impl std::fmt::Display) -> PublishError {
    PublishError::Internal(error.to_string())
}

const JSON: &str = "application/json";
/// Longest text of a server that is repeated in an error.
const MAX_REASON_CHARS: usize = 300;
