// SPDX-License-Identifier: MIT
//! The express lane: public chunks over plain HTTP/1.1, past hyper and the router.
//!
//! Chunks are most of what is asked for, and what a request costs on its way through the router is several times what
//! reading a small chunk does. So a connection begins here. The lane answers what it understands to the last header, and
//! only with 200. Anything else, and whatever the connection brings after it, goes to hyper with the bytes that were
//! read; nothing is refused here. What is promised of time, rates, proxies and figures holds in both alike.

use std::io::{self, IoSlice, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use poem::http::{HeaderMap, Method, StatusCode, header};
use rustix::net::{SendFlags, send};
use tokio::io::{AsyncRead as _, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use vsekai_formats::ChunkId;

use super::client_address::client_address;
use super::connection::{self, OLD, STOPPING, late};
use super::get_chunk;
use super::metrics::{Kind, Metrics, Way};
use super::reply::{Caching, Source};
use crate::limits::Limits;
use crate::rates::Class;
use crate::service::{Audience, Service};
use crate::storage::{CachedFile, Store};

/// What the lane's connections share.
#[derive(Debug)]
pub(super) struct Lane {
    service: Arc<Service>,
    metrics: Arc<Metrics>,
    head: Head,
}

/// A connection for hyper to go on with.
#[derive(Debug)]
pub(super) struct Begun {
    /// The connection.
    pub(super) stream: TcpStream,
    /// What was read from it and not answered.
    pub(super) bytes: Vec<u8>,
    /// When the head that begins with these bytes is late.
    pub(super) deadline: Instant,
    /// Whether a request was answered before.
    pub(super) answered: bool,
    /// Whether the request that begins with these bytes was counted for its client.
    pub(super) counted: bool,
}

impl Lane {
    /// Makes a lane if the chunks are in a folder; those of a bucket take so long that a lane would gain nothing.
    pub(super) fn new(service: &Arc<Service>, metrics: &Arc<Metrics>) -> Option<Self> {
        match service.store() {
            Store::Bucket(_) => None,
            Store::Folder(_) => Some(Self {
                service: service.clone(),
                metrics: metrics.clone(),
                head: Head::of_chunks(),
            }),
        }
    }

    /// Serves chunks until the client leaves or breaks a limit, or `stop` is called and it waits for nothing; hands the
    /// connection back with the first request of another kind.
    ///
    /// `opened` is when the connection was.
    pub(super) async fn serve(
        &self,
        stream: TcpStream,
        remote: SocketAddr,
        opened: Instant,
        limits: &Limits,
        stop: &CancellationToken,
    ) -> Option<Begun> {
        let mut stopping = pin!(stop.cancelled());
        let mut visit = Visit::new(self, stream, remote.ip(), opened, limits);
        loop {
            match visit.step(stopping.as_mut()).await {
                Ok(Step::Answered) if stop.is_cancelled() => return visit.leave(remote, STOPPING),
                // A client that asks for much in one go lets others have their turn now and then.
                Ok(Step::Answered) => tokio::task::coop::consume_budget().await,
                Ok(Step::Leave(reason)) => return visit.leave(remote, reason),
                Ok(Step::HandOver) => return Some(visit.hand_over()),
                Ok(Step::Closed) => return None,
                Err(error) => {
                    connection::log_end(remote, &error);
                    return None;
                }
            }
        }
    }
}

/// How a step on a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A request was answered.
    Answered,
    /// There is something that is not for the lane.
    HandOver,
    /// The client is to leave, and why.
    Leave(&'static str),
    /// The client has left.
    Closed,
}

/// A connection that is in the lane.
struct Visit<'a> {
    lane: &'a Lane,
    limits: &'a Limits,
    stream: TcpStream,
    /// Who is at its other end.
    remote: IpAddr,
    /// What was read and not answered: the first `filled` bytes.
    buffer: Vec<u8>,
    filled: usize,
    answered: bool,
    /// Whether the request at hand was counted for its client.
    counted: bool,
    /// Whether it is waited for a request to begin, which is no hurry, and not for a head or the rest of one.
    idle: bool,
    /// When the client is late with what it is waited for.
    deadline: Instant,
    /// When the client is asked to leave.
    ends: Instant,
    /// Wakes at the deadline or before, so that a deadline that moves away with each request costs nothing.
    timer: Pin<Box<Sleep>>,
    /// The head of an answer.
    head: Vec<u8>,
    /// A small chunk.
    copy: Vec<u8>,
    date: Date,
    client: Client,
}

/// Where the bytes of a chunk are.
enum Body {
    /// The first ones of [`Visit::copy`].
    Copied(usize),
    /// In a file that the system has in memory.
    File(CachedFile),
    /// Here, after a wait for the disk.
    Read(Bytes),
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Self::Copied(len) => *len,
            Self::File(file) => file.size(),
            Self::Read(bytes) => bytes.len(),
        }
    }

    fn way(&self) -> Way {
        match self {
            Self::Copied(_) => Way::Copy,
            Self::File(_) => Way::Sendfile,
            Self::Read(_) => Way::Disk,
        }
    }
}

