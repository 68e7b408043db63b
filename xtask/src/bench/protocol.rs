// SPDX-License-Identifier: MIT
//! The commands of desync, done by us, by desync and by casync on the same data.
//!
//! Indexes that are unpacked are the same for all, and so are the stores and the server they come from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::data::{self, Tree};
use super::report::{Report, Row};
use super::{Bench, CONCURRENCY, Contender, DESYNC_AND_SYNC, and_sync, check_same, evict};
use crate::process::{self, Running};
use crate::tools::{Cache, Tool};
use crate::{ui, workspace};

/// Measures and returns the report.
pub(super) fn run(cache: &Cache, bench: &Bench) -> Result<Report> {
    let field = Field::prepare(cache, bench)?;
    let mut report = bench.report("The desync protocol", cache);
    report.note(format!(
        "Game: {}; small files: {}; blob: all files of the game in one",
        field.game.describe(),
        field.small.describe()
    ));
    report.note(format!(
        "Every program works on {CONCURRENCY} chunks at a time, except for casync, which works on one, runs once \
         and is left out where the server would have to wait for it; chunks of 16 to 256 KiB, compressed with \
         zstd; \"from a server\" is desync's own chunk server on this machine; \"cold\" is a store that is not \
         in the page cache"
    ));
    field.packing(&mut report)?;
    field.unpacking(&mut report)?;
    Ok(report)
}

/// The programs and the data.
struct Field<'a> {
    bench: &'a Bench,
    desync: PathBuf,
    casync: PathBuf,
    game: Tree,
    small: Tree,
    blob: PathBuf,
    /// A store with all chunks, made by desync.
    store: PathBuf,
}

/// One of the programs, which take the same words in another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Ours,
    Desync,
    Casync,
}

impl Program {
    const ALL: [Self; 3] = [Self::Ours, Self::Desync, Self::Casync];

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Desync => "desync",
            Self::Casync => "casync",
        }
    }

    fn contender<'a>(self, start: impl Fn() -> Result<Command> + 'a) -> Contender<'a> {
        let contender = Contender::new(self.name(), start);
        match self {
            Self::Casync => contender.once(),
            Self::Ours | Self::Desync => contender,
        }
    }
}

/// Something that is packed into an index and unpacked again.
#[derive(Clone, Copy, Debug)]
struct Thing<'a> {
    name: &'static str,
    path: &'a Path,
    /// The files, if it is a folder.
    tree: Option<&'a Tree>,
}

impl<'a> Thing<'a> {
    fn folder(name: &'static str, tree: &'a Tree) -> Self {
        Self {
            name,
            path: &tree.folder,
            tree: Some(tree),
        }
    }

    fn index_name(&self) -> String {
        let ending = if self.tree.is_some() { "caidx" } else { "caibx" };
        format!("{}.{ending}", self.name)
    }
}

impl<'a> Field<'a> {
    fn prepare(cache: &Cache, bench: &'a Bench) -> Result<Self> {
        let desync = Tool::Desync.get(cache)?;
        let casync = Tool::Casync.get(cache)?;
        ui::step("Making the data");
        let game = data::make_game(cache, bench.extent, &bench.path("game"))?;
        let small = data::make_small_files(cache, bench.extent, &bench.path("small"))?;
        let blob = bench.path("blob");
        data::make_blob(&game, &blob)?;
        let field = Self {
            bench,
            desync,
            casync,
            game,
            small,
            blob,
            store: bench.path("store"),
        };
        fs_err::create_dir_all(&field.store)?;
        for thing in field.things() {
            let index = bench.path(&thing.index_name());
            process::read(&mut field.pack(Program::Desync, thing, &index, &field.store))?;
        }
        Ok(field)
    }

    fn things(&self) -> [Thing<'_>; 3] {
        let blob = Thing {
            name: "blob",
            path: &self.blob,
            tree: None,
        };
        [
            blob,
            Thing::folder("game", &self.game),
            Thing::folder("small files", &self.small),
        ]
    }

    /// `make` and `tar -i`, into a store that is empty and one that has everything.
    fn packing(&self, report: &mut Report) -> Result<()> {
        for thing in self.things() {
            let verb = if thing.tree.is_some() { "tar -i" } else { "make" };
            for full in [false, true] {
                let state = if full { "a full" } else { "an empty" };
                let mut contenders: Vec<Contender<'_>> = Program::ALL
                    .iter()
                    .map(|program| {
                        program.contender(move || self.pack_into(program.name(), *program, thing, full))
                    })
                    .collect();
                if !full {
                    // What ours has done when it ends.
                    contenders.push(Contender::new(DESYNC_AND_SYNC, move || {
                        let command = self.pack_into("desync-and-sync", Program::Desync, thing, full)?;
                        Ok(and_sync(&command, &self.bench.folder))
                    }));
                }
                let name = format!("{verb}: {}, {state} store", thing.name);
                let row = self.bench.compare(&name, &contenders)?;
                let text = format!("publish, {verb}, {}, {state} store", thing.name);
                report.at_least(&text, 2.0, row.ratio("desync"));
                if !full {
                    report.at_least(
                        &format!("{text}, against desync and sync"),
                        2.0,
                        row.ratio(DESYNC_AND_SYNC),
                    );
                }
                report.work(row);
            }
        }
        Ok(())
    }

