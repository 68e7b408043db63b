// SPDX-License-Identifier: MIT
//! A static web server on this machine that can be told to misbehave.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use fs_err as fs;
use futures::StreamExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use vsekai_formats::ChunkId;

/// What the server does with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Serves the file.
    Serve,
    /// Serves other bytes.
    Bytes(Vec<u8>),
    /// Answers with a status and nothing else.
    Status(u16),
    /// Serves the file with one bit of it changed.
    FlipBit,
    /// Closes the connection without an answer, as a server that is gone would.
    HangUp,
    /// Never answers.
    Stall,
    /// Serves bytes without end.
    Endless,
    /// Serves one byte and then nothing, without closing.
    Trickle,
}

/// How the server answers requests for many chunks at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batches {
    /// Not at all.
    NotOffered,
    /// With all chunks.
    Honest,
    /// With this many chunks, and then nothing more.
    BreakOffAfter(usize),
    /// With a bit changed in this one.
    Damage(usize),
    /// Without this one, and saying so.
    Lack(usize),
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

type Rule = Box<dyn FnMut(&str) -> Answer + Send>;

/// A running server.
pub struct Web {
    pub address: String,
    rule: Arc<Mutex<Rule>>,
    served: Arc<Mutex<Vec<String>>>,
    batches: Arc<Mutex<Batches>>,
    task: tokio::task::JoinHandle<()>,
}

impl Web {
    /// Serves the files below `folder`.
    pub async fn start(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_| Answer::Serve)));
        let served = Arc::new(Mutex::new(Vec::new()));
        let batches = Arc::new(Mutex::new(Batches::NotOffered));
        let (shared_rule, shared_served, shared_batches) = (rule.clone(), served.clone(), batches.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (folder, rule, served) = (folder.clone(), shared_rule.clone(), shared_served.clone());
                let batches = shared_batches.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let (folder, rule, served) = (folder.clone(), rule.clone(), served.clone());
                    let how = *batches.lock().unwrap();
                    async move {
                        match request.method() == Method::POST && how != Batches::NotOffered {
                            true => many(folder, served, how, request).await,
                            false => answer(folder, rule, served, request).await,
                        }
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            address,
            rule,
            served,
            batches,
            task,
        }
    }

    /// Decides from now on what is done with each path.
    pub fn on(&self, rule: impl FnMut(&str) -> Answer + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// Answers requests for many chunks like this from now on.
    pub fn batches(&self, how: Batches) {
        *self.batches.lock().unwrap() = how;
    }

    /// Serves everything as it is again, and forgets what was served.
    pub fn reset(&self) {
        self.on(|_| Answer::Serve);
        self.served.lock().unwrap().clear();
    }

    /// Returns the paths of files that were served whole and unchanged.
    pub fn served(&self) -> Vec<String> {
        self.served.lock().unwrap().clone()
    }

    /// Returns how many chunks were served whole and unchanged.
    pub fn chunks_served(&self) -> usize {
        self.served()
            .iter()
            .filter(|path| path.starts_with("/store/"))
            .count()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    folder: PathBuf,
    rule: Arc<Mutex<Rule>>,
    served: Arc<Mutex<Vec<String>>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::io::Error> {
    let path = request.uri().path().to_owned();
    let decided = (rule.lock().unwrap())(&path);
    let file = fs::read(folder.join(path.trim_start_matches('/')));
    let bytes = match (decided, file) {
        (Answer::Stall, _) => {
            return std::future::pending::<Result<_, Infallible>>()
                .await
                .map_err(|e| match e {});
        }
        (Answer::HangUp, _) => return Err(std::io::ErrorKind::ConnectionReset.into()),
        (Answer::Status(status), _) => return Ok(empty(status)),
        (Answer::Endless, _) => {
            let piece = Bytes::from_static(&[b' '; 4096]);
            let pieces = futures::stream::repeat_with(move || Ok(Frame::data(piece.clone())));
            return Ok(Response::new(StreamBody::new(pieces).boxed_unsync()));
        }
        (Answer::Trickle, _) => {
            let first = futures::stream::iter([Ok(Frame::data(Bytes::from_static(b"{")))]);
            let pieces = first.chain(futures::stream::pending());
            return Ok(Response::new(StreamBody::new(pieces).boxed_unsync()));
        }
        (Answer::Bytes(bytes), _) => bytes,
        (_, Err(_)) => return Ok(empty(404)),
        (Answer::FlipBit, Ok(mut bytes)) => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        }
        (Answer::Serve, Ok(bytes)) => {
            served.lock().unwrap().push(path);
            bytes
        }
    };
    Ok(Response::new(Full::new(bytes.into()).boxed_unsync()))
}

/// Answers a request for many chunks: for each id its length and its bytes.
async fn many(
    folder: PathBuf,
    served: Arc<Mutex<Vec<String>>>,
    how: Batches,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::io::Error> {
    served.lock().unwrap().push(request.uri().path().to_owned());
    let ids = request
        .into_body()
        .collect()
        .await
        .map_err(std::io::Error::other)?;
    let mut frames = Vec::new();
    for (number, id) in ids.to_bytes().as_chunks::<32>().0.iter().enumerate() {
        let path = ChunkId::from_bytes(*id).store_path(".cacnk");
        let mut bytes = fs::read(folder.join("store").join(path))?;
        let middle = bytes.len() / 2;
        match how {
            Batches::BreakOffAfter(chunks) if number >= chunks => break,
            Batches::Lack(lacking) if number == lacking => {
                frames.extend(u32::MAX.to_le_bytes());
                continue;
            }
            Batches::Damage(damaged) if number == damaged => bytes[middle] ^= 1,
            _ => {}
        }
        frames.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        frames.extend(bytes);
    }
    let mut response = Response::new(Full::new(frames.into()).boxed_unsync());
    let kind = vsekai_store::http::batch::MEDIA_TYPE.parse().unwrap();
    response.headers_mut().insert("content-type", kind);
    Ok(response)
}

fn empty(status: u16) -> Response<Body> {
    let mut response = Response::new(Full::default().boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}
