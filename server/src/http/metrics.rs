// SPDX-License-Identifier: MIT
//! Figures about answers, in the text format of Prometheus. Nothing in them tells who asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use poem::http::{Method, StatusCode, header};
use poem::web::Data;
use poem::{Endpoint, IntoResponse as _, Request, Response, handler};

use super::problem::{Problem, ProblemCode};
use crate::db::metadata::RoleRow;
use crate::rates::Class;
use crate::service::Service;
use crate::service::chunks::MissingChunks;
use crate::service::token::Verb;

/// Counts answers since the server started.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Answers by kind and by place in [`FREQUENT`], which are counted without a lock.
    frequent: [[Counters; FREQUENT.len()]; Kind::ALL.len()],
    others: Mutex<BTreeMap<(Kind, u16), Totals>>,
    /// Chunks that went past the router, by [`Way`].
    by_way: [AtomicU64; Way::ALL.len()],
    problems: Mutex<BTreeMap<&'static str, u64>>,
    clients: Mutex<BTreeMap<(&'static str, String), Arc<AtomicU64>>>,
    asked: Mutex<Asked>,
}

/// What publishers asked whether it is there.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    there: u64,
    missing: u64,
    bytes_there: u64,
}

/// What a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Chunk,
    ChunkBatch,
    ChunkUpload,
    Index,
    IndexUpload,
    Metadata,
    Release,
    Api,
    Admin,
    Other,
}

/// How a chunk gets to a client past the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Copied out of the system's memory.
    Copy,
    /// By the system itself, out of its memory.
    Sendfile,
    /// Read from the disk first.
    Disk,
}

impl Way {
    /// Every way, in the order of their numbers.
    const ALL: [Self; 3] = [Self::Copy, Self::Sendfile, Self::Disk];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Sendfile => "sendfile",
            Self::Disk => "disk",
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    answers: u64,
    bytes: u64,
}

impl Totals {
    fn add(&mut self, more: Self) {
        self.answers += more.answers;
        self.bytes += more.bytes;
    }
}

/// Totals that everybody adds to at once.
#[derive(Debug, Default)]
struct Counters {
    answers: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    fn add(&self, more: Totals) {
        self.answers.fetch_add(more.answers, Ordering::Relaxed);
        self.bytes.fetch_add(more.bytes, Ordering::Relaxed);
    }

