// SPDX-License-Identifier: MIT
//! The commands, a file for each or for a few that belong together.

mod cat;
mod config;
mod copy;
mod extract;
mod info;
mod make;
mod mtree;
mod prune;
mod pull;
mod tar;
mod untar;
mod verify;

use std::io::Read;
use std::sync::Arc;

use vsekai_formats::DigestAlgorithm;

use crate::args::{DesyncArgs, DesyncCommand, IndexedArgs, StoreArgs};
use crate::env::Env;
use crate::error::DesyncError;
use crate::session::Session;
use crate::transfer::Pace;
use crate::tree::stream::IndexStream;

/// Does the command of a command line.
pub(crate) async fn run(args: DesyncArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    match args.command {
        DesyncCommand::Make(make) => make::make(make, session, env).await,
        DesyncCommand::Extract(extract) => extract::extract(extract, session, env).await,
        DesyncCommand::Cat(cat) => cat::cat(cat, session, env).await,
        DesyncCommand::Chunk(chunk) => make::chunk(chunk, session, env).await,
        DesyncCommand::Chop(chop) => copy::chop(chop, session, env).await,
        DesyncCommand::Cache(cache) => copy::cache(cache, session, env).await,
        DesyncCommand::Tar(tar) => tar::tar(tar, session, env).await,
        DesyncCommand::Untar(untar) => untar::untar(untar, session, env).await,
        DesyncCommand::Mtree(mtree) => mtree::mtree(mtree, session, env).await,
        DesyncCommand::Info(info) => info::info(info, session, env).await,
        DesyncCommand::InspectChunks(inspect) => info::inspect_chunks(inspect, session, env).await,
        DesyncCommand::ListChunks(list) => info::list_chunks(list, session, env).await,
        DesyncCommand::Verify(verify) => verify::verify(verify, session, env).await,
        DesyncCommand::VerifyIndex(verify) => verify::verify_index(verify, session, env).await,
        DesyncCommand::Prune(prune) => prune::prune(prune, session, env).await,
        DesyncCommand::Pull(pull) => pull::pull(pull, session, env).await,
        DesyncCommand::Config(config) => config::config(config, args.config, session, env).await,
    }
}

/// An archive that lies in chunks.
struct IndexedArchive {
    input: Box<dyn Read + Send>,
    /// Its length in bytes.
    len: u64,
    /// The hash function of its chunks.
    digest: DigestAlgorithm,
}

/// Opens the archive that the index at `input` describes.
async fn indexed_archive(
    input: &str,
    indexed: &IndexedArgs,
    options: &StoreArgs,
    session: &Session,
    env: &mut Env,
) -> Result<IndexedArchive, DesyncError> {
    let mut index = session.read_index(input, options, env).await?;
    let store = session
        .open_source(&mut index, &indexed.stores, indexed.cache.as_deref(), options)
        .await?;
    let (len, digest) = (index.total_size(), index.digest);
    let pace = Pace::of(options.concurrency, &index);
    let mut stream = IndexStream::new(Arc::new(index), store, pace, env.cancel.clone());
    stream.look_in(Vec::new());
    Ok(IndexedArchive {
        input: Box::new(stream),
        len,
        digest,
    })
}
