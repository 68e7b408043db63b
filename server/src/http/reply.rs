// SPDX-License-Identifier: MIT
//! Answers to GET and HEAD: entity tags, ranges and caching, the same for every static file.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use fs_err as fs;
use poem::http::{HeaderMap, Method, StatusCode, header};
use poem::{Body, Request, Response, ResponseBuilder};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use crate::service::{ServiceError, blocking};
pub use crate::site::Caching;

/// A file or document that can be had at an address.
#[derive(Debug)]
pub struct Representation {
    /// Its bytes.
    pub source: Source,
    /// Names its bytes; without quotes.
    pub tag: String,
    /// Its media type.
    pub media_type: &'static str,
    /// How long others may keep it.
    pub caching: Caching,
}

/// Where the bytes of a [`Representation`] are.
#[derive(Debug)]
pub enum Source {
    /// In memory.
    Bytes(Bytes),
    /// Not here: the length in bytes is all that HEAD takes.
    Length(u64),
    /// In a file, from its start.
    File {
        /// The file.
        file: fs::File,
        /// Its length in bytes.
        len: u64,
    },
}

/// What a request asks about a representation besides its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// HEAD: everything but the bytes.
    pub head: bool,
    if_none_match: Option<String>,
    range: Option<String>,
    if_range: Option<String>,
}

/// What to send, decided from the conditions alone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Plan {
    /// 304.
    NotModified,
    /// 200.
    Whole,
    /// 206.
    Part(Range<u64>),
    /// 416.
    OutOfRange,
}

impl Conditions {
    /// Reads the conditions of `request`.
    pub fn of(request: &Request) -> Self {
        Self::read(request.method(), request.headers())
    }

    /// Tells whether the whole representation is asked for, by somebody who has nothing of it.
    pub fn asks_for_all(&self) -> bool {
        !self.head && self.if_none_match.is_none() && self.range.is_none()
    }

    fn read(method: &Method, headers: &HeaderMap) -> Self {
        let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
        Self {
            head: method == Method::HEAD,
            if_none_match: text(header::IF_NONE_MATCH),
            range: text(header::RANGE).filter(|_| method == Method::GET),
            if_range: text(header::IF_RANGE),
        }
    }

    fn plan(&self, tag: &str, len: u64) -> Plan {
        let quoted = format!("\"{tag}\"");
        if self
            .if_none_match
            .as_deref()
            .is_some_and(|list| names(list, &quoted))
        {
            return Plan::NotModified;
        }
        // A client that holds part of something else must not get a part of this.
        if self
            .if_range
            .as_deref()
            .is_some_and(|wanted| wanted.trim() != quoted)
        {
            return Plan::Whole;
        }
        self.range
            .as_deref()
            .map_or(Plan::Whole, |range| part(range, len))
    }
}

impl Representation {
    /// Answers a request for it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn respond(self, conditions: &Conditions) -> Result<Response, ServiceError> {
        let len = self.source.len();
        let plan = conditions.plan(&self.tag, len);
        let reply = self.begun();
        let (reply, range) = match plan {
            Plan::NotModified => return Ok(reply.status(StatusCode::NOT_MODIFIED).finish()),
            Plan::OutOfRange => {
                return Ok(Response::builder()
                    .status(StatusCode::RANGE_NOT_SATISFIABLE)
                    .header(header::CACHE_CONTROL, "no-store")
                    .header(header::CONTENT_RANGE, format!("bytes */{len}"))
                    .finish());
            }
            Plan::Whole => (reply.status(StatusCode::OK), 0..len),
            Plan::Part(range) => {
                let stated = format!("bytes {}-{}/{len}", range.start, range.end.saturating_sub(1));
                let reply = reply.status(StatusCode::PARTIAL_CONTENT);
                (reply.header(header::CONTENT_RANGE, stated), range)
            }
        };
        let reply = self.measured(reply, range.end - range.start);
        match conditions.head {
            true => Ok(reply.finish()),
            false => Ok(reply.body(self.source.body(range).await?)),
        }
    }

    /// Returns the head of the answer to whoever asks for all of it.
    pub fn head(&self) -> Response {
        let reply = self.begun().status(StatusCode::OK);
        self.measured(reply, self.source.len()).finish()
    }

    /// Says what every answer says.
    fn begun(&self) -> ResponseBuilder {
        let reply = Response::builder()
            .header(header::ETAG, format!("\"{}\"", self.tag))
            .header(header::CACHE_CONTROL, self.caching.header())
            .header(header::ACCEPT_RANGES, "bytes");
        match self.caching {
            // For caches that keep what they were asked not to.
            Caching::Private => reply.header(header::VARY, "Authorization"),
            Caching::Immutable | Caching::Revalidate => reply,
        }
    }

    /// Says what bytes follow, and how many.
    fn measured(&self, reply: ResponseBuilder, len: u64) -> ResponseBuilder {
        reply
            .header(header::CONTENT_TYPE, self.media_type)
            .header(header::CONTENT_LENGTH, len)
    }
}