    /// `extract` and `untar -i`, from a folder and from a server, into nothing and over the same again.
    fn unpacking(&self, report: &mut Report) -> Result<()> {
        let (address, _server) = self.serve()?;
        let store = self.store.to_string_lossy().into_owned();
        for thing in self.things() {
            let verb = if thing.tree.is_some() {
                "untar -i"
            } else {
                "extract"
            };
            for (text, from, cold) in [("cold store", &store, true), ("warm store", &store, false)] {
                let row = self.compare(&format!("{verb}: {}, {text}", thing.name), |program| {
                    if cold {
                        evict(&self.store)?;
                    }
                    self.unpack_fresh(program, thing, from)
                })?;
                report.work(row);
            }
            let row = self
                .compare_with_desync(&format!("{verb}: {}, from a server", thing.name), |program| {
                    self.unpack_fresh(program, thing, &address)
                })?;
            let text = format!("install from a local server, {verb}, {}", thing.name);
            report.at_least(&text, 1.4, row.ratio("desync"));
            report.work(row);
            self.check(thing)?;
            if thing.tree.is_some() {
                let row = self
                    .compare_with_desync(&format!("{verb}: {}, nothing changed", thing.name), |program| {
                        Ok(self.unpack(program, thing, &store))
                    })?;
                let text = format!("nothing changed, {verb}, {}", thing.name);
                report.at_least(&text, 50.0, row.ratio("desync"));
                report.work(row);
            }
        }
        Ok(())
    }

    fn compare(&self, name: &str, start: impl Fn(Program) -> Result<Command>) -> Result<Row> {
        let start = &start;
        let contenders = Program::ALL.map(|program| program.contender(move || start(program)));
        self.bench.compare(name, &contenders)
    }

    fn compare_with_desync(&self, name: &str, start: impl Fn(Program) -> Result<Command>) -> Result<Row> {
        let start = &start;
        let contenders = [Program::Ours, Program::Desync]
            .map(|program| Contender::new(program.name(), move || start(program)));
        self.bench.compare(name, &contenders)
    }

    fn target(&self, program: Program) -> PathBuf {
        self.bench.path(&format!("unpacked-by-{}", program.name()))
    }

    fn unpack_fresh(&self, program: Program, thing: Thing<'_>, store: &str) -> Result<Command> {
        self.remove_target(program)?;
        if thing.tree.is_some() {
            fs_err::create_dir_all(self.target(program))?;
        }
        Ok(self.unpack(program, thing, store))
    }

    fn remove_target(&self, program: Program) -> Result<()> {
        self.bench.discard(&self.target(program))
    }

    /// Looks once at what was unpacked.
    fn check(&self, thing: Thing<'_>) -> Result<()> {
        let unpacked = Program::ALL
            .into_iter()
            .filter(|program| self.target(*program).exists());
        for program in unpacked {
            let target = self.target(program);
            match thing.tree {
                Some(tree) => check_same(tree, &target)?,
                None => same_file(thing.path, &target)?,
            }
        }
        Ok(())
    }

    /// Packs into the store and the index of this name, after taking the store away unless it is to be full.
    fn pack_into(&self, name: &str, program: Program, thing: Thing<'_>, full: bool) -> Result<Command> {
        let store = self.bench.path(&format!("store-of-{name}"));
        if !full {
            self.bench.discard(&store)?;
            fs_err::create_dir_all(&store)?;
        }
        let ending = if thing.tree.is_some() { "caidx" } else { "caibx" };
        let index = self.bench.path(&format!("made-by-{name}.{ending}"));
        Ok(self.pack(program, thing, &index, &store))
    }

    fn pack(&self, program: Program, thing: Thing<'_>, index: &Path, store: &Path) -> Command {
        if program == Program::Casync {
            let mut command = workspace::command(&self.casync);
            let mut option = std::ffi::OsString::from("--store=");
            option.push(store);
            command
                .args(["make", "--compression=zstd", "--with=unix"])
                .arg(option);
            command.arg(index).arg(thing.path);
            return command;
        }
        let mut command = self.desync_like(program);
        match thing.tree {
            Some(_) => command.args(["tar", "-i"]),
            None => command.arg("make"),
        };
        command.args(["-n", CONCURRENCY, "-s"]).arg(store);
        command.arg(index).arg(thing.path);
        command
    }

    fn unpack(&self, program: Program, thing: Thing<'_>, store: &str) -> Command {
        let index = self.bench.path(&thing.index_name());
        let target = self.target(program);
        if program == Program::Casync {
            let mut command = workspace::command(&self.casync);
            command
                .args(["extract", &format!("--store={store}")])
                .arg(index)
                .arg(target);
            return command;
        }
        let mut command = self.desync_like(program);
        match thing.tree {
            Some(_) => command.args(["untar", "-i"]),
            None => command.arg("extract"),
        };
        command
            .args(["-n", CONCURRENCY, "-s", store])
            .arg(index)
            .arg(target);
        command
    }

    fn desync_like(&self, program: Program) -> Command {
        if program == Program::Desync {
            return workspace::command(&self.desync);
        }
        let mut command = self.bench.vsekai();
        command.arg("desync");
        command
    }

    /// Serves the store with desync's own server and returns its address.
    fn serve(&self) -> Result<(String, Running)> {
        let address = process::free_address()?;
        let mut command = workspace::command(&self.desync);
        command
            .args(["chunk-server", "-l", &address, "-s"])
            .arg(&self.store);
        let running = process::serve(&mut command, &address)?;
        Ok((format!("http://{address}/"), running))
    }
}

fn same_file(expected: &Path, found: &Path) -> Result<()> {
    use std::io::Read as _;

    let (mut a, mut b) = (fs_err::File::open(expected)?, fs_err::File::open(found)?);
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let count = a.read(&mut left)?;
        if count == 0 && b.read(&mut right)? == 0 {
            return Ok(());
        }
        b.read_exact(&mut right[..count])
            .with_context(|| format!("{} is too short", found.display()))?;
        if count == 0 || left[..count] != right[..count] {
            bail!("{} was not unpacked as it was packed", found.display());
        }
    }
}
