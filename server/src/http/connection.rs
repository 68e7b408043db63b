// SPDX-License-Identifier: MIT
//! One connection: HTTP/1.1 or HTTP/2 over a stream that gives up on clients that make no progress.
//!
//! hyper's own header time-out starts when a connection falls idle and does not cover the first bytes, by
//! which it tells the two protocols apart. So time is kept here, below hyper, for both protocols alike.

use std::convert::Infallible;
use std::io;
#[cfg(target_os = "linux")]
use std::io::Cursor;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::task::AtomicWaker;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::http::{Method, StatusCode};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(target_os = "linux")]
use tokio::io::{AsyncReadExt as _, join};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::accept::Routes;
use super::body::answered;
use crate::limits::Limits;

type BoxBody = http_body_util::combinators::BoxBody<Bytes, io::Error>;

/// Who is at the other end of a connection, and whether others can read it.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Their address.
    pub(super) address: SocketAddr,
    /// `https` after a handshake.
    pub(super) scheme: Scheme,
}

/// Serves a connection without a handshake: first in the lane, if there is one, and then as [`serve`] does.
pub(super) async fn serve_plain(
    stream: TcpStream,
    peer: Peer,
    routes: Routes,
    limits: Arc<Limits>,
    stop: CancellationToken,
) {
    let terms = Terms::new(Instant::now(), &limits);
    #[cfg(target_os = "linux")]
    if let Some(lane) = routes.lane.clone() {
        let begun = lane
            .serve(stream, peer.address, terms.opened, &limits, &stop)
            .await;
        let Some(begun) = begun else { return };
        let terms = Terms {
            first_head: begun.deadline,
            http1: begun.answered,
            counted: begun.counted,
            ..terms
        };
        let (read, write) = begun.stream.into_split();
        let stream = join(Cursor::new(begun.bytes).chain(read), write);
        return serve(stream, terms, peer, routes, limits, stop).await;
    }
    serve(stream, terms, peer, routes, limits, stop).await;
}

/// What holds for a connection from its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// When the connection was opened.
    opened: Instant,
    /// When the head of its first request is late.
    first_head: Instant,
    /// Whether it has spoken HTTP/1.1 already, and so cannot begin with HTTP/2 any more.
    http1: bool,
    /// Whether its first request was counted for its client already.
    counted: bool,
}

impl Terms {
    /// Returns those of a connection that was opened then, or whose handshake ended then.
    pub(super) fn new(opened: Instant, limits: &Limits) -> Self {
        Self {
            opened,
            first_head: opened + limits.head_timeout,
            http1: false,
            counted: false,
        }
    }
}

/// Serves requests until the client leaves, breaks a limit, or `stop` is called and requests under way have
/// been answered.
pub(super) async fn serve<S>(
    stream: S,
    terms: Terms,
    peer: Peer,
    routes: Routes,
    limits: Arc<Limits>,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let remote = peer.address;
    let requests = Arc::new(Requests {
        counted: AtomicBool::new(terms.counted),
        ..Requests::default()
    });
    let service = service_fn({
        let (requests, limits) = (requests.clone(), limits.clone());
        move |request| {
            let (endpoint, requests) = (routes.endpoint.clone(), requests.clone());
            answer(endpoint, requests, peer.clone(), limits.clone(), request)
        }
    });
    let stream = TokioIo::new(Watched::new(stream, requests, limits.clone(), terms.first_head));
    let builder = match terms.http1 {
        true => builder(&limits).http1_only(),
        false => builder(&limits),
    };
    let mut connection = pin!(builder.serve_connection(stream, service));
    let asked = tokio::select! {
        outcome = connection.as_mut() => return log(remote, outcome),
        () = stop.cancelled() => STOPPING,
        () = sleep_until(terms.opened + limits.connection_lifetime) => OLD,
    };
    log_leave(remote, asked);
    connection.as_mut().graceful_shutdown();
    if let Ok(outcome) = timeout(limits.connection_lifetime, connection).await {
        log(remote, outcome);
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(limits.head_bytes)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.http2_streams)
        .max_pending_accept_reset_streams(limits.http2_pending_resets)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
    builder
}