impl<'a> Visit<'a> {
    fn new(lane: &'a Lane, stream: TcpStream, remote: IpAddr, opened: Instant, limits: &'a Limits) -> Self {
        let (deadline, ends) = (opened + limits.head_timeout, opened + limits.connection_lifetime);
        Self {
            lane,
            limits,
            stream,
            remote,
            buffer: vec![0; HEAD_BYTES],
            filled: 0,
            answered: false,
            counted: false,
            // The first request has to begin and arrive within the time for a head.
            idle: false,
            deadline,
            ends,
            timer: Box::pin(sleep_until(deadline.min(ends))),
            head: Vec::with_capacity(HEAD_BYTES / 8),
            copy: Vec::new(),
            date: Date::default(),
            client: Client::default(),
        }
    }

    /// Answers the next request.
    async fn step(&mut self, mut stopping: Pin<&mut WaitForCancellationFuture<'_>>) -> io::Result<Step> {
        let get = loop {
            let bytes = self.buffer.get(..self.filled).unwrap_or_default();
            match read(bytes, self.remote, self.limits) {
                Request::Chunk(get) => break get,
                Request::Other => return Ok(Step::HandOver),
                Request::Partial if self.filled == self.buffer.len() => return Ok(Step::HandOver),
                Request::Partial => {}
            }
            match self.wait(stopping.as_mut()).await? {
                None => {}
                Some(step) => return Ok(step),
            }
        };
        self.client.be(get.user_agent, &self.lane.metrics);
        let (id, owner, head_len) = (get.id, get.owner, get.head_len);
        if !self.answer(id, owner).await? {
            // The head is whole, so it is not late, however long it took to find that it is not for the lane.
            self.deadline = Instant::now() + self.limits.head_timeout;
            return Ok(Step::HandOver);
        }
        self.buffer.copy_within(head_len..self.filled, 0);
        self.filled -= head_len;
        self.answered = true;
        self.counted = false;
        self.idle = self.filled == 0;
        let now = Instant::now();
        self.deadline = now
            + match self.idle {
                true => self.limits.idle_timeout,
                false => self.limits.head_timeout,
            };
        match now < self.ends {
            true => Ok(Step::Answered),
            false => Ok(Step::Leave(OLD)),
        }
    }

