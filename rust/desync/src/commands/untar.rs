// SPDX-License-Identifier: MIT
//! `untar`: a folder from an archive or an index.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;
use serde::Serialize;
use tokio::task::spawn_blocking;
use vsekai_formats::catar::{DecodeLimits, Decoder, Node};

use crate::args::{OutputFormat, UntarArgs};
use crate::commands::indexed_archive;
use crate::env::{Cancel, Env};
use crate::error::DesyncError;
use crate::files::NewFile;
use crate::progress::{Counted, Progress};
use crate::session::Session;
use crate::transfer::Pace;
use crate::tree::image::TreeImage;
use crate::tree::receipt::Receipt;
use crate::tree::stream::{Follow, IndexStream, StreamStats};
use crate::tree::to_tar::to_tar;
use crate::tree::unpack::{UnpackOptions, UnpackStats, Unpacker};

/// Unpacks into a folder; files with the right content are left alone.
pub(crate) async fn untar(args: UntarArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let print_stats = args.print_stats;
    let (stats, skipped) = match (args.output_format, args.indexed.index) {
        (OutputFormat::GnuTar, _) => to_tar_file(args, session, env).await?,
        (OutputFormat::Disk, true) => from_index(args, session, env).await?,
        (OutputFormat::Disk, false) => from_archive(args, env).await?,
    };
    env.warn_skipped(skipped);
    match stats {
        Some(stats) if print_stats => env.print_json(&stats),
        _ => Ok(()),
    }
}

/// What became of the files, and where the chunks came from.
#[derive(Debug, Serialize)]
struct UntarStats {
    #[serde(flatten)]
    files: UnpackStats,
    #[serde(flatten)]
    chunks: Option<StreamStats>,
}

type Outcome = Result<(Option<UntarStats>, Vec<String>), DesyncError>;

/// Writes a tar file in place of a folder; as a file it gets its name when it is complete.
async fn to_tar_file(args: UntarArgs, session: &Session, env: &mut Env) -> Outcome {
    let input = match args.indexed.index {
        false => open_archive(&args, env)?,
        true => {
            let opened = indexed_archive(&args.input, &args.indexed, &args.options, session, env);
            let archive = opened.await?;
            Counted::new(archive.input, Progress::of(archive.len))
        }
    };
    let progress = input.progress();
    let file = match args.target == Path::new("-") {
        true => None,
        false => Some(NewFile::at(&args.target).await?),
    };
    let output: Box<dyn Write + Send> = match &file {
        Some(file) => Box::new(file.open()?),
        None => env.take_out(),
    };
    let cancel = env.cancel.clone();
    let writing = spawn_blocking(move || {
        let input = BufReader::with_capacity(1 << 20, input);
        let decoder = Decoder::new(input, DecodeLimits::default());
        let output = BufWriter::with_capacity(1 << 20, output);
        to_tar(&args.input, decoder, output, &cancel)
    });
    let written = env.showing(UNPACKING, &progress, async { writing.await? });
    let skipped = written.await?;
    env.cancel.check()?;
    if let Some(file) = file {
        file.publish()?;
    }
    Ok((None, skipped))
}

/// An archive and how much of it was read.
type Archive = Counted<Box<dyn Read + Send>>;

fn open_archive(args: &UntarArgs, env: &mut Env) -> Result<Archive, DesyncError> {
    if args.input == "-" {
        return Ok(Archive::new(env.take_input(), Progress::of_bytes()));
    }
    let failed = DesyncError::file("open the archive");
    let file = fs::File::open(&args.input).map_err(&failed)?;
    let found = file.metadata().map_err(&failed)?;
    let progress = match found.is_file() {
        true => Progress::of(found.len()),
        false => Progress::of_bytes(),
    };
    Ok(Archive::new(Box::new(file), progress))
}

