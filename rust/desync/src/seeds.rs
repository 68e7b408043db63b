// SPDX-License-Identifier: MIT
//! Files at hand whose chunks can be used in place of a store's.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fs_err as fs;
use tokio::task::spawn_blocking;
use vsekai_formats::chunker::{Buzhash, BuzhashRules, cut_all};
use vsekai_formats::{ChunkId, ChunkSizes, DigestAlgorithm, Index, ReadAt as _};

use crate::args::{ExtractArgs, StoreArgs};
use crate::env::Env;
use crate::error::DesyncError;
use crate::files::FileAt;
use crate::session::Session;

/// What to do with a seed that does not match its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidSeeds {
    /// Fail.
    Refuse,
    /// Do without it.
    Skip,
    /// Cut it again.
    Regenerate,
}

/// A file and where its chunks lie.
#[derive(Debug)]
pub(crate) struct Seed {
    name: String,
    file: FileAt,
    digest: DigestAlgorithm,
    chunks: HashMap<ChunkId, (u64, u32)>,
    unusable: AtomicBool,
}

impl Seed {
    fn new(name: String, file: FileAt, index: &Index) -> Self {
        let places = index
            .chunks
            .iter()
            .map(|chunk| (chunk.id, (chunk.start, chunk.size)));
        Self {
            name,
            file,
            digest: index.digest,
            chunks: places.collect(),
            unusable: AtomicBool::new(false),
        }
    }

    /// Tells whether the seed should have a chunk.
    fn has(&self, id: ChunkId) -> bool {
        self.chunks.contains_key(&id) && !self.unusable.load(Ordering::Relaxed)
    }

    /// Reads a chunk and checks it; `None` if the file has something else there.
    fn read(&self, id: ChunkId) -> Option<Vec<u8>> {
        let (start, size) = *self.chunks.get(&id)?;
        let mut plain = vec![0; size as usize];
        self.file.read_at(start, &mut plain).ok()?;
        (ChunkId::of(self.digest, &plain) == id).then_some(plain)
    }
}

/// The seeds of one command; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Seeds {
    seeds: Vec<Arc<Seed>>,
    invalid: InvalidSeeds,
}