    fn totals(&self) -> Totals {
        Totals {
            answers: self.answers.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

impl Metrics {
    /// Counts an answer whose body has so many bytes.
    pub(super) fn count(&self, kind: Kind, status: StatusCode, bytes: u64) {
        self.add(kind, status, Totals { answers: 1, bytes });
    }

    /// Counts a chunk that goes past the router, which [`Metrics::count`] is told of too.
    #[cfg(target_os = "linux")]
    pub(super) fn count_way(&self, way: Way) {
        if let Some(count) = self.by_way.get(way as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts bytes of an answer with many chunks, as they are sent.
    pub fn count_batch_bytes(&self, bytes: u64) {
        self.add(Kind::ChunkBatch, StatusCode::OK, Totals { answers: 0, bytes });
    }

    fn add(&self, kind: Kind, status: StatusCode, more: Totals) {
        let place = FREQUENT.iter().position(|frequent| *frequent == status);
        let counters = place.and_then(|place| self.frequent.get(kind as usize)?.get(place));
        match counters {
            Some(counters) => counters.add(more),
            None => lock(&self.others)
                .entry((kind, status.as_u16()))
                .or_default()
                .add(more),
        }
    }

    /// Counts an answer to a question for missing chunks.
    pub fn count_asked(&self, answer: &MissingChunks) {
        let mut asked = lock(&self.asked);
        asked.missing += answer.missing.len() as u64;
        for bytes in answer.sizes.iter().flatten() {
            asked.there += 1;
            asked.bytes_there += bytes;
        }
    }

    fn count_problem(&self, code: &'static str) {
        *lock(&self.problems).entry(code).or_default() += 1;
    }

    /// Returns the number of requests of clients that say `user_agent` of themselves, for who asks to be added to.
    pub(super) fn client(&self, user_agent: &str) -> Arc<AtomicU64> {
        let (client, version) = client_of(user_agent);
        let mut clients = lock(&self.clients);
        // Anybody can make up versions; the first ones are the real ones, more are of no use.
        let known = clients.contains_key(&(client, version.clone())) || clients.len() < MOST_CLIENTS;
        let version = if known { version } else { String::new() };
        clients.entry((client, version)).or_default().clone()
    }

    fn count_client(&self, user_agent: &str) {
        self.client(user_agent).fetch_add(1, Ordering::Relaxed);
    }

    fn text(&self) -> String {
        let mut text = self.answers_text();
        let mut family = |name: &str, help: &str, lines: Vec<(String, u64)>| {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} counter\n");
            for (labels, value) in lines {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        let ways = Way::ALL.into_iter().zip(&self.by_way);
        let ways = ways.map(|(way, count)| {
            let labels = format!("{{way=\"{}\"}}", way.as_str());
            (labels, count.load(Ordering::Relaxed))
        });
        family(
            "vsekai_server_chunks_past_router_total",
            "Chunks sent past the router, by how they got to the client.",
            ways.collect(),
        );
        let problems = lock(&self.problems).clone().into_iter();
        let problems = problems.map(|(code, count)| (format!("{{code=\"{code}\"}}"), count));
        family(
            "vsekai_server_problems_total",
            "Requests refused or failed, by code.",
            problems.collect(),
        );
        let clients = lock(&self.clients).clone().into_iter();
        let clients = clients.map(|((client, version), count)| {
            let labels = format!("{{client=\"{client}\",version=\"{version}\"}}");
            (labels, count.load(Ordering::Relaxed))
        });
        family(
            "vsekai_server_client_requests_total",
            "Requests by kind of client.",
            clients.collect(),
        );
        let asked = *lock(&self.asked);
        family(
            "vsekai_server_chunks_asked_total",
            "Chunks that publishers asked for, by whether they were there.",
            vec![
                ("{there=\"yes\"}".to_owned(), asked.there),
                ("{there=\"no\"}".to_owned(), asked.missing),
            ],
        );
        family(
            "vsekai_server_upload_bytes_saved_total",
            "Bytes of chunks that publishers need not upload, because they were there.",
            vec![(String::new(), asked.bytes_there)],
        );
        text
    }

    fn answers_text(&self) -> String {
        let answers = self.answers();
        let mut text = String::new();
        let mut family = |name: &str, help: &str, value: fn(&Totals) -> u64| {
            // Writing to a string does not fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} counter\n");
            for ((kind, status), totals) in &answers {
                let kind = kind.as_str();
                let _ = writeln!(
                    text,
                    "{name}{{kind=\"{kind}\",status=\"{status}\"}} {}",
                    value(totals)
                );
            }
        };
        family("vsekai_server_answers_total", "Requests answered.", |totals| {
            totals.answers
        });
        family(
            "vsekai_server_body_bytes_total",
            "Bytes of answers' bodies, as announced or, of many chunks at once, as sent.",
            |totals| totals.bytes,
        );
        text
    }

    fn answers(&self) -> BTreeMap<(Kind, u16), Totals> {
        let mut answers = lock(&self.others).clone();
        for (kind, counters) in Kind::ALL.into_iter().zip(&self.frequent) {
            for (status, counters) in FREQUENT.iter().zip(counters) {
                let totals = counters.totals();
                if totals.answers > 0 {
                    answers.insert((kind, status.as_u16()), totals);
                }
            }
        }
        answers
    }
}

fn lock<T>(figures: &Mutex<T>) -> MutexGuard<'_, T> {
    figures.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names the program that a client says it is, and its version where that is one of ours.
fn client_of(user_agent: &str) -> (&'static str, String) {
    let (name, rest) = user_agent.split_once('/').unwrap_or((user_agent, ""));
    let version: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
        .take(MOST_VERSION_CHARS)
        .collect();
    match name {
        "vsekai" => ("vsekai", version),
        "Go-http-client" => ("desync", String::new()),
        _ if user_agent.starts_with("casync") => ("casync", String::new()),
        _ => ("other", String::new()),
    }
}

impl Kind {
    /// Every kind, in the order of their numbers.
    const ALL: [Self; 10] = [
        Self::Chunk,
        Self::ChunkBatch,
        Self::ChunkUpload,
        Self::Index,
        Self::IndexUpload,
        Self::Metadata,
        Self::Release,
        Self::Api,
        Self::Admin,
        Self::Other,
    ];

    /// Sorts a request by its address, without reading names out of it.
    pub(super) fn of(method: &Method, path: &str) -> Self {
        let is_upload = method == Method::PUT;
        match path.split('/').nth(1).unwrap_or_default() {
            "store" if is_upload => Self::ChunkUpload,
            "store" => Self::Chunk,
            "index" if is_upload => Self::IndexUpload,
            "index" => Self::Index,
            "titles" if path.split('/').nth(3) == Some("releases") => Self::Release,
            "titles" => Self::Metadata,
            "api" if path == "/api/v1/chunks/fetch" => Self::ChunkBatch,
            "api" => Self::Api,
            "admin" => Self::Admin,
            _ => Self::Other,
        }
    }

    /// Returns what it is counted as, `None` for uploads, which are counted by token.
    pub(super) const fn class(self) -> Option<Class> {
        match self {
            Self::ChunkUpload | Self::IndexUpload => None,
            Self::Chunk | Self::ChunkBatch | Self::Index | Self::Metadata | Self::Release => {
                Some(Class::Read)
            }
            Self::Api | Self::Admin | Self::Other => Some(Class::Api),
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Chunk => "chunk",
            Self::ChunkBatch => "chunk-batch",
            Self::ChunkUpload => "chunk-upload",
            Self::Index => "index",
            Self::IndexUpload => "index-upload",
            Self::Metadata => "metadata",
            Self::Release => "release",
            Self::Api => "api",
            Self::Admin => "admin",
            Self::Other => "other",
        }
    }
}

/// Counts the answer of `endpoint`.
pub async fn counted<E: Endpoint>(metrics: Arc<Metrics>, endpoint: Arc<E>, request: Request) -> Response {
    let kind = Kind::of(request.method(), request.uri().path());
    let is_head = request.method() == Method::HEAD;
    let user_agent = request.headers().get(header::USER_AGENT);
    metrics.count_client(
        user_agent
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default(),
    );
    let response = endpoint.get_response(request).await.into_response();
    let length = response.headers().get(header::CONTENT_LENGTH);
    let length = length
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .filter(|_| !is_head);
    metrics.count(kind, response.status(), length.unwrap_or_default());
    if let Some(ProblemCode(code)) = response.extensions().get() {
        metrics.count_problem(code);
    }
    response
}

/// `GET api/v1/metrics`: the figures, for holders of a token for the whole server.
#[utoipa::path(
    get, path = "/api/v1/metrics", tag = "running",
    security(("token" = ["observe"])),
    responses((status = 200, description = "Figures in the text format of Prometheus", content_type = "text/plain", body = String)),
)]
#[handler]
pub async fn get_metrics(
    service: Data<&Arc<Service>>,
    metrics: Data<&Arc<Metrics>>,
    request: &Request,
) -> Result<Response, Problem> {
    let access = super::bearer::access(&service, request).await?;
    access.require_everywhere(Verb::Observe)?;
    let ends = ends(&service.role_ends().await?);
    Ok(Response::builder()
        .header(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        .body(metrics.text() + &ends))
}

/// Writes when each role of each title ends.
fn ends(roles: &[RoleRow]) -> String {
    let name = "vsekai_server_metadata_expires_timestamp_seconds";
    let mut text = format!("# HELP {name} When signed metadata ends.\n# TYPE {name} gauge\n");
    for row in roles {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{name}{{title=\"{}\",role=\"{}\"}} {}",
            row.title, row.role, row.expires_at
        );
    }
    text
}

/// Statuses of almost every answer.
const FREQUENT: [StatusCode; 5] = [
    StatusCode::OK,
    StatusCode::CREATED,
    StatusCode::PARTIAL_CONTENT,
    StatusCode::NOT_MODIFIED,
    StatusCode::NOT_FOUND,
];
/// Kinds and versions of clients that are counted apart.
const MOST_CLIENTS: usize = 64;
const MOST_VERSION_CHARS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_sorted_by_their_address() {
        let cases = [
            (Method::GET, "/store/abcd/x.cacnk", Kind::Chunk),
            (Method::PUT, "/store/abcd/x.cacnk", Kind::ChunkUpload),
            (Method::POST, "/api/v1/chunks/fetch", Kind::ChunkBatch),
            (Method::POST, "/api/v1/chunks/missing", Kind::Api),
            (Method::HEAD, "/index/a.caidx", Kind::Index),
            (Method::GET, "/titles/a/tuf/timestamp.json", Kind::Metadata),
            (Method::GET, "/titles/a/tuf/targets/b.c@d.json", Kind::Metadata),
            (
                Method::GET,
                "/titles/a/releases/b/c/contents.json.zst",
                Kind::Release,
            ),
            (Method::POST, "/api/v1/releases", Kind::Api),
            (Method::POST, "/admin/login", Kind::Admin),
            (Method::GET, "/docs", Kind::Other),
            (Method::GET, "/", Kind::Other),
            (Method::GET, "", Kind::Other),
        ];
        for (method, path, kind) in cases {
            assert_eq!(Kind::of(&method, path), kind, "{method} {path}");
        }
    }

    #[test]
    fn only_what_players_read_is_counted_as_reading() {
        let class = |path| Kind::of(&Method::GET, path).class();
        for path in [
            "/store/abcd/x.cacnk",
            "/index/a.caidx",
            "/titles/a/tuf/1.root.json",
        ] {
            assert_eq!(class(path), Some(Class::Read), "{path}");
        }
        for path in ["/api/v1/health", "/admin/login", "/docs", "/wp-login.php"] {
            assert_eq!(class(path), Some(Class::Api), "{path}");
        }
        assert_eq!(Kind::of(&Method::PUT, "/store/abcd/x.cacnk").class(), None);
    }

    #[test]
    fn clients_are_counted_by_kind_and_version_and_not_without_end() {
        let metrics = Metrics::default();
        for number in 0..200 {
            metrics.count_client(&format!("vsekai/0.{number}.0 (Linux)"));
        }
        metrics.count_client("Go-http-client/1.1");
        metrics.count_client("evil\"} 1\n");
        let text = metrics.text();
        assert!(
            text.contains("{client=\"vsekai\",version=\"0.0.0\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("{client=\"desync\",version=\"\"} 1\n"), "{text}");
        assert!(text.contains("{client=\"other\",version=\"\"} 1\n"), "{text}");
        assert!(text.lines().count() < 100 && !text.contains("evil"));
    }

    #[test]
    fn every_kind_and_way_has_its_place() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
        assert_eq!(Kind::Other as usize + 1, Kind::ALL.len());
        for (place, way) in Way::ALL.into_iter().enumerate() {
            assert_eq!(way as usize, place);
        }
    }

    #[test]
    fn figures_are_written_one_a_line() {
        let metrics = Metrics::default();
        metrics.count(Kind::Chunk, StatusCode::OK, 100);
        metrics.count(Kind::Chunk, StatusCode::OK, 50);
        metrics.count(Kind::Chunk, StatusCode::NOT_FOUND, 9);
        metrics.count(Kind::Api, StatusCode::TOO_MANY_REQUESTS, 9);
        let text = metrics.text();
        assert!(
            text.contains("vsekai_server_answers_total{kind=\"chunk\",status=\"200\"} 2\n"),
            "{text}"
        );
        assert!(
            text.contains("vsekai_server_body_bytes_total{kind=\"chunk\",status=\"200\"} 150\n"),
            "{text}"
        );
        assert!(
            text.contains("vsekai_server_answers_total{kind=\"chunk\",status=\"404\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("vsekai_server_answers_total{kind=\"api\",status=\"429\"} 1\n"),
            "{text}"
        );
        assert_eq!(text.matches("vsekai_server_answers_total{").count(), 3, "{text}");
    }
}
