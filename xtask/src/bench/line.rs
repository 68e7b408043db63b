// SPDX-License-Identifier: MIT
//! A long line: passes connections on to a server and holds each byte back for half a round trip, each way.
//!
//! Bytes that are on their way do not wait for each other, so the line is as fast as the machine and only
//! long. A connection is there at once, without the round trip that a real one takes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// A line to a server; its threads end with the process.
#[derive(Debug)]
pub(super) struct Line {
    address: SocketAddr,
    answered: Arc<AtomicU64>,
}

/// How a line is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// Time from a request to its answer on top of what the server takes.
    pub(super) round_trip: Duration,
    /// Whether the route for many chunks at once is hidden, as a host of static files has none.
    pub(super) static_only: bool,
}

impl Line {
    /// Starts a line to `server`, an address such as `http://127.0.0.1:80`.
    pub(super) fn to(server: &str, manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("open a line")?;
        let address = listener.local_addr().context("open a line")?;
        let upstream = server
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let answered = Arc::new(AtomicU64::new(0));
        let count = answered.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A line that cannot be laid is one that breaks; the programs measured say so.
                let _ =
                    TcpStream::connect(&upstream).and_then(|server| join(&client, &server, manner, &count));
            }
        });
        Ok(Self { address, answered })
    }

    /// Returns the base address for clients.
    pub(super) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the bytes that came from the server so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }
}

fn join(
    client: &TcpStream,
    server: &TcpStream,
    manner: Manner,
    answered: &Arc<AtomicU64>,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let answered = answered.clone();
    pass_on(client.try_clone()?, server.try_clone()?, manner, move |bytes| {
        if manner.static_only {
            hide(bytes);
        }
    });
    pass_on(server.try_clone()?, client.try_clone()?, manner, move |bytes| {
        answered.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    });
    Ok(())
}

/// Passes bytes on in one direction, each half a round trip after it came.
fn pass_on(from: TcpStream, to: TcpStream, manner: Manner, look: impl Fn(&mut [u8]) + Send + 'static) {
    let (sender, receiver) = sync_channel(ON_THE_WAY);
    thread::spawn(move || take(from, &sender, &look));
    thread::spawn(move || deliver(to, &receiver, manner.round_trip / 2));
}

fn take(mut from: TcpStream, sender: &SyncSender<(Instant, Vec<u8>)>, look: &impl Fn(&mut [u8])) {
    let mut buffer = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let mut bytes = buffer[..read].to_vec();
        look(&mut bytes);
        if sender.send((Instant::now(), bytes)).is_err() {
            break;
        }
    }
    // Whoever writes to a line that ended at the other side must hear of it.
    let _ = from.shutdown(Shutdown::Read);
}

fn deliver(mut to: TcpStream, receiver: &Receiver<(Instant, Vec<u8>)>, delay: Duration) {
    while let Ok((came, bytes)) = receiver.recv() {
        thread::sleep((came + delay).saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Makes a request for many chunks one for something that is not there.
fn hide(bytes: &mut [u8]) {
    let start = bytes.windows(ROUTE.len()).position(|window| window == ROUTE);
    if let Some(start) = start {
        bytes[start + ROUTE.len() - NOWHERE.len()..start + ROUTE.len()].copy_from_slice(NOWHERE);
    }
}

const ROUTE: &[u8] = b"POST /api/v1/chunks/fetch";
const NOWHERE: &[u8] = b"hides";
const PIECE: usize = 64 << 10;
/// Pieces on their way at once: 64 MiB, more than any line measured holds.
const ON_THE_WAY: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_whole_in_order_and_late() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        let echo = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; ROUTE.len()];
            stream.read_exact(&mut asked).unwrap();
            stream.write_all(&[7; 1_000_000]).unwrap();
            asked
        });
        let manner = Manner {
            round_trip: Duration::from_millis(40),
            static_only: true,
        };
        let line = Line::to(&server, manner).unwrap();
        let start = Instant::now();
        let mut client = TcpStream::connect(line.address().trim_start_matches("http://")).unwrap();
        client.write_all(ROUTE).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert!(start.elapsed() >= manner.round_trip, "never early");
        assert_eq!(answer, [7; 1_000_000]);
        assert_eq!(line.answered(), 1_000_000);
        assert_eq!(echo.join().unwrap(), b"POST /api/v1/chunks/hides");
    }
}
