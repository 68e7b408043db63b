// SPDX-License-Identifier: MIT
//! `mtree`: what is in an archive, an index or a folder.

use std::io::{BufReader, BufWriter, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fs_err as fs;
use tokio::task::spawn_blocking;
use vsekai_formats::catar::{DecodeLimits, Decoder, Encoder, Event, NodeKind, mtree as lines};
use vsekai_formats::{DigestAlgorithm, IdHasher};

use crate::args::MtreeArgs;
use crate::commands::indexed_archive;
use crate::env::{Cancel, Env};
use crate::error::DesyncError;
use crate::session::Session;
use crate::tree::pack::{PackOptions, pack};

/// Prints a line for each node.
pub(crate) async fn mtree(args: MtreeArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let cancel = env.cancel.clone();
    let mut digest = session.digest;
    let skipped = Skipped::default();
    let input: Box<dyn Read + Send> = if args.indexed.index {
        let opened = indexed_archive(&args.input, &args.indexed, &args.options, session, env);
        let archive = opened.await?;
        digest = archive.digest;
        archive.input
    } else if args.input == "-" {
        env.take_input()
    } else if Path::new(&args.input).is_dir() {
        packed(&args.input, digest, &skipped, &cancel)?
    } else {
        Box::new(fs::File::open(&args.input).map_err(DesyncError::file("open the archive"))?)
    };
    let mut out = env.take_out();
    let (name, noted) = (args.input.clone(), skipped.clone());
    let listing = spawn_blocking(move || {
        let mut out = BufWriter::new(&mut out);
        let input = BufReader::with_capacity(1 << 20, input);
        list(input, digest, &name, &mut out, &noted, &cancel)
    });
    listing.await??;
    env.warn_skipped(skipped.lock().drain(..));
    Ok(())
}

/// Paths of what is not listed; clones share them.
#[derive(Clone, Default)]
struct Skipped(Arc<Mutex<Vec<String>>>);

impl Skipped {
    fn add(&self, path: &[Vec<u8>]) {
        let path = String::from_utf8_lossy(&shown(path)).into_owned();
        self.lock().push(path);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Packs a folder into one end of a pipe and returns the other.
fn packed(
    folder: &str,
    digest: DigestAlgorithm,
    skipped: &Skipped,
    cancel: &Cancel,
) -> Result<Box<dyn Read + Send>, DesyncError> {
    let (reader, writer) = std::io::pipe().map_err(DesyncError::file("open a pipe"))?;
    let (folder, skipped, cancel) = (Path::new(folder).to_owned(), skipped.clone(), cancel.clone());
    let packing = spawn_blocking(move || {
        let encoder = Encoder::new(BufWriter::with_capacity(1 << 16, writer), digest);
        let (_, found) = pack(&folder, PackOptions::default(), encoder, &cancel)?;
        skipped.lock().extend(found);
        Ok(())
    });
    Ok(Box::new(Packing {
        reader,
        packing: Some(packing),
    }))
}

/// The reading end; at the end of the pipe it tells how the packing went.
struct Packing {
    reader: std::io::PipeReader,
    packing: Option<tokio::task::JoinHandle<Result<(), DesyncError>>>,
}

impl Read for Packing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if read == 0
            && let Some(packing) = self.packing.take()
        {
            let outcome = tokio::runtime::Handle::current().block_on(packing);
            outcome?.map_err(std::io::Error::other)?;
        }
        Ok(read)
    }
}

fn list(
    input: impl Read,
    digest: DigestAlgorithm,
    name: &str,
    out: &mut dyn std::io::Write,
    skipped: &Skipped,
    cancel: &Cancel,
) -> Result<(), DesyncError> {
    let decode_error = |source| DesyncError::Decode {
        name: name.to_owned(),
        source,
    };
    let failed = DesyncError::file("write the output");
    let mut decoder = Decoder::new(input, DecodeLimits::default());
    let mut path: Vec<Vec<u8>> = Vec::new();
    writeln!(out, "{}", lines::HEADER).map_err(&failed)?;
    while let Some(event) = decoder.next_event().map_err(decode_error)? {
        cancel.check()?;
        let (node, kind) = match event {
            Event::Node(node, kind) => (node, kind),
            Event::Leave => {
                path.pop();
                continue;
            }
            Event::Orphan(name) => {
                skipped.add(&[&path[..], &[name]].concat());
                continue;
            }
        };
        path.push(node.name.clone().unwrap_or_default());
        let digest = match kind {
            NodeKind::File { .. } => {
                let mut hasher = IdHasher::new(digest);
                let mut block = [0u8; 8192];
                loop {
                    match decoder.read_payload(&mut block).map_err(decode_error)? {
                        0 => break,
                        read => hasher.update(block.get(..read).unwrap_or_default()),
                    }
                }
                Some((digest, hasher.finish()))
            }
            _ => None,
        };
        match lines::line(&shown(&path), &node.metadata, &kind, digest) {
            Some(line) => writeln!(out, "{line}").map_err(&failed)?,
            None => skipped.add(&path),
        }
        if kind != NodeKind::Folder {
            path.pop();
        }
    }
    out.flush().map_err(failed)
}

fn shown(path: &[Vec<u8>]) -> Vec<u8> {
    match path {
        [_root] => b".".to_vec(),
        [_root, below @ ..] => below.join(&b'/'),
        [] => Vec::new(),
    }
}