    /// Waits for more of a head; returns what comes instead of it.
    async fn wait(
        &mut self,
        mut stopping: Pin<&mut WaitForCancellationFuture<'_>>,
    ) -> io::Result<Option<Step>> {
        let read = std::future::poll_fn(|context| {
            let mut space = ReadBuf::new(self.buffer.get_mut(self.filled..).unwrap_or_default());
            if let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_read(context, &mut space) {
                return Poll::Ready(outcome.map(|()| Ok(space.filled().len())));
            }
            if stopping.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(Err(Step::Leave(STOPPING))));
            }
            let due = self.deadline.min(self.ends);
            if self.timer.deadline() > due {
                self.timer.as_mut().reset(due);
            }
            loop {
                ready!(self.timer.as_mut().poll(context));
                if self.timer.deadline() < due {
                    self.timer.as_mut().reset(due);
                } else if due == self.ends {
                    return Poll::Ready(Ok(Err(Step::Leave(OLD))));
                } else {
                    return Poll::Ready(Err(late("no request came in time")));
                }
            }
        });
        match read.await? {
            Err(step) => Ok(Some(step)),
            Ok(0) => Ok(Some(Step::Closed)),
            Ok(count) => {
                self.filled += count;
                let now = Instant::now();
                if std::mem::take(&mut self.idle) {
                    self.deadline = now + self.limits.head_timeout;
                } else if now >= self.deadline {
                    // Bytes that come too late are refused too, else a drip would hold the connection.
                    return Err(late("the request's head took too long"));
                }
                Ok(None)
            }
        }
    }

    /// Answers a request for a chunk that is counted for `owner`; `false` if the router is to answer it.
    async fn answer(&mut self, id: ChunkId, owner: IpAddr) -> io::Result<bool> {
        let Lane { service, metrics, .. } = self.lane;
        if service.audience_of_chunk(id) != Audience::Everybody {
            return Ok(false);
        }
        // Before the chunk is looked for: whoever asks too often is to cost no more than the refusal, which is the
        // router's, and is not counted.
        if service.rates().address(Class::Read, owner).is_err() {
            return Ok(false);
        }
        self.counted = true;
        let Some(body) = self.find(id).await else {
            return Ok(false);
        };
        self.client.count();
        metrics.count_way(body.way());
        metrics.count(Kind::Chunk, StatusCode::OK, body.len() as u64);
        if tracing::enabled!(tracing::Level::DEBUG) {
            let path = format!("/store/{}", id.store_path(super::CHUNK_EXTENSION));
            connection::log_answer(&Method::GET, &path, StatusCode::OK);
        }
        self.head.clear();
        let date = self.date.now();
        self.lane.head.write(&mut self.head, id, body.len(), date);
        self.send(body).await?;
        Ok(true)
    }

    /// Looks for a chunk, first where that takes no wait; `None` if it cannot be had.
    async fn find(&mut self, id: ChunkId) -> Option<Body> {
        let service = &self.lane.service;
        if let Some(file) = service.open_cached_chunk(id) {
            let size = file.size();
            if size > MOST_COPIED {
                if file.is_in_memory() {
                    return Some(Body::File(file));
                }
            } else {
                self.copy.resize(MOST_COPIED, 0);
                if self.copy.get_mut(..size).is_some_and(|bytes| file.read(bytes)) {
                    return Some(Body::Copied(size));
                }
            }
        }
        service.read_chunk(id).await.ok().map(Body::Read)
    }

    /// Sends the head and `body`.
    async fn send(&self, body: Body) -> io::Result<()> {
        match body {
            Body::Copied(len) => {
                let bytes = self.copy.get(..len).unwrap_or_default();
                self.send_both(bytes).await
            }
            Body::Read(bytes) => self.send_both(&bytes).await,
            Body::File(file) => {
                // The system holds the head back until it can go out with the first bytes of the body.
                let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
                self.send_all(self.head.len(), |from, _| {
                    let rest = self.head.get(from..).unwrap_or_default();
                    Ok(send(&self.stream, rest, flags)?)
                })
                .await?;
                self.send_all(file.size(), |from, left| file.send(&self.stream, from, left))
                    .await
            }
        }
    }

    async fn send_both(&self, body: &[u8]) -> io::Result<()> {
        self.send_all(self.head.len() + body.len(), |from, _| {
            let head = self.head.get(from..).unwrap_or_default();
            let body = body
                .get(from.saturating_sub(self.head.len())..)
                .unwrap_or_default();
            Ok(rustix::io::writev(
                &self.stream,
                &[IoSlice::new(head), IoSlice::new(body)],
            )?)
        })
        .await
    }

    /// Sends `len` bytes, of which `some` sends those from a place on, as many as the client takes: the place and the
    /// number of bytes left are its arguments.
    async fn send_all(&self, len: usize, some: impl Fn(usize, usize) -> io::Result<usize>) -> io::Result<()> {
        let mut sent = 0;
        while sent < len {
            let outcome = self.stream.try_io(Interest::WRITABLE, || some(sent, len - sent));
            match outcome {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_to_send().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits until the client takes more of the answer.
    async fn wait_to_send(&self) -> io::Result<()> {
        let stalled = Instant::now() + self.limits.stall_timeout;
        let at_the_latest = self.ends + self.limits.connection_lifetime;
        match timeout_at(stalled.min(at_the_latest), self.stream.writable()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(late("the client does not take the answer")),
        }
    }

    /// Lets the client leave: at once if it asked for nothing more, else hyper sees to that.
    fn leave(self, remote: SocketAddr, reason: &'static str) -> Option<Begun> {
        if self.filled > 0 {
            return Some(self.hand_over());
        }
        connection::log_leave(remote, reason);
        None
    }

    fn hand_over(mut self) -> Begun {
        self.buffer.truncate(self.filled);
        Begun {
            stream: self.stream,
            bytes: self.buffer,
            deadline: self.deadline,
            answered: self.answered,
            counted: self.counted,
        }
    }
}

/// What the lane sees in the first bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request<'a> {
    /// A head that may still become anything.
    Partial,
    /// A request that is for the lane, if the chunk is.
    Chunk(Get<'a>),
    /// Something else.
    Other,
}

/// A request for all of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Get<'a> {
    id: ChunkId,
    user_agent: &'a str,
    /// Whom it is counted for.
    owner: IpAddr,
    /// Bytes of the request.
    head_len: usize,
}

/// Reads the request at the start of `bytes`, which came from `remote`.
fn read<'a>(bytes: &'a [u8], remote: IpAddr, limits: &Limits) -> Request<'a> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => Request::Partial,
        Ok(httparse::Status::Complete(head_len)) => {
            get(&request, head_len, remote, limits).map_or(Request::Other, Request::Chunk)
        }
        // hyper knows how to answer that, and which of it is HTTP/2.
        Err(_) => Request::Other,
    }
}

