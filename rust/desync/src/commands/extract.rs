// SPDX-License-Identifier: MIT
//! `extract`: a file from its index.

use std::path::Path;

use fs_err as fs;

use crate::args::ExtractArgs;
use crate::assemble::{AssembleStats, Assembly};
use crate::env::Env;
use crate::error::DesyncError;
use crate::files::{NewFile, file_behind, length};
use crate::progress::Progress;
use crate::seeds::Seeds;
use crate::session::Session;
use crate::transfer::Pace;

/// Rebuilds a file beside its final name, or in place.
pub(crate) async fn extract(args: ExtractArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    if Path::new(&args.index) == args.output {
        return Err(DesyncError::Usage(
            "the index and the output are the same file".to_owned(),
        ));
    }
    let source = &args.source;
    let mut index = session.read_index(&args.index, &source.store, env).await?;
    let store = session
        .open_source(&mut index, &source.stores, source.cache.as_deref(), &source.store)
        .await?;
    let seeds = Seeds::open(&args, &index, session, env).await?;
    let cancel = env.cancel.clone();
    let progress = Progress::of(index.chunks.len() as u64);
    let assembly = Assembly {
        index: &index,
        seeds: &seeds,
        store: &store,
        pace: Pace::of(source.store.concurrency, &index),
        cancel: &cancel,
        progress: &progress,
    };
    let assembling = Box::pin(async {
        match args.in_place {
            true => in_place(&assembly, &args.output).await,
            false => beside(&assembly, &args.output).await,
        }
    });
    let stats = env
        .showing("Attempt 1: Assembling ", &progress, assembling)
        .await?;
    match args.print_stats {
        true => env.print_json(&stats),
        false => Ok(()),
    }
}

/// Makes a new file, which gets the output's name only when it is complete.
async fn beside(assembly: &Assembly<'_>, output: &Path) -> Result<AssembleStats, DesyncError> {
    // desync would put a file in the place of a device, or of the link that is `/dev/stdout`.
    if matches!(file_behind(output), Ok(None)) {
        let output = output.display();
        return Err(DesyncError::Usage(format!(
            "{output} cannot be replaced by a file; -k writes to a device, and cat to a pipe"
        )));
    }
    let new = NewFile::beside(output)?;
    let file = new.open()?;
    file.set_len(assembly.index.total_size())
        .map_err(DesyncError::file("set the output's length"))?;
    let stats = assembly.run(file, 0).await?;
    assembly.cancel.check()?;
    new.publish()?;
    Ok(stats)
}

/// Changes the output itself; what is there is used, and shortened only when all the rest is right.
async fn in_place(assembly: &Assembly<'_>, output: &Path) -> Result<AssembleStats, DesyncError> {
    let failed = DesyncError::file("open the output");
    let mut options = fs::OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(output);
    let file = file.map_err(&failed)?;
    let (existing, wanted) = (length(&file).map_err(&failed)?, assembly.index.total_size());
    let is_file = file.metadata().map_err(&failed)?.is_file();
    let set_length = DesyncError::file("set the output's length");
    if is_file && existing < wanted {
        file.set_len(wanted).map_err(&set_length)?;
    }
    if !is_file && existing < wanted {
        let message = format!(
            "{} is too small: {existing} bytes, not {wanted}",
            output.display()
        );
        return Err(DesyncError::Damaged(message));
    }
    let handle = file.try_clone().map_err(&failed)?;
    let stats = assembly.run(handle, existing.min(wanted)).await?;
    if is_file && existing > wanted {
        file.set_len(wanted).map_err(&set_length)?;
    }
    file.sync_all().map_err(DesyncError::file("write the output"))?;
    Ok(stats)
}
