// SPDX-License-Identifier: MIT
//! Servers that answer with nonsense.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// A server that gives the same nonsense to everybody, until it is dropped.
pub struct HostileServer {
    address: String,
    ended: Arc<AtomicBool>,
}

impl HostileServer {
    /// Starts a server that answers every connection with `answer`.
    pub fn start(answer: fn(&mut TcpStream) -> std::io::Result<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&ended);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if flag.load(Ordering::SeqCst) {
                    return;
                }
                thread::spawn(move || drop(serve(stream, answer)));
            }
        });
        Self {
            address: format!("http://{local}"),
            ended,
        }
    }

    /// Returns the base address.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // The listener wakes up for one more connection, sees the flag and ends.
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
    }
}

fn serve(mut stream: TcpStream, answer: fn(&mut TcpStream) -> std::io::Result<()>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    let mut request = [0; 4096];
    let _ = stream.read(&mut request)?;
    answer(&mut stream)
}

/// Not HTTP at all.
pub fn garbage(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(&[0x9c; 4096])
}

/// A web page for everything, as a hotel's network gives.
pub fn page(stream: &mut TcpStream) -> std::io::Result<()> {
    let page = "<!doctype html><title>Welcome</title>Please log in.";
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{page}", page.len())
}

/// An answer without end.
pub fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")?;
    let block = [b' '; 65536];
    loop {
        stream.write_all(&block)?;
    }
}

/// JSON that nests without end.
pub fn nested(stream: &mut TcpStream) -> std::io::Result<()> {
    let body = "[".repeat(60_000);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// An error that is the server's own.
pub fn failing(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

/// Breaks off in the middle.
pub fn short(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n{\"schema\":")
}

/// Returns the address of a port of this machine that nobody listens on.
pub fn address_nobody_listens_on() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}