impl Seeds {
    /// Opens the seeds a command line names.
    pub(crate) async fn open(
        args: &ExtractArgs,
        index: &Index,
        session: &Session,
        env: &mut Env,
    ) -> Result<Self, DesyncError> {
        let invalid = match (args.skip_invalid_seeds, args.regenerate_invalid_seeds) {
            (true, _) => InvalidSeeds::Skip,
            (_, true) => InvalidSeeds::Regenerate,
            _ => InvalidSeeds::Refuse,
        };
        let mut named = Vec::new();
        for seed in &args.seeds {
            named.push(split_seed(seed)?);
        }
        for folder in &args.seed_dirs {
            named.extend(seeds_in(folder, &args.index)?);
        }
        let mut seeds = Vec::new();
        for (location, data) in named {
            seeds.push(open_seed(&location, &data, index.digest, &args.source.store, session, env).await?);
        }
        let seeds = Self { seeds, invalid };
        match invalid {
            InvalidSeeds::Regenerate => seeds.regenerate(index).await,
            _ => Ok(seeds),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.seeds.len()
    }

    /// Returns which seed should have a chunk first, and where; not checked.
    pub(crate) fn place(&self, id: ChunkId) -> Option<(usize, u64)> {
        let number = self.seeds.iter().position(|seed| seed.has(id))?;
        let (start, _) = self.seeds.get(number)?.chunks.get(&id)?;
        Some((number, *start))
    }

    /// Returns the open file of a seed.
    pub(crate) fn file(&self, number: usize) -> Option<&fs::File> {
        Some(self.seeds.get(number)?.file.file())
    }

    /// Returns a chunk from the first seed that has it, checked.
    ///
    /// # Errors
    /// A seed does not match its index, and seeds must.
    pub(crate) async fn get(&self, id: ChunkId) -> Result<Option<Vec<u8>>, DesyncError> {
        for seed in self.seeds.iter().filter(|seed| seed.has(id)) {
            let reading = Arc::clone(seed);
            if let Some(plain) = spawn_blocking(move || reading.read(id)).await? {
                return Ok(Some(plain));
            }
            seed.unusable.store(true, Ordering::Relaxed);
            if self.invalid == InvalidSeeds::Refuse {
                return Err(DesyncError::Damaged(format!(
                    "the seed {} does not match its index at chunk {id}; use --skip-invalid-seeds or \
                    --regenerate-invalid-seeds",
                    seed.name
                )));
            }
        }
        Ok(None)
    }

    /// Replaces the indexes of seeds that do not match them; every chunk `index` could use is looked at.
    async fn regenerate(mut self, index: &Index) -> Result<Self, DesyncError> {
        let ids = index.unique_ids();
        for seed in &mut self.seeds {
            let (checked, ids) = (Arc::clone(seed), ids.clone());
            let good = spawn_blocking(move || {
                ids.into_iter()
                    .all(|id| !checked.has(id) || checked.read(id).is_some())
            });
            if !good.await? {
                let (broken, sizes) = (
                    Arc::clone(seed),
                    (index.chunk_min, index.chunk_avg, index.chunk_max),
                );
                *seed = Arc::new(spawn_blocking(move || cut_again(&broken, sizes)).await??);
            }
        }
        Ok(self)
    }
}

fn cut_again(seed: &Seed, sizes: (u64, u64, u64)) -> Result<Seed, DesyncError> {
    let chunker = Buzhash::new(ChunkSizes::new(sizes.0, sizes.1, sizes.2)?, BuzhashRules::Modern);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let file = FileAt::open(Path::new(&seed.name)).map_err(DesyncError::file("open the seed"))?;
    let id = |plain: &[u8]| ChunkId::of(seed.digest, plain);
    let cuts = cut_all(&file, 0..file.len(), &chunker, threads, id);
    let cuts = cuts.map_err(DesyncError::file("read the seed"))?;
    let places = cuts.into_iter().map(|cut| (cut.value, (cut.start, cut.len)));
    Ok(Seed {
        name: seed.name.clone(),
        digest: seed.digest,
        chunks: places.collect(),
        unusable: AtomicBool::new(false),
        file,
    })
}

async fn open_seed(
    location: &str,
    data: &Path,
    digest: DigestAlgorithm,
    options: &StoreArgs,
    session: &Session,
    env: &mut Env,
) -> Result<Arc<Seed>, DesyncError> {
    let index = session.read_index(location, options, env).await?;
    if index.digest != digest {
        return Err(DesyncError::Usage(format!(
            "the seed {location} names its chunks by another hash function than the index"
        )));
    }
    let file = FileAt::open(data).map_err(DesyncError::file("open the seed"))?;
    Ok(Arc::new(Seed::new(data.display().to_string(), file, &index)))
}

/// Splits `index[:data]`; the data of `x.caibx` alone is `x`.
fn split_seed(text: &str) -> Result<(String, PathBuf), DesyncError> {
    let is_index = |text: &str| text.ends_with(".caibx") || text.ends_with(".caidx");
    if is_index(text) {
        let data = text.strip_suffix(".caibx").unwrap_or(text);
        return Ok((text.to_owned(), PathBuf::from(data)));
    }
    // A colon also follows the scheme of an address and a drive of Windows; an index's name ends before ours.
    let colons = text.match_indices(':').map(|(at, _)| at);
    let split = colons.filter_map(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
    let mut candidates: Vec<_> = split.collect();
    let named = candidates.iter().position(|(index, _)| is_index(index));
    let chosen = match named {
        Some(position) => Some(candidates.swap_remove(position)),
        None => candidates.pop(),
    };
    match chosen {
        Some((index, data)) if !index.is_empty() && !data.is_empty() => {
            Ok((index.to_owned(), PathBuf::from(data)))
        }
        _ => Err(DesyncError::Usage(format!(
            "{text:?} is no seed: write INDEX.caibx, whose data lies beside it, or INDEX:DATA"
        ))),
    }
}

/// Returns the indexes below a folder whose data is there, except the one that is being extracted.
fn seeds_in(folder: &Path, extracted: &str) -> Result<Vec<(String, PathBuf)>, DesyncError> {
    let failed = DesyncError::file("look for seeds");
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(&failed)? {
            let entry = entry.map_err(&failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(&failed)?);
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let data = path.with_extension("");
            let is_index = path.extension().is_some_and(|extension| extension == "caibx");
            if is_index && data.is_file() && path != Path::new(extracted) {
                found.push((path.display().to_string(), data));
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_split_where_the_index_ends() {
        for (text, index, data) in [
            ("a/x.caibx", "a/x.caibx", "a/x"),
            ("a/x.caibx:/d/y", "a/x.caibx", "/d/y"),
            ("http://host:1/x.caibx:/d/y", "http://host:1/x.caibx", "/d/y"),
            ("C:/x.caibx:D:/y", "C:/x.caibx", "D:/y"),
            ("index:data", "index", "data"),
        ] {
            let expected = (index.to_owned(), PathBuf::from(data));
            assert_eq!(split_seed(text).unwrap(), expected, "{text}");
        }
        for bad in ["x", ":x", "x:"] {
            assert!(split_seed(bad).is_err(), "{bad}");
        }
    }
}