async fn from_archive(args: UntarArgs, env: &mut Env) -> Outcome {
    let input = open_archive(&args, env)?;
    let progress = input.progress();
    let cancel = env.cancel.clone();
    let unpacking = spawn_blocking(move || {
        let decoder = Decoder::new(BufReader::with_capacity(1 << 20, input), DecodeLimits::default());
        let unpacker = Unpacker::new(&args.input, &args.target, options(&args), &cancel);
        let unpacked = unpacker.run(decoder, &mut ())?;
        let files = unpacked.stats;
        let stats = UntarStats { files, chunks: None };
        Ok::<_, DesyncError>((Some(stats), unpacked.skipped))
    });
    env.showing(UNPACKING, &progress, async { unpacking.await? })
        .await
}

async fn from_index(args: UntarArgs, session: &Session, env: &mut Env) -> Outcome {
    let mut index = session.read_index(&args.input, &args.options, env).await?;
    let receipt = Receipt::of(&args.target, &index.to_bytes(), &options(&args), env);
    if let Some(receipt) = receipt.clone().filter(|_| !args.full_check)
        && let Some(files_unchanged) = spawn_blocking(move || receipt.untouched()).await?
    {
        let files = UnpackStats {
            files_unchanged,
            ..UnpackStats::default()
        };
        return Ok((Some(UntarStats { files, chunks: None }), Vec::new()));
    }
    let (stores, cache) = (&args.indexed.stores, args.indexed.cache.as_deref());
    let store = session
        .open_source(&mut index, stores, cache, &args.options)
        .await?;
    let pace = Pace::of(args.options.concurrency, &index);
    let progress = Progress::of(index.total_size());
    let mut stream = IndexStream::new(Arc::new(index), store, pace, env.cancel.clone());
    stream.count(progress.clone());
    let cancel = env.cancel.clone();
    let unpacking = spawn_blocking(move || unpack_index(&args, stream, receipt.as_ref(), &cancel));
    env.showing(UNPACKING, &progress, async { unpacking.await? })
        .await
}

fn unpack_index(
    args: &UntarArgs,
    stream: IndexStream,
    receipt: Option<&Receipt>,
    cancel: &Cancel,
) -> Outcome {
    let folders: Vec<PathBuf> = std::iter::once(&args.target)
        .chain(&args.seeds)
        .cloned()
        .collect();
    for seed in &args.seeds {
        fs::metadata(seed).map_err(DesyncError::file("open the seed"))?;
    }
    let (owner, cancelled) = (!args.no_same_owner, cancel.clone());
    let mut follow = Follow {
        images: Some(move |root: &Node| images(&folders, root, owner, &cancelled)),
    };
    let counters = stream.counters();
    let decoder = Decoder::new(stream, DecodeLimits::default());
    let unpacker = Unpacker::new(&args.input, &args.target, options(args), cancel);
    let unpacked = unpacker.run(decoder, &mut follow)?;
    if let Some(receipt) = receipt {
        // Only the next run would be quicker for it.
        let _ = receipt.write(&unpacked.paths, unpacked.has_times);
    }
    let (files, chunks) = (unpacked.stats, Some(counters.stats()));
    Ok((Some(UntarStats { files, chunks }), unpacked.skipped))
}

/// Looks at the folders that chunks may be put together from. One that cannot be looked at is no loss: its
/// chunks come from the store.
fn images(folders: &[PathBuf], root: &Node, owner: bool, cancel: &Cancel) -> Vec<Arc<TreeImage>> {
    let image = |folder: &PathBuf| TreeImage::of(folder, root, owner, cancel).ok();
    let there = folders.iter().filter(|folder| has_content(folder));
    there.filter_map(image).map(Arc::new).collect()
}

fn has_content(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

fn options(args: &UntarArgs) -> UnpackOptions {
    UnpackOptions {
        owner: !args.no_same_owner,
        permissions: !args.no_same_permissions,
        xattrs: !args.no_same_xattrs && !args.no_same_owner,
    }
}

/// What progress is told of, as desync has it.
const UNPACKING: &str = "Unpacking ";
