// SPDX-License-Identifier: MIT
//! Fills a database with releases and chunks and measures the server's own queries, at a hundredth of the rows and at
//! all of them. `cargo xtask bench server` runs it.
//!
//! Prints `query`, the query, and microseconds at both sizes in the middle of many runs, with tabs between them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rusqlite::Transaction;
use vsekai_formats::release::{
    Launch, Pinned, Platform, Program, ReleaseManifest, ReleaseSize, SCHEMA, Slug, Version, address,
};
use vsekai_formats::{ChunkId, DigestAlgorithm, TreePath};
use vsekai_server::db::chunks::{self, ChunkSizes};
use vsekai_server::db::releases::{self, NewRelease};
use vsekai_server::db::{Database, indexes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let path = arguments.next().context("give a file for the database")?;
    let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
    let releases = number().context("give the number of releases")?;
    let rows = number().context("give the number of chunks")?;
    let path = Path::new(&path);
    let database = Database::open(path).await?;
    let began = Instant::now();
    let mut filled = Filled::default();
    filled.grow(&database, releases / 100, rows / 100).await?;
    let few = measure(&database, &filled).await?;
    filled.grow(&database, releases, rows).await?;
    let all = measure(&database, &filled).await?;
    for ((name, few), (_, all)) in few.iter().zip(&all) {
        println!("query\t{name}\t{}\t{}", micros(*few), micros(*all));
    }
    database.close().await?;
    let megabytes = fs_err::metadata(path)?.len() as f64 / 1e6;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "note\tThe database with all rows has {megabytes:.0} MB; filling and measuring took {seconds:.0} s"
    );
    let began = Instant::now();
    Database::open(path).await?.close().await?;
    println!(
        "note\tOpening it with its check of all pages took {:.1} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// How much is in the database.
#[derive(Clone, Copy, Debug, Default)]
struct Filled {
    releases: u64,
    rows: u64,
}

impl Filled {
    async fn grow(&mut self, database: &Database, releases: u64, rows: u64) -> Result<()> {
        while self.rows < rows {
            let range = self.rows..rows.min(self.rows + BATCH);
            self.rows = range.end;
            let batch: Vec<(ChunkId, ChunkSizes)> = range.map(|number| (id(number), SIZES)).collect();
            database
                .write("fill in chunks", move |tx| chunks::insert(tx, &batch))
                .await?;
        }
        while self.releases < releases {
            let range = self.releases..releases.min(self.releases + BATCH_OF_RELEASES);
            self.releases = range.end;
            let batch = range.map(release).collect::<Result<Vec<NewRelease>>>()?;
            database
                .write("fill in releases", move |tx| publish(tx, &batch))
                .await?;
        }
        Ok(())
    }
}

type Measured = Vec<(&'static str, Duration)>;

/// Asks what the server asks most, of rows all over the tables.
async fn measure(database: &Database, filled: &Filled) -> Result<Measured> {
    let (rows, releases) = (filled.rows, filled.releases);
    let mut measured = Measured::new();
    let missing = middle(async |turn| {
        let ids: Vec<ChunkId> = (0..QUESTION)
            .map(|place| spread(turn * QUESTION + place, rows))
            .map(id)
            .collect();
        let asked = database.read("look up chunks", move |tx| chunks::rows(tx, &ids));
        Ok(asked.await?.len())
    });
    measured.push(("which of 1,000 chunks are missing", missing.await?));
    let one = middle(async |turn| {
        let ids = vec![id(spread(turn, rows))];
        let asked = database.read("look up a chunk", move |tx| chunks::rows(tx, &ids));
        Ok(asked.await?.len())
    });
    measured.push(("one chunk", one.await?));
    let found = middle(async |turn| {
        let version = version(spread(turn, releases))?;
        let title = title(spread(turn, releases))?;
        let asked = database.read("look up a release", move |tx| {
            releases::files(tx, &title, PLATFORM, &version)
        });
        Ok(usize::from(asked.await?.is_some()))
    });
    measured.push(("the documents of a release", found.await?));
    let index = middle(async |turn| {
        let number = spread(turn, releases);
        let name = address::index_name(&title(number)?, PLATFORM, &version(number)?);
        let asked = database.read("look up an index", move |tx| indexes::find(tx, &name));
        Ok(usize::from(asked.await?.is_some()))
    });
    measured.push(("an index by its name", index.await?));
    Ok(measured)
}

/// Returns the time in the middle of many runs of `ask`, each of which finds something.
async fn middle(ask: impl AsyncFn(u64) -> Result<usize>) -> Result<Duration> {
    let mut times = Vec::new();
    for turn in 0..TURNS {
        let began = Instant::now();
        let found = ask(turn).await?;
        times.push(began.elapsed());
        anyhow::ensure!(found > 0, "a row that was filled in is not there");
    }
    times.sort_unstable();
    times.get(times.len() / 2).copied().context("nothing was asked")
}

/// Chunks in ascending order, so that filling takes minutes and not hours; the first bytes spread them evenly.
fn id(number: u64) -> ChunkId {
    let mut bytes = *ChunkId::of(DigestAlgorithm::Sha256, &number.to_le_bytes()).as_bytes();
    bytes[..8].copy_from_slice(&(number << 32).to_be_bytes());
    ChunkId::from_bytes(bytes)
}

fn release(number: u64) -> Result<NewRelease> {
    let pinned = |salt: u8| Pinned {
        sha256: ChunkId::of(
            DigestAlgorithm::Sha256,
            &[&number.to_le_bytes()[..], &[salt]].concat(),
        ),
        length: 1000,
    };
    let manifest = ReleaseManifest {
        schema: SCHEMA,
        title: title(number)?,
        platform: PLATFORM,
        version: version(number)?,
        sequence: number + 1,
        index: pinned(0),
        contents: pinned(1),
        launch: Launch {
            desktop: Program {
                path: TreePath::parse("game")?,
                arguments: Vec::new(),
            },
            vr: None,
        },
        size: ReleaseSize::default(),
        notes: String::new(),
        minimum_launcher: None,
        minimum_engine: None,
        user_paths: Vec::new(),
    };
    Ok(NewRelease {
        manifest,
        pinned: pinned(2),
        identity: pinned(3).sha256,
    })
}

fn publish(transaction: &Transaction<'_>, batch: &[NewRelease]) -> rusqlite::Result<()> {
    batch
        .iter()
        .try_for_each(|release| releases::publish(transaction, release).map(drop))
}

/// A hundred titles, as a large server may have.
fn title(number: u64) -> Result<Slug> {
    Ok(format!("title-{}", number % 100).parse()?)
}

fn version(number: u64) -> Result<Version> {
    Ok(format!("1.{number}").parse()?)
}

/// Returns a number below `end`, another one for each `turn`, all over the range.
fn spread(turn: u64, end: u64) -> u64 {
    turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) % end.max(1)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

const PLATFORM: Platform = Platform::LinuxX86_64;
const SIZES: ChunkSizes = ChunkSizes {
    plain: 65_536,
    stored: 40_000,
};
const BATCH: u64 = 200_000;
const BATCH_OF_RELEASES: u64 = 1_000;
const QUESTION: u64 = 1_000;
const TURNS: u64 = 301;
