// SPDX-License-Identifier: MIT
//! What a server's answer means, decided without any I/O.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};

use crate::error::{Object, StoreError};

/// Who answered, and whether it knew who asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub store: &'a str,
    pub object: &'a Object,
    /// Whether credentials of any kind went along.
    pub with_credentials: bool,
}

/// Turns an answer to GET or HEAD other than 200 into an error.
///
/// Status 403 without credentials is "missing": hosts of static files answer so for what they do not have,
/// and there is nothing else this client could show them. With credentials it is a refusal.
pub(super) fn read_error(
    asked: Asked<'_>,
    status: StatusCode,
    headers: &HeaderMap,
    text: &[u8],
) -> StoreError {
    let missing = match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => true,
        StatusCode::FORBIDDEN => !asked.with_credentials,
        _ => false,
    };
    if missing {
        return StoreError::missing(asked.store, asked.object.clone());
    }
    if status.is_success() {
        let reason = format!("the server answered with status {status} instead of 200");
        return StoreError::invalid(asked.store, asked.object.clone(), reason);
    }
    status_error(asked.store, status, headers, text)
}

/// Turns a status that is no success into an error, whatever was asked.
pub(super) fn status_error(store: &str, status: StatusCode, headers: &HeaderMap, text: &[u8]) -> StoreError {
    answered(
        store,
        status,
        describe(status, headers, text),
        retry_after(headers),
    )
}

/// Tells an answer that may be another one later from one that stays.
pub(crate) fn answered(
    store: &str,
    status: StatusCode,
    reason: String,
    retry_after: Option<Duration>,
) -> StoreError {
    let store = store.to_owned();
    match is_passing(status) {
        true => StoreError::Unavailable {
            store,
            reason,
            status: status.as_u16(),
            retry_after,
        },
        false => StoreError::Refused {
            store,
            reason,
            status: Some(status.as_u16()),
            credentials: matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
        },
    }
}

/// Tells whether the same request may do better later.
pub(super) fn is_passing(status: StatusCode) -> bool {
    let never = matches!(
        status,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED
    );
    let early = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    );
    early || (status.is_server_error() && !never)
}

/// Returns the wait asked for by `Retry-After`, in seconds or as a date.
///
/// A date is taken against the answer's own `Date`, so that a wrong clock here does no harm.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(until.duration_since(now).unwrap_or(Duration::ZERO))
}

/// Tells what is wrong with the head of a 200 answer that should carry plain data, if anything.
pub(super) fn head_fault(headers: &HeaderMap) -> Option<String> {
    let value = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let encoding = value(CONTENT_ENCODING);
    if !matches!(encoding, "" | "identity") {
        return Some(format!(
            "the server compressed it ({encoding:.40}) without being asked"
        ));
    }
    let kind = value(CONTENT_TYPE).to_ascii_lowercase();
    let is_page = kind.starts_with("text/html") || kind.starts_with("application/xhtml");
    is_page.then(|| WEB_PAGE.to_owned())
}

/// Tells whether a body that should be data is a web page, as login pages of public networks send.
pub(super) fn body_fault(body: &[u8]) -> Option<&'static str> {
    let start = body
        .get(..64)
        .unwrap_or(body)
        .trim_ascii_start()
        .to_ascii_lowercase();
    let is_page = start.starts_with(b"<!doctype html") || start.starts_with(b"<html");
    is_page.then_some(WEB_PAGE)
}

/// Returns one line on a status, with the server's own words if it sent short text or a problem document.
fn describe(status: StatusCode, headers: &HeaderMap, text: &[u8]) -> String {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let words = if kind.starts_with("application/problem+json") {
        let problem: Option<Problem> = serde_json::from_slice(text).ok();
        problem
            .and_then(|problem| problem.detail.or(problem.title))
            .unwrap_or_default()
    } else if kind.starts_with("text/plain") {
        String::from_utf8_lossy(text).into_owned()
    } else {
        String::new()
    };
    let line = words.lines().next().unwrap_or_default().trim();
    let line: String = line.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect();
    match line.trim_end_matches('.') {
        "" => format!("status {status}"),
        line => format!("status {status}: {line}"),
    }
}

