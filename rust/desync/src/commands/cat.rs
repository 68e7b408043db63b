// SPDX-License-Identifier: MIT
//! `cat`: a file, or a part of it, straight from its chunks.

use std::io::Write;

use bytes::Bytes;
use futures::StreamExt as _;

use crate::args::CatArgs;
use crate::env::Env;
use crate::error::DesyncError;
use crate::files::NewFile;
use crate::recent::Recent;
use crate::session::Session;
use crate::transfer::{Pace, fetch_in_order};

/// Writes the wanted bytes to a file or the output.
pub(crate) async fn cat(args: CatArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let source = &args.source;
    let mut index = session.read_index(&args.index, &source.store, env).await?;
    let total = index.total_size();
    if args.offset > total {
        let offset = args.offset;
        let message = format!("the file has {total} bytes and cannot be read from byte {offset}");
        return Err(DesyncError::Damaged(message));
    }
    let end = match args.length {
        0 => total,
        length => args.offset.saturating_add(length),
    };
    let store = session
        .open_source(&mut index, &source.stores, source.cache.as_deref(), &source.store)
        .await?;
    let store = Recent::new(store);
    let file = match &args.output {
        Some(path) => Some(NewFile::at(path).await?),
        None => None,
    };
    let mut output: Box<dyn Write + Send> = match &file {
        Some(file) => Box::new(file.open()?),
        None => env.take_out(),
    };
    let first = index.chunk_at(args.offset).unwrap_or(index.chunks.len());
    let last = index
        .chunk_at(end.saturating_sub(1))
        .map_or(index.chunks.len(), |last| last + 1);
    let at_a_time = Pace::of(source.store.concurrency, &index).chunks;
    let cancel = env.cancel.clone();
    let mut chunks = std::pin::pin!(fetch_in_order(
        &index,
        first..last.max(first),
        &store,
        at_a_time,
        &cancel
    ));
    while let Some(chunk) = chunks.next().await {
        let (start, plain) = chunk?;
        let wanted = part(&plain, start, args.offset, end);
        output
            .write_all(&wanted)
            .map_err(DesyncError::file("write the output"))?;
    }
    output.flush().map_err(DesyncError::file("write the output"))?;
    if end > total {
        let message = format!("the file ends at byte {total}, before byte {end}");
        return Err(DesyncError::Damaged(message));
    }
    match file {
        Some(file) => file.publish(),
        None => Ok(()),
    }
}

/// Returns what lies in `from..to` of a chunk that starts at `start`.
fn part(plain: &Bytes, start: u64, from: u64, to: u64) -> Bytes {
    let inside = |position: u64| {
        let offset = usize::try_from(position.saturating_sub(start)).unwrap_or(usize::MAX);
        offset.min(plain.len())
    };
    let (from, to) = (inside(from), inside(to));
    plain.slice(from..to.max(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wanted_part_of_a_chunk_is_taken() {
        let plain = Bytes::from_static(b"0123456789");
        for (from, to, expected) in [
            (0, 200, "0123456789"),
            (105, 200, "56789"),
            (0, 103, "012"),
            (102, 104, "23"),
            (110, 120, ""),
            (0, 50, ""),
            (105, 105, ""),
        ] {
            assert_eq!(part(&plain, 100, from, to), expected, "{from}..{to}");
        }
    }
}
