// SPDX-License-Identifier: MIT
//! Remembers that a folder was unpacked completely, so that unpacking the same again need not read it.
//!
//! A receipt names the index, the flags and a fingerprint of what the system says about every unpacked path:
//! file number, size, owner, mode, and the times of the last change of content and of anything. Programs that
//! change a file change at least one of them. Receipts lie in the user's cache folder, one for each target;
//! without one, or if anything differs, everything is read and compared.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fs_err as fs;
use serde::{Deserialize, Serialize};
use vsekai_formats::{ChunkId, DigestAlgorithm, IdHasher};
use vsekai_store::bounded;

use crate::env::Env;
use crate::error::DesyncError;
use crate::files::{NewFile, folder_of};
use crate::tree::system;
use crate::tree::unpack::{Paths, UnpackOptions};

/// The place of one target's receipt, and what is to be unpacked there.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    file: PathBuf,
    target: PathBuf,
    claim: Claim,
}

/// What was unpacked, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    version: u32,
    index: ChunkId,
    owner: bool,
    permissions: bool,
    xattrs: bool,
}

/// The first line of a receipt; the paths follow it.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    claim: Claim,
    has_times: bool,
    fingerprint: ChunkId,
}

impl Receipt {
    /// Returns the place of the receipt for unpacking `index` into `target`, where the user has a cache folder.
    pub(crate) fn of(target: &Path, index: &[u8], options: &UnpackOptions, env: &Env) -> Option<Self> {
        let folder = cache_folder(env)?;
        let target = fs::canonicalize(target).ok().or_else(|| {
            // Not there yet: its parent must be.
            let parent = fs::canonicalize(folder_of(target)).ok()?;
            Some(parent.join(target.file_name()?))
        })?;
        let name = ChunkId::of(DigestAlgorithm::Sha256, &system::name_bytes(target.as_os_str()));
        Some(Self {
            file: folder.join(name.to_string()),
            target,
            claim: Claim {
                version: VERSION,
                index: ChunkId::of(DigestAlgorithm::Sha256, index),
                owner: options.owner,
                permissions: options.permissions,
                xattrs: options.xattrs,
            },
        })
    }

    /// Returns how many files were unpacked if nothing has touched them since, and nothing if that is not
    /// known.
    pub(crate) fn untouched(&self) -> Option<u64> {
        let mut bytes = bounded::read_file(&self.file, MAX_LEN).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let paths = Paths(bytes.split_off(end + 1));
        let header: Header = serde_json::from_slice(&bytes).ok()?;
        if header.claim != self.claim {
            return None;
        }
        let found = self.fingerprint(&paths, header.has_times)?;
        (found.id == header.fingerprint).then_some(found.files)
    }