#[derive(serde::Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

const WEB_PAGE: &str =
    "the answer is a web page; is there a login page in front of the network, or is the address wrong?";
const MAX_WORDS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderName;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    fn error(status: u16, with_credentials: bool) -> StoreError {
        let object = Object::File("x".to_owned());
        let asked = Asked {
            store: "s",
            object: &object,
            with_credentials,
        };
        read_error(
            asked,
            StatusCode::from_u16(status).unwrap(),
            &HeaderMap::new(),
            b"",
        )
    }

    #[test]
    fn absent_objects_are_missing_however_the_host_says_it() {
        for (status, with_credentials) in [(404, false), (404, true), (410, true), (403, false)] {
            assert!(error(status, with_credentials).is_missing(), "{status}");
        }
    }

    #[test]
    fn refusals_tell_their_status_and_whether_credentials_would_help() {
        for (status, expected) in [(401, true), (403, true), (400, false), (405, false), (501, false)] {
            match error(status, true) {
                StoreError::Refused {
                    credentials,
                    status: told,
                    ..
                } => assert_eq!((credentials, told), (expected, Some(status)), "{status}"),
                other => panic!("{status}: {other}"),
            }
        }
    }

    #[test]
    fn overload_and_server_faults_may_pass() {
        for status in [408, 425, 429, 500, 502, 503, 504, 520, 599] {
            assert!(
                matches!(error(status, true), StoreError::Unavailable { .. }),
                "{status}"
            );
        }
    }

    #[test]
    fn a_success_that_is_not_200_is_invalid() {
        for status in [201, 204, 206] {
            assert!(
                matches!(error(status, true), StoreError::Invalid { .. }),
                "{status}"
            );
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let later = "Sun, 06 Nov 1994 08:51:07 GMT";
        let cases = [
            (headers(&[(RETRY_AFTER, "7")]), Some(7)),
            (headers(&[(RETRY_AFTER, later), (DATE, date)]), Some(90)),
            (headers(&[(RETRY_AFTER, date), (DATE, later)]), Some(0)),
            (headers(&[(RETRY_AFTER, later)]), None),
            (headers(&[(RETRY_AFTER, "soon")]), None),
            (headers(&[(RETRY_AFTER, "-1")]), None),
            (headers(&[]), None),
        ];
        for (headers, seconds) in cases {
            assert_eq!(
                retry_after(&headers),
                seconds.map(Duration::from_secs),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn web_pages_are_told_from_data() {
        assert!(head_fault(&headers(&[(CONTENT_TYPE, "text/html; charset=utf-8")])).is_some());
        assert!(head_fault(&headers(&[(CONTENT_ENCODING, "gzip")])).is_some());
        assert!(head_fault(&headers(&[(CONTENT_TYPE, "application/json")])).is_none());
        assert!(body_fault(b"\n <!DOCTYPE html><html>").is_some());
        assert!(body_fault(b"<HTML>").is_some());
        assert!(body_fault(b"\x28\xb5\x2f\xfd").is_none());
        assert!(body_fault(b"").is_none());
    }

    #[test]
    fn the_servers_words_are_quoted_in_one_clean_line() {
        let plain = headers(&[(CONTENT_TYPE, "text/plain")]);
        let text = describe(
            StatusCode::BAD_REQUEST,
            &plain,
            b"no\x1b[31m such thing.\nsecond line",
        );
        assert_eq!(text, "status 400 Bad Request: no[31m such thing");
        let problem = headers(&[(CONTENT_TYPE, "application/problem+json")]);
        let text = describe(
            StatusCode::CONFLICT,
            &problem,
            br#"{"title": "t", "detail": "d"}"#,
        );
        assert_eq!(text, "status 409 Conflict: d");
        assert_eq!(
            describe(StatusCode::NOT_FOUND, &problem, b"x"),
            "status 404 Not Found"
        );
    }
}
