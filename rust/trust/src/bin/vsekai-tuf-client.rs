// SPDX-License-Identifier: MIT
//! The command line by which TUF's public conformance suite drives a client.
//!
//! ```text
//! vsekai-tuf-client --metadata-dir DIR init ROOT
//! vsekai-tuf-client --metadata-dir DIR --metadata-url URL refresh
//! vsekai-tuf-client --metadata-dir DIR --metadata-url URL --target-name NAME --target-base-url URL
//!     --target-dir DIR download
//! ```
//!
//! Exit code 0 is success, 1 is not. It keeps each verified piece in a file of its own, as the suite expects,
//! where the launcher keeps all or nothing.

use std::collections::HashMap;
use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;
use fs_err as fs;
use jiff::Timestamp;
use vsekai_formats::release::Pinned;
use vsekai_store::{HttpOptions, HttpOrigin, RetryPolicy, durable};
use vsekai_trust::client::{Fetched, Folder, Repository, TrustedSet};
use vsekai_trust::names;

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let done = Arguments::parse(arguments).and_then(|arguments| {
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(run(&arguments))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Options by name, and the words that are none.
struct Arguments {
    options: HashMap<String, String>,
    words: Vec<String>,
}

impl Arguments {
    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Self, Box<dyn Error>> {
        let (mut options, mut words) = (HashMap::new(), Vec::new());
        let mut texts =
            arguments.map(|argument| argument.into_string().map_err(|_| "an argument is not Unicode"));
        while let Some(text) = texts.next() {
            let text = text?;
            match text.strip_prefix("--") {
                Some(name) => {
                    let value = texts.next().ok_or(format!("--{name} has no value"))??;
                    options.insert(name.to_owned(), value);
                }
                None => words.push(text),
            }
        }
        Ok(Self { options, words })
    }

    fn option(&self, name: &str) -> Result<&str, Box<dyn Error>> {
        let value = self.options.get(name).map(String::as_str);
        value.ok_or_else(|| format!("--{name} is missing").into())
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Box<dyn Error>> {
        Ok(PathBuf::from(self.option(name)?))
    }

    fn origin(&self, name: &str) -> Result<HttpOrigin, Box<dyn Error>> {
        let options = HttpOptions {
            allow_http: true,
            retry: RetryPolicy::NEVER,
            ..HttpOptions::default()
        };
        Ok(HttpOrigin::new(self.option(name)?, options)?)
    }
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let folder = arguments.folder("metadata-dir")?;
    let words: Vec<&str> = arguments.words.iter().map(String::as_str).collect();
    match words[..] {
        ["init", root] => {
            durable::create_folders(&folder)?;
            Ok(keep(&folder, "root", &fs::read(root)?)?)
        }
        ["refresh"] => {
            let metadata = Folder::new(arguments.origin("metadata-url")?, "");
            let repository = Repository::new(metadata.clone(), metadata);
            let (mut set, known) = trusted(&folder)?;
            let refreshed = repository.refresh(&mut set, &known).await;
            keep_all(&folder, &set)?;
            Ok(refreshed?)
        }
        ["download"] => download(arguments, &folder).await,
        _ => Err("say init ROOT, refresh or download".into()),
    }
}

async fn download(arguments: &Arguments, folder: &Path) -> Result<(), Box<dyn Error>> {
    let metadata = Folder::new(arguments.origin("metadata-url")?, "");
    let targets = Folder::new(arguments.origin("target-base-url")?, "");
    let repository = Repository::new(metadata, targets);
    let (mut set, known) = trusted(folder)?;
    let name = arguments.option("target-name")?;
    let found = match repository.refresh(&mut set, &known).await {
        Ok(()) => repository.find(&mut set, &known, name).await,
        Err(error) => Err(error),
    };
    keep_all(folder, &set)?;
    let target = found?;
    let place = arguments.folder("target-dir")?.join(names::encoded(name));
    if fs::read(&place).is_ok_and(|bytes| target.pin == Pinned::of(&bytes)) {
        return Ok(());
    }
    let bytes = repository.target(&set, &target, MAX_TARGET).await?;
    if let Some(folder) = place.parent() {
        durable::create_folders(folder)?;
    }
    Ok(durable::replace(&place, ".tmp-", &bytes)?)
}

/// Reads what was trusted so far.
fn trusted(folder: &Path) -> Result<(TrustedSet, Fetched), Box<dyn Error>> {
    let root = fs::read(folder.join("root.json"))?;
    let mut known = Fetched::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_suffix(".json"));
        if let Some(role) = name.filter(|role| *role != "root") {
            let role = percent_encoding::percent_decode_str(role).decode_utf8()?;
            known.insert(role.into_owned(), Bytes::from(fs::read(&path)?));
        }
    }
    Ok((TrustedSet::start(root.into(), Timestamp::now())?, known))
}

fn keep_all(folder: &Path, set: &TrustedSet) -> std::io::Result<()> {
    set.verified()
        .try_for_each(|(role, bytes)| keep(folder, role, bytes))
}

fn keep(folder: &Path, role: &str, bytes: &[u8]) -> std::io::Result<()> {
    let file = names::meta(&names::encoded(role));
    durable::replace(&folder.join(file), ".tmp-", bytes)
}

/// Largest target, which is held in memory.
const MAX_TARGET: usize = 64 * 1024 * 1024;
