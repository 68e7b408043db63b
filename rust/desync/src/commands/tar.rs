// SPDX-License-Identifier: MIT
//! `tar`: a folder into an archive or an index.

use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;
use vsekai_formats::catar::Encoder;
use vsekai_formats::{Chunker, DigestAlgorithm, Index, flags};

use crate::args::{InputFormat, TarArgs};
use crate::env::{Cancel, Env};
use crate::error::DesyncError;
use crate::files::NewFile;
use crate::progress::Progress;
use crate::session::{Session, chunker};
use crate::transfer::{CutSender, cut_apart, store_cuts};
use crate::tree::from_tar::{TarTree, seekable, spool};
use crate::tree::pack::{PackOptions, pack};

/// Packs a folder; what cannot be packed is named on the error stream.
pub(crate) async fn tar(args: TarArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let source = Source::of(&args, env);
    let skipped = match (&args.store, args.index) {
        (Some(store), true) => to_index(&args, source, store, session, env).await?,
        _ => to_archive(&args, source, session.digest, env).await?,
    };
    env.warn_skipped(skipped);
    Ok(())
}

/// What is packed.
enum Source {
    Disk(PathBuf, PackOptions),
    Tar {
        /// Read from its start to its end, or at any position.
        input: TarInput,
        add_root: bool,
        no_time: bool,
    },
}

enum TarInput {
    File(PathBuf),
    Stream(Box<dyn Read + Send>),
}

impl Source {
    fn of(args: &TarArgs, env: &mut Env) -> Self {
        match args.input_format {
            InputFormat::Disk => {
                let options = PackOptions {
                    no_time: args.no_time,
                    one_file_system: args.one_file_system,
                };
                Self::Disk(args.source.clone(), options)
            }
            InputFormat::Tar => Self::Tar {
                input: match args.source == Path::new("-") {
                    true => TarInput::Stream(env.take_input()),
                    false => TarInput::File(args.source.clone()),
                },
                add_root: args.tar_add_root,
                no_time: args.no_time,
            },
        }
    }

    fn pack<W: Write>(self, encoder: Encoder<W>, cancel: &Cancel) -> Result<(W, Vec<String>), DesyncError> {
        match self {
            Self::Disk(path, options) => pack(&path, options, encoder, cancel),
            Self::Tar {
                input,
                add_root,
                no_time,
            } => {
                let file = match input {
                    TarInput::Stream(input) => spool(input)?,
                    TarInput::File(path) => seekable(&path)?,
                };
                TarTree::read(file, add_root, no_time)?.pack(encoder, cancel)
            }
        }
    }
}

async fn to_archive(
    args: &TarArgs,
    source: Source,
    digest: DigestAlgorithm,
    env: &mut Env,
) -> Result<Vec<String>, DesyncError> {
    let file = match args.output.as_str() {
        "-" => None,
        path => Some(NewFile::at(Path::new(path)).await?),
    };
    let output: Box<dyn Write + Send> = match &file {
        Some(file) => Box::new(file.open()?),
        None => env.take_out(),
    };
    let cancel = env.cancel.clone();
    let packing = spawn_blocking(move || {
        let encoder = Encoder::new(BufWriter::with_capacity(1 << 20, output), digest);
        source.pack(encoder, &cancel).map(|(_, skipped)| skipped)
    });
    let skipped = packing.await??;
    env.cancel.check()?;
    if let Some(file) = file {
        file.publish()?;
    }
    Ok(skipped)
}

async fn to_index(
    args: &TarArgs,
    source: Source,
    store: &str,
    session: &Session,
    env: &mut Env,
) -> Result<Vec<String>, DesyncError> {
    let chunker = chunker(&args.cut)?;
    let digest = session.digest;
    let mut index = Index::new(flags::for_catar(digest), digest, args.cut.sizes.for_index());
    let store = session.opener_for(&index, &args.options).open_writable(store)?;
    let concurrency = usize::from(args.options.concurrency);
    let (sender, cuts) = CutSender::new(env.cancel.clone());
    let cancel = env.cancel.clone();
    // Looking through the folder beforehand would keep the disk from the work itself.
    let progress = Progress::of_bytes();
    let packing = Box::pin(async {
        let packing = spawn_blocking(move || pack_cuts(source, digest, chunker, sender, &cancel));
        // A failing store ends the packing too, but is the cause and so reported first.
        store_cuts(cuts, &mut index, store, concurrency, &progress).await?;
        packing.await?
    });
    let skipped = env.showing("Packing ", &progress, packing).await?;
    session
        .write_index(&args.output, &index, &args.options, env)
        .await?;
    Ok(skipped)
}

fn pack_cuts(
    source: Source,
    digest: DigestAlgorithm,
    chunker: Arc<dyn Chunker>,
    cuts: CutSender,
    cancel: &Cancel,
) -> Result<Vec<String>, DesyncError> {
    cut_apart(chunker, cuts, |blocks| {
        let packed = source.pack(Encoder::new(blocks, digest), cancel);
        packed.map(|(_, skipped)| skipped)
    })
}
