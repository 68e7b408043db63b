// SPDX-License-Identifier: MIT
//! Clients that take up a server's connections and give it as little as possible to do, and one that behaves.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// What a good client saw while slow ones were there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// The most slow connections that were open at a time.
    pub(super) connections: usize,
    /// Requests that were answered.
    pub(super) requests: usize,
    /// Half of them took no longer.
    pub(super) median: Duration,
    /// 99 of 100 took no longer.
    pub(super) p99: Duration,
}

/// Lets `count` slow clients hold connections to `address` for `time`, while one good client fetches `paths`.
///
/// A third of them send a head byte by byte, a third take an answer of many chunks (of `ids`, 32 bytes each) a little
/// at a time, a third keep a connection open without a word. Whoever is thrown out comes back.
pub(super) fn hold(
    address: &str,
    count: usize,
    time: Duration,
    paths: &[String],
    ids: &[u8],
) -> Result<Seen> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("start clients")?;
    let open = Arc::new(AtomicUsize::new(0));
    let address = address
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    runtime.block_on(async {
        for number in 0..count {
            let (address, open, ids) = (address.clone(), open.clone(), ids.to_vec());
            tokio::spawn(async move {
                loop {
                    // Being thrown out is what they are there for.
                    let _ = be_slow(&address, number, &open, &ids).await;
                    sleep(PAUSE).await;
                }
            });
        }
        // All of them are there before the good one begins.
        let deadline = Instant::now() + ARRIVAL;
        while open.load(Ordering::Relaxed) < count && Instant::now() < deadline {
            sleep(PAUSE).await;
        }
        be_good(&address, time, paths, &open).await
    })
}

async fn be_slow(address: &str, number: usize, open: &AtomicUsize, ids: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    open.fetch_add(1, Ordering::Relaxed);
    let outcome = match number % 3 {
        0 => drip(&mut stream).await,
        1 => sip(&mut stream, ids).await,
        _ => stream.read_u8().await.map(drop),
    };
    open.fetch_sub(1, Ordering::Relaxed);
    outcome
}

async fn drip(stream: &mut TcpStream) -> io::Result<()> {
    for byte in b"GET /store/ HTTP/1.1\r\nHost: here\r\nX-Long: "
        .iter()
        .chain(&[b'x'; 1000])
    {
        stream.write_all(&[*byte]).await?;
        sleep(DRIP).await;
    }
    Ok(())
}

async fn sip(stream: &mut TcpStream, ids: &[u8]) -> io::Result<()> {
    let head = format!(
        "POST /api/v1/chunks/fetch HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\n\r\n",
        ids.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(ids).await?;
    let mut some = [0; 256];
    while stream.read(&mut some).await? > 0 {
        sleep(DRIP).await;
    }
    Ok(())
}

/// Fetches one path after the other over one connection, and measures each.
async fn be_good(address: &str, time: Duration, paths: &[String], open: &AtomicUsize) -> Result<Seen> {
    let mut stream = TcpStream::connect(address)
        .await
        .context("connect as a good client")?;
    stream.set_nodelay(true).context("connect as a good client")?;
    let (mut taken, mut connections) = (Vec::new(), 0);
    let end = Instant::now() + time;
    let mut paths = paths.iter().cycle();
    while Instant::now() < end {
        let path = paths.next().context("no chunk to fetch")?;
        let began = Instant::now();
        let fetched = timeout(LONGEST, fetch(&mut stream, path)).await;
        fetched
            .context("the good client waited for too long")?
            .context("the good client was not served")?;
        taken.push(began.elapsed());
        connections = connections.max(open.load(Ordering::Relaxed));
        sleep(BETWEEN).await;
    }
    taken.sort_unstable();
    let at = |percent: usize| {
        taken
            .get(taken.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    Ok(Seen {
        connections,
        requests: taken.len(),
        median: at(50),
        p99: at(99),
    })
}

async fn fetch(stream: &mut TcpStream, path: &str) -> io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let end = loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length
        .and_then(|length| length.trim().parse().ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    if !head.starts_with("http/1.1 200") {
        return Err(io::Error::other("the answer is no success"));
    }
    while answer.len() < end + length {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

const PAUSE: Duration = Duration::from_millis(50);
const DRIP: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(5);
const ARRIVAL: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(30);
