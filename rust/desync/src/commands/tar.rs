// SPDX-License-Identifier: MIT
//! `tar`: a folder into an archive or an index.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use vsekai_formats::catar::Encoder;
use vsekai_formats::chunker::ChunkWriter;
use vsekai_formats::{Chunker, DigestAlgorithm, Index, flags};

use crate::args::TarArgs;
use crate::env::{Cancel, Env};
use crate::error::DesyncError;
use crate::files::NewFile;
use crate::session::{Session, chunker};
use crate::transfer::store_cuts;
use crate::tree::pack::{PackOptions, pack};

/// Packs a folder; what cannot be packed is named on the error stream.
pub(crate) async fn tar(args: TarArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let options = PackOptions {
        no_time: args.no_time,
        one_file_system: args.one_file_system,
    };
    let skipped = match (&args.store, args.index) {
        (Some(store), true) => to_index(&args, store, options, session, env).await?,
        _ => to_archive(&args, options, session.digest, env).await?,
    };
    for path in skipped {
        env.warn(&format!(
            "skipped {}: it is no file, folder, link or device",
            path.display()
        ));
    }
    Ok(())
}

async fn to_archive(
    args: &TarArgs,
    options: PackOptions,
    digest: DigestAlgorithm,
    env: &mut Env,
) -> Result<Vec<PathBuf>, DesyncError> {
    let file = match args.output.as_str() {
        "-" => None,
        path => Some(NewFile::beside(Path::new(path))?),
    };
    let output: Box<dyn Write + Send> = match &file {
        Some(file) => Box::new(file.open()?),
        None => env.take_out(),
    };
    let (source, cancel) = (args.source.clone(), env.cancel.clone());
    let packing = spawn_blocking(move || {
        let encoder = Encoder::new(BufWriter::with_capacity(1 << 20, output), digest);
        pack(&source, options, encoder, &cancel).map(|(_, skipped)| skipped)
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
    store: &str,
    options: PackOptions,
    session: &Session,
    env: &mut Env,
) -> Result<Vec<PathBuf>, DesyncError> {
    let chunker = chunker(&args.cut)?;
    let digest = session.digest;
    let mut index = Index::new(flags::for_catar(digest), digest, args.cut.sizes.for_index());
    let store = session.opener_for(&index, &args.options)?.open_writable(store)?;
    let concurrency = usize::from(args.options.concurrency);
    let (sender, cuts) = mpsc::channel(concurrency);
    let (source, cancel) = (args.source.clone(), env.cancel.clone());
    let packing = spawn_blocking(move || pack_cuts(&source, options, digest, chunker, &sender, &cancel));
    // A failing store ends the packing too, but is the cause and so reported first.
    store_cuts(cuts, &mut index, store, concurrency).await?;
    let skipped = packing.await??;
    session
        .write_index(&args.output, &index, &args.options, env)
        .await?;
    Ok(skipped)
}

fn pack_cuts(
    source: &Path,
    options: PackOptions,
    digest: DigestAlgorithm,
    chunker: Arc<dyn Chunker>,
    cuts: &mpsc::Sender<Vec<u8>>,
    cancel: &Cancel,
) -> Result<Vec<PathBuf>, DesyncError> {
    let writer = ChunkWriter::new(chunker, |chunk: &[u8]| {
        cancel.check_io()?;
        let sent = cuts.blocking_send(chunk.to_vec());
        sent.map_err(|_| io::Error::other("the chunks cannot be stored"))
    });
    let (writer, skipped) = pack(source, options, Encoder::new(writer, digest), cancel)?;
    writer.finish().map_err(DesyncError::file("cut the archive"))?;
    Ok(skipped)
}