fn get<'a>(
    request: &httparse::Request<'_, 'a>,
    head_len: usize,
    remote: IpAddr,
    limits: &Limits,
) -> Option<Get<'a>> {
    if (request.method, request.version) != (Some("GET"), Some(1)) {
        return None;
    }
    let (folder, file) = request.path?.strip_prefix("/store/")?.split_once('/')?;
    let id = super::chunk_id(folder, file).ok()?;
    let (mut host, mut user_agent) = (None, None);
    for header in request.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        // What is there twice is for the router to make sense of.
        let is_understood = if is("host") {
            host.replace(header.value).is_none()
        } else if is("user-agent") {
            user_agent.replace(text(header.value)?).is_none()
        } else if is("connection") {
            header.value.eq_ignore_ascii_case(b"keep-alive")
        } else {
            WITHOUT_EFFECT.into_iter().any(is)
        };
        if !is_understood {
            return None;
        }
    }
    host?;
    let forwarded = limits.forwarded_header.name();
    let told = request.headers.iter();
    let told = told.filter(|header| header.name.eq_ignore_ascii_case(forwarded));
    let told = told.map(|header| text(header.value).unwrap_or_default());
    Some(Get {
        id,
        user_agent: user_agent.unwrap_or_default(),
        owner: client_address(remote, told, limits),
        head_len,
    })
}

/// Reads a header's value as the router does.
fn text(value: &[u8]) -> Option<&str> {
    let is_text = |byte: &u8| *byte == b'\t' || (b' '..=b'~').contains(byte);
    std::str::from_utf8(value)
        .ok()
        .filter(|_| value.iter().all(is_text))
}

/// The head of the lane's answers: what the router says of a chunk, with gaps.
#[derive(Debug)]
struct Head(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(Vec<u8>),
    /// The chunk's id.
    Tag,
    /// The length of the body in bytes.
    Length,
    /// The time of the answer.
    Date,
}

impl Head {
    fn of_chunks() -> Self {
        let sample = get_chunk::representation(SAMPLE, Source::Length(0), Caching::Immutable);
        Self::like(sample.head().headers(), &sample.tag)
    }

    /// Leaves gaps in `headers` for lengths and for whatever is `tag`.
    fn like(headers: &HeaderMap, tag: &str) -> Self {
        let mut head = Self(Vec::new());
        head.push(b"HTTP/1.1 200 OK\r\n");
        for (name, value) in headers {
            head.push(name.as_str().as_bytes());
            head.push(b": ");
            match value.to_str().ok().and_then(|value| value.split_once(tag)) {
                _ if name == header::CONTENT_LENGTH => head.0.push(Part::Length),
                Some((before, behind)) => {
                    head.push(before.as_bytes());
                    head.0.push(Part::Tag);
                    head.push(behind.as_bytes());
                }
                None => head.push(value.as_bytes()),
            }
            head.push(b"\r\n");
        }
        head.push(b"date: ");
        head.0.push(Part::Date);
        head.push(b"\r\n\r\n");
        head
    }

    fn push(&mut self, text: &[u8]) {
        match self.0.last_mut() {
            Some(Part::Text(last)) => last.extend_from_slice(text),
            _ => self.0.push(Part::Text(text.to_vec())),
        }
    }

    fn write(&self, bytes: &mut Vec<u8>, id: ChunkId, len: usize, date: &str) {
        for part in &self.0 {
            // Writing to a vector does not fail.
            let _ = match part {
                Part::Text(text) => bytes.write_all(text),
                Part::Tag => write!(bytes, "{id}"),
                Part::Length => write!(bytes, "{len}"),
                Part::Date => bytes.write_all(date.as_bytes()),
            };
        }
    }
}