impl Source {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Length(len) | Self::File { len, .. } => *len,
        }
    }

    async fn body(self, range: Range<u64>) -> Result<Body, ServiceError> {
        match self {
            Self::Bytes(bytes) => {
                let index = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes.slice(index(range.start)..index(range.end)).into())
            }
            Self::Length(_) => Ok(Body::empty()),
            Self::File { mut file, .. } => {
                let len = range.end - range.start;
                if len <= READ_AT_ONCE {
                    let read = blocking(move || read_range(file, range).map_err(unreadable));
                    return Ok(read.await?.into());
                }
                file.seek(SeekFrom::Start(range.start)).map_err(unreadable)?;
                let reader = tokio::fs::File::from_std(file.into_parts().0).take(len);
                Ok(Body::from_bytes_stream(ReaderStream::with_capacity(
                    reader,
                    STREAM_BUFFER,
                )))
            }
        }
    }
}

fn read_range(mut file: fs::File, range: Range<u64>) -> std::io::Result<Bytes> {
    let len = range.end - range.start;
    if range.start > 0 {
        file.seek(SeekFrom::Start(range.start))?;
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
    file.read_exact(&mut bytes)?;
    Ok(bytes.into())
}

fn unreadable(error: std::io::Error) -> ServiceError {
    ServiceError::Internal(format!("read a file to serve: {error}"))
}

/// Tells whether an `If-None-Match` list names `quoted`; weak and strong tags are the same here.
fn names(list: &str, quoted: &str) -> bool {
    let mut tags = list.split(',').map(|tag| tag.trim().trim_start_matches("W/"));
    tags.any(|tag| tag == "*" || tag == quoted)
}

/// Reads a `Range` of one part; several parts at once are answered with the whole, which is allowed and
/// cannot be abused.
fn part(text: &str, len: u64) -> Plan {
    let bounds = text.strip_prefix("bytes=").and_then(|rest| rest.split_once('-'));
    let Some((first, last)) = bounds else {
        return Plan::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let range = match (first.is_empty(), last.is_empty()) {
        (false, true) => first.parse().ok().map(|first: u64| first..len),
        (true, false) => last.parse().ok().map(|last: u64| len.saturating_sub(last)..len),
        (false, false) => match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => Some(first..last.saturating_add(1).min(len)),
            _ => None,
        },
        (true, true) => None,
    };
    match range {
        None => Plan::Whole,
        Some(range) if range.start >= range.end => Plan::OutOfRange,
        Some(range) => Plan::Part(range),
    }
}

/// Longest file read in one go; longer ones are streamed.
const READ_AT_ONCE: u64 = 1 << 20;
const STREAM_BUFFER: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(pairs: &[(header::HeaderName, &str)]) -> Conditions {
        let headers = pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()));
        Conditions::read(&Method::GET, &headers.collect())
    }

    #[test]
    fn a_range_is_one_part_of_what_is_there() {
        let cases = [
            ("bytes=0-9", Plan::Part(0..10)),
            ("bytes=90-", Plan::Part(90..100)),
            ("bytes=-10", Plan::Part(90..100)),
            ("bytes=-1000", Plan::Part(0..100)),
            ("bytes=50-1000", Plan::Part(50..100)),
            ("bytes=100-", Plan::OutOfRange),
            ("bytes=-0", Plan::OutOfRange),
            ("bytes=9-0", Plan::Whole),
            ("bytes=0-1,5-6", Plan::Whole),
            ("bytes=-", Plan::Whole),
            ("lines=0-9", Plan::Whole),
            ("bytes=0-18446744073709551615", Plan::Part(0..100)),
        ];
        for (text, plan) in cases {
            assert_eq!(
                conditions(&[(header::RANGE, text)]).plan("t", 100),
                plan,
                "{text}"
            );
        }
        assert_eq!(
            conditions(&[(header::RANGE, "bytes=0-")]).plan("t", 0),
            Plan::OutOfRange
        );
    }

    #[test]
    fn a_known_tag_needs_no_answer() {
        for list in ["\"t\"", "W/\"t\"", "\"a\", \"t\"", "*"] {
            let conditions = conditions(&[(header::IF_NONE_MATCH, list)]);
            assert_eq!(conditions.plan("t", 100), Plan::NotModified, "{list}");
        }
        let other = conditions(&[(header::IF_NONE_MATCH, "\"a\"")]);
        assert_eq!(other.plan("t", 100), Plan::Whole);
    }

    #[test]
    fn a_part_of_something_else_is_not_continued() {
        let range = (header::RANGE, "bytes=5-");
        let same = conditions(&[range.clone(), (header::IF_RANGE, "\"t\"")]);
        assert_eq!(same.plan("t", 100), Plan::Part(5..100));
        let other = conditions(&[range, (header::IF_RANGE, "\"a\"")]);
        assert_eq!(other.plan("t", 100), Plan::Whole);
    }
}
