// SPDX-License-Identifier: MIT
//! Requests to an API and their answers.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

/// A request to an API: any method, any answer.
#[derive(Clone, Debug)]
pub struct HttpCall {
    /// The method.
    pub method: Method,
    /// The path below the base address, without leading slash.
    pub path: String,
    /// Parameters for the query, not yet encoded.
    pub query: Vec<(String, String)>,
    /// The body's media type.
    pub content_type: Option<String>,
    /// The body; empty for none.
    pub body: Bytes,
    /// Most bytes of the answer's body that are taken.
    pub max_answer: usize,
    /// Whether it may be sent again after a failure: doing it twice must be the same as doing it once.
    pub repeatable: bool,
}

impl HttpCall {
    /// Makes a call without query and body that may be repeated and has at most 1 MiB of answer.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            content_type: None,
            body: Bytes::new(),
            max_answer: 1 << 20,
            repeatable: true,
        }
    }

    /// Returns the call with a body of the media type `content_type`.
    pub fn with_body(self, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            content_type: Some(content_type.into()),
            body: body.into(),
            ..self
        }
    }
}

/// The answer to an [`HttpCall`].
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}