/// The time as HTTP writes it, written anew once a second.
#[derive(Debug, Default)]
struct Date {
    second: u64,
    text: String,
}

impl Date {
    fn now(&mut self) -> &str {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if self.second != second || self.text.is_empty() {
            self.second = second;
            self.text = httpdate::fmt_http_date(now);
        }
        &self.text
    }
}

/// The program at the other end, and where its requests are counted; most say the same of themselves every time.
#[derive(Debug, Default)]
struct Client {
    user_agent: String,
    requests: Option<Arc<AtomicU64>>,
}

impl Client {
    fn be(&mut self, user_agent: &str, metrics: &Metrics) {
        if self.requests.is_none() || self.user_agent != user_agent {
            user_agent.clone_into(&mut self.user_agent);
            self.requests = Some(metrics.client(user_agent));
        }
    }

    fn count(&self) {
        if let Some(requests) = &self.requests {
            requests.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Stands for any chunk.
const SAMPLE: ChunkId = ChunkId::from_bytes([0; 32]);
/// Longest request that the lane reads, in bytes; requests for chunks have a few hundred.
const HEAD_BYTES: usize = 4 << 10;
const MOST_HEADERS: usize = 24;
/// Headers that change nothing about the answer: what clients say of themselves, and what proxies add.
const WITHOUT_EFFECT: [&str; 13] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "pragma",
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-real-ip",
];
/// Largest chunk in bytes that is sent from a copy: below, one call for head and body costs less than the copy.
const MOST_COPIED: usize = 16 << 10;

#[cfg(test)]
pub(super) mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use vsekai_formats::{DigestAlgorithm, codec};

    use super::*;
    use crate::db::Database;
    use crate::service::ServiceSettings;
    use crate::storage::{DataFolder, database_path};

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn request(lines: &[&str]) -> String {
        format!(
            "GET /store/0123/{HEX}.cacnk HTTP/1.1\r\n{}\r\n\r\n",
            lines.join("\r\n")
        )
    }

    const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

    fn read_from_stranger(bytes: &[u8]) -> Request<'_> {
        read(bytes, STRANGER, &Limits::default())
    }

    /// Returns whom a request with these headers is counted for.
    pub(in super::super) fn counted_for(remote: IpAddr, headers: &[(&str, &str)], limits: &Limits) -> IpAddr {
        let lines = headers.iter().map(|(name, value)| format!("{name}: {value}"));
        let lines: Vec<String> = std::iter::once("Host: x".to_owned()).chain(lines).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        match read(request(&lines).as_bytes(), remote, limits) {
            Request::Chunk(get) => get.owner,
            other => panic!("{lines:?}: {other:?}"),
        }
    }

    #[test]
    fn what_stock_clients_ask_for_is_for_the_lane() {
        for (lines, user_agent) in [
            (&["Host: x"][..], ""),
            (
                &["host: x", "user-agent: vsekai/1.0", "accept: */*"],
                "vsekai/1.0",
            ),
            (
                &[
                    "Host: x",
                    "User-Agent: Go-http-client/1.1",
                    "Accept-Encoding: gzip",
                    "Connection: Keep-Alive",
                ],
                "Go-http-client/1.1",
            ),
            (
                &[
                    "Host: x",
                    "X-Forwarded-For: 192.0.2.1",
                    "X-Forwarded-Proto: https",
                    "X-Forwarded-Host: x",
                    "X-Real-IP: 192.0.2.1",
                    "Forwarded: for=192.0.2.1",
                    "Via: 1.1 Caddy",
                ],
                "",
            ),
        ] {
            let text = request(lines);
            let expected = Get {
                id: HEX.parse().unwrap(),
                user_agent,
                owner: STRANGER,
                head_len: text.len(),
            };
            assert_eq!(
                read_from_stranger(text.as_bytes()),
                Request::Chunk(expected),
                "{text}"
            );
            assert_eq!(
                read_from_stranger(format!("{text}GET /").as_bytes()),
                Request::Chunk(expected)
            );
        }
    }

    #[test]
    fn every_beginning_of_a_head_is_waited_for() {
        let text = request(&["Host: x", "User-Agent: vsekai/1.0"]);
        for len in 0..text.len() {
            assert_eq!(
                read_from_stranger(&text.as_bytes()[..len]),
                Request::Partial,
                "{len}"
            );
        }
    }

