// SPDX-License-Identifier: MIT
//! `pull`: chunks for a client of casync's or desync's at the other end of a pipe, as ssh makes one.
//!
//! Both sides say hello and what they want. Then the client asks for chunks by id, until it says goodbye.

use std::io::{self, Read, Write};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use vsekai_formats::ChunkId;
use vsekai_store::{ChunkStore, StoreFormat};

use crate::args::PullArgs;
use crate::env::{Cancel, Env};
use crate::error::DesyncError;
use crate::session::Session;

/// Answers until the client says goodbye.
pub(crate) async fn pull(args: PullArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    if [&args.base, &args.archive, &args.index]
        .iter()
        .any(|other| *other != "-")
    {
        return Err(DesyncError::Usage(
            "only chunks are served; write \"pull - - - STORE\"".to_owned(),
        ));
    }
    let store = session.local_opener().open_local(&args.store)?;
    let serving = Serving {
        input: env.take_input(),
        output: env.take_out(),
        store: Arc::new(store),
        handle: Handle::current(),
        cancel: env.cancel.clone(),
    };
    spawn_blocking(move || serving.run()).await?
}

struct Serving {
    input: Box<dyn Read + Send>,
    output: Box<dyn Write + Send>,
    store: Arc<dyn ChunkStore>,
    handle: Handle,
    cancel: Cancel,
}

impl Serving {
    fn run(mut self) -> Result<(), DesyncError> {
        self.send(HELLO, &[&READABLE_STORE.to_le_bytes()])?;
        let wanted = match self.receive()? {
            (HELLO, body) => field(&body).unwrap_or_default(),
            (kind, _) => return Err(unexpected(kind)),
        };
        if wanted & PULL_CHUNKS == 0 {
            self.abort("only chunks are served")?;
            return Err(damaged("it does not want chunks"));
        }
        loop {
            self.cancel.check()?;
            match self.receive()? {
                (REQUEST, body) => self.answer(&body)?,
                (GOODBYE, _) => return Ok(()),
                (ABORT, body) => {
                    let text = body.get(8..).unwrap_or_default();
                    let text = String::from_utf8_lossy(text).trim_end_matches('\0').to_owned();
                    return Err(damaged(&format!("it gave up: {text}")));
                }
                (kind, _) => return Err(unexpected(kind)),
            }
        }
    }

    fn answer(&mut self, request: &[u8]) -> Result<(), DesyncError> {
        let (ids, rest) = request.get(8..).unwrap_or_default().as_chunks::<32>();
        if request.len() < 8 || !rest.is_empty() {
            return Err(damaged("a request is no list of ids"));
        }
        for id in ids.iter().copied().map(ChunkId::from_bytes) {
            match self.handle.block_on(self.store.get(id)) {
                Ok(chunk) => {
                    let stored = chunk.encode(StoreFormat::default())?;
                    self.send(CHUNK, &[&COMPRESSED.to_le_bytes(), id.as_bytes(), &stored])?;
                }
                Err(error) if error.is_missing() => self.send(MISSING, &[id.as_bytes()])?,
                Err(error) => {
                    self.abort(&error.to_string())?;
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    fn abort(&mut self, text: &str) -> Result<(), DesyncError> {
        self.send(ABORT, &[&IO_ERROR.to_le_bytes(), text.as_bytes(), b"\0"])
    }

    fn send(&mut self, kind: u64, parts: &[&[u8]]) -> Result<(), DesyncError> {
        let body: usize = parts.iter().map(|part| part.len()).sum();
        let mut message = Vec::with_capacity(HEADER + body);
        message.extend(((HEADER + body) as u64).to_le_bytes());
        message.extend(kind.to_le_bytes());
        parts.iter().for_each(|part| message.extend_from_slice(part));
        let sent = self.output.write_all(&message).and_then(|()| self.output.flush());
        sent.map_err(DesyncError::file("answer the client"))
    }

    /// Returns the next message's type and body.
    fn receive(&mut self) -> Result<(u64, Vec<u8>), DesyncError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => damaged("it went away without a goodbye"),
            _ => DesyncError::file("read from the client")(error),
        };
        let mut header = [0; HEADER];
        self.input.read_exact(&mut header).map_err(failed)?;
        let (len, kind) = (field(&header), header.get(8..).and_then(field));
        let body = len.and_then(|len| usize::try_from(len).ok()?.checked_sub(HEADER));
        let (Some(body), Some(kind)) = (body.filter(|body| *body <= MAX_BODY), kind) else {
            return Err(damaged("a message has no sensible length"));
        };
        let mut bytes = vec![0; body];
        self.input.read_exact(&mut bytes).map_err(failed)?;
        Ok((kind, bytes))
    }
}

/// Returns the number that bytes begin with.
fn field(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|field| u64::from_le_bytes(*field))
}

fn unexpected(kind: u64) -> DesyncError {
    damaged(&format!("it sent a message of the unexpected type {kind:#018x}"))
}

fn damaged(what: &str) -> DesyncError {
    DesyncError::Damaged(format!("the client at standard input cannot be served: {what}"))
}

/// The types of messages, as casync has them.
const HELLO: u64 = 0x3c71_d094_8ca5_fbee;
const REQUEST: u64 = 0x8ab4_27e0_f89d_9210;
const CHUNK: u64 = 0x5213_dd18_0a84_bc8c;
const MISSING: u64 = 0xd010_f9fa_c82b_7b6c;
const GOODBYE: u64 = 0xad20_5dbf_1a36_86c3;
const ABORT: u64 = 0xe7d9_136b_7efe_a352;

/// What this side offers, and what the other must want.
const READABLE_STORE: u64 = 0x1;
const PULL_CHUNKS: u64 = 0x40;
/// The flag of a chunk that is a zstd frame.
const COMPRESSED: u64 = 1;
/// Linux's number for an input or output error.
const IO_ERROR: u64 = 5;

const HEADER: usize = 16;
/// Longest message that is read: a request for 32,000 chunks, where clients ask for one or a few.
const MAX_BODY: usize = 1 << 20;
