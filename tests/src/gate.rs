// SPDX-License-Identifier: MIT
//! A way to a server that can be shut: passes bytes on until it is told to answer everybody itself, or not at all.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A running gate; its threads end with the process.
#[derive(Clone, Debug)]
pub struct Gate {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    state: State,
    open: Vec<TcpStream>,
}

#[derive(Clone, Debug)]
enum State {
    Open,
    Answering(String),
    Shut,
}

impl Gate {
    /// Starts a gate to the server at `address`, such as `http://127.0.0.1:80`.
    ///
    /// # Panics
    /// If no port can be had.
    #[must_use]
    pub fn before(address: &str) -> Self {
        let server = address
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::new(Mutex::new(Shared {
                state: State::Open,
                open: Vec::new(),
            })),
        };
        let passing = gate.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // Whoever comes while the gate is shut sees the connection end.
                let _ = passing.admit(client, &server);
            }
        });
        gate
    }

    /// Returns the base address for clients, without a slash at its end.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends all connections, and all new ones from now on.
    pub fn shut(&self) {
        self.change(State::Shut);
    }

    /// Ends all connections, and answers each new one with `answer`, a whole answer of HTTP/1.1.
    pub fn answer(&self, answer: &str) {
        self.change(State::Answering(answer.to_owned()));
    }

    /// Passes everything on again.
    pub fn open(&self) {
        self.change(State::Open);
    }

    fn change(&self, state: State) {
        let mut shared = self.lock();
        shared.state = state;
        for stream in shared.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn admit(&self, client: TcpStream, server: &str) -> io::Result<()> {
        let mut shared = self.lock();
        match shared.state.clone() {
            State::Shut => Ok(()),
            State::Answering(answer) => {
                shared.open.push(client.try_clone()?);
                // Elsewhere, so that a client that asks nothing keeps nobody out.
                thread::spawn(move || reply(client, &answer));
                Ok(())
            }
            State::Open => {
                let server = TcpStream::connect(server)?;
                for stream in [&client, &server] {
                    shared.open.push(stream.try_clone()?);
                }
                pass(client.try_clone()?, server.try_clone()?);
                pass(server, client);
                Ok(())
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers the first request, as soon as something of it is there.
fn reply(mut client: TcpStream, answer: &str) -> io::Result<()> {
    let _ = client.read(&mut [0; 8192])?;
    client.write_all(answer.as_bytes())?;
    client.shutdown(Shutdown::Write)?;
    // A connection that is closed with bytes unread is reset, and its client may lose the answer.
    io::copy(&mut client, &mut io::sink()).map(drop)
}

/// Passes on what comes from `from` until it ends.
fn pass(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}