    #[test]
    fn a_header_that_might_change_the_answer_is_not_for_the_lane() {
        for line in [
            "Range: bytes=0-1",
            "If-None-Match: *",
            "If-Range: \"t\"",
            "Authorization: Bearer x",
            "Content-Length: 0",
            "Transfer-Encoding: chunked",
            "Expect: 100-continue",
            "Upgrade: h2c",
            "Connection: close",
            "Connection: upgrade",
            "Connection: keep-alive, upgrade",
            "X-Whatever: x",
            "Host: y",
            "User-Agent: \u{e9}",
        ] {
            let text = request(&["Host: x", line]);
            assert_eq!(read_from_stranger(text.as_bytes()), Request::Other, "{line}");
        }
        for lines in [
            &[][..],
            &["User-Agent: a"],
            &["Host: x", "User-Agent: a", "user-agent: b"],
        ] {
            assert_eq!(
                read_from_stranger(request(lines).as_bytes()),
                Request::Other,
                "{lines:?}"
            );
        }
        let many = vec!["Accept: x"; MOST_HEADERS + 1];
        assert_eq!(read_from_stranger(request(&many).as_bytes()), Request::Other);
    }

    #[test]
    fn another_request_is_not_for_the_lane() {
        let usual = request(&["Host: x"]);
        for (part, other) in [
            ("GET", "HEAD"),
            ("GET", "PUT"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("HTTP/1.1", "HTTP/2.0"),
            ("/store/", "/index/"),
            ("/store/", "//store/"),
            ("/store/", "http://x/store/"),
            ("/store/0123", "/store/%30123"),
            ("/store/0123", "/store/0124"),
            ("cdef.cacnk", "CDEF.cacnk"),
            (".cacnk", ".cacnk?x"),
            (".cacnk", ""),
        ] {
            let text = usual.replace(part, other);
            assert_eq!(read_from_stranger(text.as_bytes()), Request::Other, "{text}");
        }
        for bytes in [
            &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
            b"\x16\x03\x01\x02\x00\x01\x00",
            b"GET / HTTP/1.1\r\nhost : x\r\n",
        ] {
            assert_eq!(read_from_stranger(bytes), Request::Other);
        }
    }

    #[test]
    fn an_answer_s_head_has_what_was_left_open() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (header::ETAG, "\"tag\""),
            (header::CACHE_CONTROL, "public"),
            (header::CONTENT_LENGTH, "0"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let mut bytes = Vec::new();
        Head::like(&headers, "tag").write(&mut bytes, SAMPLE, 123, "now");
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            format!(
                "HTTP/1.1 200 OK\r\netag: \"{SAMPLE}\"\r\ncache-control: public\r\ncontent-length: 123\r\ndate: \
                 now\r\n\r\n"
            )
        );
    }

    #[tokio::test]
    async fn chunks_are_answered_here_and_what_follows_is_handed_over_whole() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path(), 1 << 20).await.unwrap();
        let database = Database::open(&database_path(folder.path())).await.unwrap();
        let service = Service::open(database, data, ServiceSettings::default());
        let service = service.await.unwrap();
        let lane = Lane::new(&service, &Arc::default()).unwrap();
        let plain = b"a chunk for everyone";
        let id = ChunkId::of(DigestAlgorithm::Sha512_256, plain);
        let stored = codec::compress(plain, 3).unwrap();
        service.put_chunk(id, stored.into()).await.unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, remote) = listener.accept().await.unwrap();
        let get = format!(
            "GET /store/{} HTTP/1.1\r\nhost: x\r\n\r\n",
            id.store_path(".cacnk")
        );
        let rest = "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbody";
        client
            .write_all(format!("{get}{get}{rest}").as_bytes())
            .await
            .unwrap();
        let (limits, stop) = (Limits::default(), CancellationToken::new());
        let begun = lane.serve(stream, remote, Instant::now(), &limits, &stop);
        let begun = begun.await.unwrap();
        assert!(begun.answered && !begun.counted);
        assert_eq!(String::from_utf8_lossy(&begun.bytes), rest);
        drop(begun);
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).await.unwrap();
        let answers = String::from_utf8_lossy(&answers).into_owned();
        assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answers}");

        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, remote) = listener.accept().await.unwrap();
        client.write_all(get.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let begun = lane.serve(stream, remote, Instant::now(), &limits, &stop);
        assert!(begun.await.is_none(), "the client has left");
    }
}
