// SPDX-License-Identifier: MIT
//! A network that can be broken: stands between a client and the real server, counts, cuts and falsifies.
//!
//! It speaks just enough HTTP/1.1: one request per connection, answered from a connection of its own to the
//! server, whose answer is read to its end before it is passed on. Like a host of static files it takes GET
//! and HEAD only, so that chunks come one by one and can be counted.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// A running proxy; its threads end with the process.
#[derive(Clone, Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

/// What went through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of answers passed on, heads included.
    pub bytes: u64,
    /// Paths asked for with GET, in their order.
    pub paths: Vec<String>,
}

impl Traffic {
    /// Returns how many chunks were asked for.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.paths.iter().filter(|path| is_chunk(path)).count()
    }
}

#[derive(Debug, Default)]
struct Shared {
    upstream: String,
    traffic: Traffic,
    chunks_until_cut: Option<usize>,
    falsify: Option<usize>,
}

impl Proxy {
    /// Starts a proxy to `server`, an address such as `http://127.0.0.1:80`.
    ///
    /// # Panics
    /// If no port can be had.
    #[must_use]
    pub fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            upstream: authority(server),
            ..Shared::default()
        }));
        let proxy = Self { address, shared };
        let serving = proxy.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let proxy = serving.clone();
                thread::spawn(move || proxy.serve(client));
            }
        });
        proxy
    }

    /// Returns the base address for clients.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Passes on this many chunks, then behaves as if the server were gone.
    pub fn cut_after_chunks(&self, chunks: usize) {
        self.lock().chunks_until_cut = Some(chunks);
    }

    /// Lets everything through again, to `server`, and forgets what went through.
    pub fn mend(&self, server: &str) {
        *self.lock() = Shared {
            upstream: authority(server),
            ..Shared::default()
        };
    }

    /// Flips a bit in the middle of every chunk from the one with this number on, counted from 0.
    pub fn falsify_chunks_from(&self, number: usize) {
        self.lock().falsify = Some(number);
    }

    /// Returns what went through so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.lock().traffic.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut client: TcpStream) {
        let answer = read_head(&client).and_then(|head| self.answer(&head));
        if let Some(answer) = answer {
            let _ = client.write_all(&answer);
        }
        let _ = client.shutdown(Shutdown::Both);
    }

    /// Returns the answer to the request with this head; nothing if the network is cut.
    fn answer(&self, head: &str) -> Option<Vec<u8>> {
        let path = head.split_whitespace().nth(1)?.to_owned();
        if head.starts_with("POST ") {
            return Some(NOT_ALLOWED.to_vec());
        }
        let (upstream, number) = self.admit(&path)?;
        let mut answer = fetch(&upstream, head)?;
        if is_chunk(&path) && self.lock().falsify.is_some_and(|from| number >= from) {
            flip_a_bit_of_the_body(&mut answer);
        }
        self.lock().traffic.bytes += answer.len() as u64;
        Some(answer)
    }

    /// Counts a request and returns the server's address and the number of chunks asked for before.
    fn admit(&self, path: &str) -> Option<(String, usize)> {
        let mut shared = self.lock();
        let number = shared.traffic.chunks();
        if shared.chunks_until_cut.is_some_and(|limit| number >= limit) {
            return None;
        }
        shared.traffic.paths.push(path.to_owned());
        Some((shared.upstream.clone(), number))
    }
}

fn is_chunk(path: &str) -> bool {
    path.contains("/store/")
}

fn authority(server: &str) -> String {
    server
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned()
}

/// Reads a request without a body up to the empty line.
fn read_head(client: &TcpStream) -> Option<String> {
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

/// Asks the server and returns its whole answer, with the connection marked as closing.
fn fetch(upstream: &str, head: &str) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).ok()?;
    server.set_read_timeout(Some(PATIENCE)).ok()?;
    let kept = head.trim_end().lines().filter(|line| !is_connection(line));
    let request = kept.map(|line| format!("{line}\r\n")).collect::<String>() + "Connection: close\r\n\r\n";
    server.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).ok()?;
    Some(answer)
}

fn is_connection(line: &str) -> bool {
    line.split(':')
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("connection"))
}

fn flip_a_bit_of_the_body(answer: &mut [u8]) {
    let body = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4);
    if let Some(body) = body.filter(|body| *body < answer.len()) {
        let middle = body + (answer.len() - body) / 2;
        answer[middle] ^= 1;
    }
}

const NOT_ALLOWED: &[u8] =
    b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(20);