async fn answer(
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    requests: Arc<Requests>,
    peer: Peer,
    limits: Arc<Limits>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Counted>, Infallible> {
    let counted = requests.counted.swap(false, Ordering::AcqRel);
    let under_way = Arc::new(requests.begin());
    let remote = RemoteAddr(Addr::SocketAddr(peer.address));
    let mut request = Request::from((request, LocalAddr::default(), remote, peer.scheme));
    if counted {
        request.extensions_mut().insert(AlreadyCounted);
    }
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let (response, rest) = answered(&*endpoint, request, &limits).await;
    if let Some(rest) = rest {
        // Beside the answer, which is not to wait for it; it ends with the connection at the latest.
        let under_way = under_way.clone();
        tokio::spawn(async move {
            rest.discard().await;
            drop(under_way);
        });
    }
    log_answer(&method, &path, response.status());
    let response: hyper::Response<BoxBody> = response.into();
    Ok(response.map(|body| Counted {
        body,
        _under_way: under_way,
    }))
}

fn log(remote: SocketAddr, outcome: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = outcome {
        log_end(remote, &*error);
    }
}

pub(super) fn log_answer(method: &Method, path: &str, status: StatusCode) {
    tracing::debug!(%method, path, status = status.as_u16(), "answered");
}

pub(super) fn log_leave(remote: SocketAddr, reason: &'static str) {
    tracing::debug!(%remote, reason, "asked a client to leave");
}

pub(super) fn log_end(remote: SocketAddr, error: &(dyn std::error::Error + Send + Sync)) {
    tracing::debug!(%remote, %error, "a connection ended early");
}

/// Why a client is asked to leave.
pub(super) const STOPPING: &str = "the server is stopping";
/// As [`STOPPING`].
pub(super) const OLD: &str = "the connection is old";

/// Marks a request that was counted for its client before the router got it.
#[derive(Clone, Copy, Debug)]
pub(super) struct AlreadyCounted;

/// Counts the requests of a connection.
#[derive(Debug, Default)]
struct Requests {
    /// Whether the next one was counted for its client already.
    counted: AtomicBool,
    begun: AtomicUsize,
    ended: AtomicUsize,
    /// Whoever reads from the connection: when a request ends, its client may have a deadline again.
    reader: AtomicWaker,
}

impl Requests {
    fn begin(self: Arc<Self>) -> UnderWay {
        self.begun.fetch_add(1, Ordering::AcqRel);
        UnderWay(self)
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::Acquire)
    }

    /// Tells whether a request is under way; if so, the reader is woken when one ends.
    fn any_under_way(&self, reader: &Context<'_>) -> bool {
        let is_any = || self.ended.load(Ordering::Acquire) < self.begun();
        // The last one may end before it is known whom to wake.
        is_any() && {
            self.reader.register(reader.waker());
            is_any()
        }
    }
}

/// A request from its head to the last byte of its answer, and of its body if that comes later.
#[derive(Debug)]
struct UnderWay(Arc<Requests>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::AcqRel);
        self.0.reader.wake();
    }
}

/// An answer's body; its request is under way until it is dropped, or longer.
struct Counted {
    body: BoxBody,
    _under_way: Arc<UnderWay>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a connection waits for while no request is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// A request to begin.
    Request,
    /// The rest of a head that has begun.
    Head,
}

/// A stream that fails once its client lets a deadline pass.
///
/// While a request is under way, reading has no deadline here: the body's reader has one, and a client that
/// only listens sends nothing.
struct Watched<S> {
    stream: S,
    requests: Arc<Requests>,
    limits: Arc<Limits>,
    waiting: Waiting,
    begun: usize,
    read_deadline: Pin<Box<Sleep>>,
    write_deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<S> {
    fn new(stream: S, requests: Arc<Requests>, limits: Arc<Limits>, first_head: Instant) -> Self {
        Self {
            stream,
            requests,
            // The first request has to begin and arrive within the time for a head.
            waiting: Waiting::Head,
            begun: 0,
            read_deadline: Box::pin(sleep_until(first_head)),
            write_deadline: None,
            limits,
        }
    }

    fn wait_for(&mut self, waiting: Waiting) {
        let time = match waiting {
            Waiting::Request => self.limits.idle_timeout,
            Waiting::Head => self.limits.head_timeout,
        };
        self.waiting = waiting;
        self.read_deadline.as_mut().reset(Instant::now() + time);
    }

    fn note_requests(&mut self) {
        let begun = self.requests.begun();
        if begun != self.begun {
            self.begun = begun;
            self.wait_for(Waiting::Request);
        }
    }

    fn check_write(&mut self, context: &mut Context<'_>, pending: bool) -> Poll<io::Result<()>> {
        if !pending {
            self.write_deadline = None;
            if self.waiting == Waiting::Request {
                self.wait_for(Waiting::Request);
            }
            return Poll::Pending;
        }
        let deadline = Instant::now() + self.limits.stall_timeout;
        let sleep = self
            .write_deadline
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(sleep.as_mut().poll(context));
        Poll::Ready(Err(late("the client does not take the answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.note_requests();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(context, buffer);
        if this.requests.any_under_way(context) {
            return outcome;
        }
        if outcome.is_ready() {
            if this.waiting == Waiting::Request && buffer.filled().len() > before {
                this.wait_for(Waiting::Head);
            }
            // Bytes that come too late are refused too, else a drip would hold the connection.
            if this.waiting == Waiting::Head && this.read_deadline.is_elapsed() {
                return Poll::Ready(Err(late("the request's head took too long")));
            }
            return outcome;
        }
        ready!(this.read_deadline.as_mut().poll(context));
        Poll::Ready(Err(late("no request came in time")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write(context, bytes);
        match this.check_write(context, outcome.is_pending()) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => outcome,
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        match this.check_write(context, outcome.is_pending()) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => outcome,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

pub(super) fn late(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, reason)
}
