// SPDX-License-Identifier: MIT
//! A static web server that speaks HTTP/1.1 by hand, so that it can break it anywhere.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fs_err as fs;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What goes wrong with the object in question.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with a status and these further header lines.
    Status(u16, &'static str),
    /// Sends so many tenths of the body, then hangs up.
    Cut(usize),
    /// Sends half of the body, then nothing more.
    Stall,
    /// Sends a KiB in a second.
    Trickle,
    /// Announces more than it sends.
    AnnouncesMore,
    /// Leaves out the end of the body and announces it so.
    Shorter,
    /// Adds bytes to the body and announces it so.
    Longer,
    /// Sends a web page.
    Page,
    /// Redirects to another address.
    Redirect(String),
    /// Hangs up, and lets nobody in again.
    Gone,
    /// Hangs up on everybody and starts again at the same address.
    Restart,
}

/// Which requests for the object meet the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Once,
    EverySecond,
    Always,
}

/// What goes wrong, with which path, and when.
#[derive(Clone, Debug)]
pub struct Trouble {
    pub path: String,
    pub fault: Fault,
    pub when: When,
}

/// What a server saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Requests for each path, with the time.
    pub requests: BTreeMap<String, Vec<Instant>>,
    /// Requests that carried credentials.
    pub with_credentials: usize,
    /// Requests that met the fault.
    pub troubled: usize,
}

/// A running server.
pub struct BadNet {
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl BadNet {
    /// Serves the files below `folder`.
    pub async fn start(folder: PathBuf, trouble: Option<Trouble>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::default());
        let server = Server {
            folder,
            trouble,
            seen: Arc::clone(&seen),
        };
        let task = tokio::spawn(serve(Arc::new(server), listener, address));
        Self { address, seen, task }
    }

    pub fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }
}

impl Drop for BadNet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Server {
    folder: PathBuf,
    trouble: Option<Trouble>,
    seen: Arc<Mutex<Seen>>,
}

/// What becomes of the server after a connection.
enum Next {
    GoOn,
    Gone,
    Restart,
}

async fn serve(server: Arc<Server>, mut listener: TcpListener, address: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { return };
                let server = server.clone();
                connections.spawn(async move { server.converse(stream).await });
            }
            Some(next) = connections.join_next() => match next.unwrap_or(Next::GoOn) {
                Next::GoOn => {}
                Next::Gone => return,
                Next::Restart => {
                    connections.shutdown().await;
                    drop(listener);
                    listener = listen_again(address);
                }
            }
        }
    }
}

fn listen_again(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(64).unwrap()
}

impl Server {
    /// Answers the requests of one connection.
    async fn converse(&self, mut stream: TcpStream) -> Next {
        while let Some(head) = read_head(&mut stream).await {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let fault = self.meet(&path, &head);
            match fault {
                Some(Fault::Gone) => return Next::Gone,
                Some(Fault::Restart) => return Next::Restart,
                fault => {
                    if self.answer(&mut stream, &path, fault).await.is_none() {
                        return Next::GoOn;
                    }
                }
            }
        }
        Next::GoOn
    }

    /// Notes a request and tells what goes wrong with it.
    fn meet(&self, path: &str, head: &str) -> Option<Fault> {
        let mut seen = self.seen.lock().unwrap();
        let head = head.to_ascii_lowercase();
        if head.contains("\r\nauthorization:") || head.contains("\r\ncookie:") {
            seen.with_credentials += 1;
        }
        let requests = seen.requests.entry(path.to_owned()).or_default();
        requests.push(Instant::now());
        let number = requests.len();
        let trouble = self.trouble.as_ref().filter(|trouble| trouble.path == path)?;
        let met = match trouble.when {
            When::Once => number == 1,
            When::EverySecond => number % 2 == 1,
            When::Always => true,
        };
        seen.troubled += usize::from(met);
        met.then(|| trouble.fault.clone())
    }

    /// Sends an answer; nothing if the connection is over.
    async fn answer(&self, stream: &mut TcpStream, path: &str, fault: Option<Fault>) -> Option<()> {
        let Ok(mut body) = fs::read(self.folder.join(path.trim_start_matches('/'))) else {
            return send(stream, &head(404, 0, "")).await;
        };
        let length = body.len();
        match fault {
            Some(Fault::Status(status, lines)) => return send(stream, &head(status, 0, lines)).await,
            Some(Fault::Redirect(to)) => {
                return send(stream, &head(302, 0, &format!("Location: {to}\r\n"))).await;
            }
            Some(Fault::Page) => {
                body = b"<!DOCTYPE html><html>Please sign in to this network</html>".to_vec();
                send(stream, &head(200, body.len(), "Content-Type: text/html\r\n")).await?;
                return send(stream, &body).await;
            }
            Some(Fault::Shorter) => body.truncate(length - length.min(7)),
            Some(Fault::Longer) => body.extend_from_slice(b"another"),
            Some(Fault::Cut(tenths)) => {
                send(stream, &head(200, length, "")).await?;
                send(stream, &body[..length * tenths / 10]).await?;
                return None;
            }
            Some(Fault::AnnouncesMore) => {
                send(stream, &head(200, length + 100, "")).await?;
                send(stream, &body).await?;
                return None;
            }
            Some(Fault::Stall) => {
                send(stream, &head(200, length, "")).await?;
                send(stream, &body[..length / 2]).await?;
                // Until the other side has had enough.
                let _ = stream.read(&mut [0]).await;
                return None;
            }
            Some(Fault::Trickle) => {
                send(stream, &head(200, length, "")).await?;
                let mut beat = tokio::time::interval(Duration::from_millis(250));
                for part in body.chunks(256) {
                    beat.tick().await;
                    send(stream, part).await?;
                }
                return Some(());
            }
            Some(Fault::Gone | Fault::Restart) | None => {}
        }
        send(stream, &head(200, body.len(), "")).await?;
        send(stream, &body).await
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn send(stream: &mut TcpStream, bytes: &[u8]) -> Option<()> {
    stream.write_all(bytes).await.ok()
}

fn head(status: u16, length: usize, lines: &str) -> Vec<u8> {
    let length = match status {
        204 | 304 => String::new(),
        _ => format!("Content-Length: {length}\r\n"),
    };
    format!("HTTP/1.1 {status} x\r\n{length}{lines}\r\n").into_bytes()
}