    /// Remembers that these paths were unpacked. That it cannot be remembered is no failure of the unpacking.
    pub(crate) fn write(&self, paths: &Paths, has_times: bool) -> Result<(), DesyncError> {
        let Some(mut fingerprint) = self.fingerprint(paths, has_times) else {
            return Ok(());
        };
        if fingerprint.age().is_none_or(|age| age < CLOCK_STEP) {
            // A change right now could get the very time that was just seen; after a step of the clock none can.
            thread::sleep(CLOCK_STEP);
            match self.fingerprint(paths, has_times) {
                Some(again) => fingerprint = again,
                None => return Ok(()),
            }
        }
        let header = Header {
            claim: self.claim.clone(),
            has_times,
            fingerprint: fingerprint.id,
        };
        let header =
            serde_json::to_string(&header).map_err(|error| DesyncError::Internal(error.to_string()))?;
        let failed = DesyncError::file("write the receipt");
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).map_err(&failed)?;
        }
        let new = NewFile::beside(&self.file)?;
        let mut file = new.open()?;
        let written = writeln!(file, "{header}").and_then(|()| file.write_all(&paths.0));
        written.map_err(&failed)?;
        new.publish()
    }

    /// Returns the fingerprint of the paths; nothing if one is not there.
    ///
    /// Several threads look at a block of paths each, so that the disk is asked for more than one at a time.
    fn fingerprint(&self, paths: &Paths, has_times: bool) -> Option<Fingerprint> {
        let paths: Vec<&[u8]> = paths.iter().collect();
        let blocks: Vec<&[&[u8]]> = paths.chunks(BLOCK).collect();
        let next = AtomicUsize::new(0);
        let found = Mutex::new(BTreeMap::new());
        let work = || {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(block) = blocks.get(number) else { return };
                let Some(fingerprint) = self.of_block(block, has_times) else {
                    // One path that is not there is enough for all.
                    return next.store(blocks.len(), Ordering::Relaxed);
                };
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.insert(number, fingerprint);
            }
        };
        thread::scope(|scope| {
            for _ in 1..THREADS.min(blocks.len()) {
                // A thread that cannot be started is no loss: this one does the work then.
                let _ = thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        let found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        (found.len() == blocks.len()).then(|| Fingerprint::joined(found.values()))
    }

    fn of_block(&self, paths: &[&[u8]], has_times: bool) -> Option<Fingerprint> {
        let mut hasher = IdHasher::new(DigestAlgorithm::Sha256);
        let (mut newest, mut files) = (i128::MIN, 0);
        for path in paths {
            let found = match path {
                [] => fs::symlink_metadata(&self.target),
                path => fs::symlink_metadata(self.target.join(system::path_from(path).ok()?)),
            };
            let found = found.ok()?;
            let (fields, changed) = system::stamp(&found);
            newest = newest.max(changed);
            files += u64::from(found.is_file());
            // What lies in a folder changes the folder's times, and archives without times do not mind.
            let counted = if found.is_dir() && !has_times {
                FOLDER_FIELDS
            } else {
                fields.len()
            };
            hasher.update(&(path.len() as u64).to_le_bytes());
            hasher.update(path);
            for field in fields.iter().take(counted) {
                hasher.update(&field.to_le_bytes());
            }
        }
        Some(Fingerprint {
            id: hasher.finish(),
            newest,
            files,
        })
    }
}

/// What the system says about many paths.
struct Fingerprint {
    id: ChunkId,
    /// When anything about any of them changed last, in nanoseconds since 1970.
    newest: i128,
    /// How many are regular files.
    files: u64,
}

impl Fingerprint {
    /// Returns the fingerprint of blocks of paths, in their order.
    fn joined<'a>(blocks: impl Iterator<Item = &'a Self>) -> Self {
        let mut hasher = IdHasher::new(DigestAlgorithm::Sha256);
        let (mut newest, mut files) = (i128::MIN, 0);
        for block in blocks {
            hasher.update(block.id.as_bytes());
            newest = newest.max(block.newest);
            files += block.files;
        }
        Self {
            id: hasher.finish(),
            newest,
            files,
        }
    }

    /// Returns how long ago the newest change was, or nothing if it lies ahead.
    fn age(&self) -> Option<Duration> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_nanos();
        let age = i128::try_from(now).ok()?.checked_sub(self.newest)?;
        u64::try_from(age).ok().map(Duration::from_nanos)
    }
}

fn cache_folder(env: &Env) -> Option<PathBuf> {
    let base = match env
        .variable("XDG_CACHE_HOME")
        .or_else(|| env.variable("LOCALAPPDATA"))
    {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env.variable("HOME")?).join(".cache"),
    };
    Some(base.join("vsekai-desync/untar"))
}

const VERSION: u32 = 2;
/// The fields of a stamp that say which folder it is, and whose.
const FOLDER_FIELDS: usize = 5;
/// Paths that one thread looks at in a row.
const BLOCK: usize = 512;
/// More than processors, as a disk that has to be asked takes far longer than asking.
const THREADS: usize = 8;
/// Longest receipt: millions of paths.
const MAX_LEN: usize = 256 << 20;
/// Longer than any system's step between two times of files.
const CLOCK_STEP: Duration = Duration::from_millis(25);
