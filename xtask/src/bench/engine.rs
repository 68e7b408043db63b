// SPDX-License-Identifier: MIT
//! Installing and updating a game from the real server, beside `cp -r` and desync from the same server.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::data::{self, Extent, Tree};
use super::line::{Line, Manner};
use super::measure::{self, Figures};
use super::report::Report;
use super::{Bench, CONCURRENCY, Contender, DESYNC_AND_SYNC, and_sync, check_same, mebibytes};
use crate::server::Server;
use crate::tools::{Cache, Tool};
use crate::{fs, process, ui, workspace};

/// Measures and returns the report.
pub(super) fn run(cache: &Cache, bench: &Bench) -> Result<Report> {
    let mut report = bench.report("The update engine", cache);
    let field = Field::prepare(cache, bench, &mut report)?;
    report.note(format!("Game: {}", field.game.describe()));
    report.note(format!(
        "All from vsekai-server on this machine, {CONCURRENCY} chunks at a time; our install checks and syncs \
         all files before it counts, cp and desync do not"
    ));
    field.install(&mut report)?;
    for milliseconds in ROUND_TRIPS {
        field.install_from_afar(&mut report, milliseconds)?;
    }
    for change in CHANGES {
        field.update(&mut report, &change)?;
    }
    field.nothing_new(&mut report)?;
    field.memory_at(&mut report, cache, LARGE)?;
    Ok(report)
}

/// A version beside the first one.
struct Change {
    percent: u64,
    version: &'static str,
    channel: &'static str,
    goal: f64,
}

const CHANGES: [Change; 3] = [
    Change {
        percent: 0,
        version: "1.0.1",
        channel: "same",
        goal: 50.0,
    },
    Change {
        percent: 1,
        version: "1.1.0",
        channel: "one",
        goal: 10.0,
    },
    Change {
        percent: 10,
        version: "1.10.0",
        channel: "ten",
        goal: 3.0,
    },
];

/// The programs, the server and the data.
struct Field<'a> {
    bench: &'a Bench,
    desync: PathBuf,
    server: Server,
    game: Tree,
}

impl<'a> Field<'a> {
    fn prepare(cache: &Cache, bench: &'a Bench, report: &mut Report) -> Result<Self> {
        let desync = Tool::Desync.get(cache)?;
        ui::step("Making the data");
        let field = Self {
            bench,
            desync,
            game: bench.make_game(cache, bench.extent, "game")?,
            server: Server::start(&bench.programs.server, &bench.path("server"), TITLE)?,
        };
        ui::step("Publishing");
        let changed = CHANGES.iter().map(|change| change.channel);
        for channel in std::iter::once(FIRST_CHANNEL).chain(changed) {
            field.add_channel(channel)?;
        }
        let published = field.publish(&field.game.folder, FIRST, FIRST_CHANNEL)?;
        report.note(format!(
            "Publishing the game to the server, once: {:.2} s, processor time {:.2} s, {:.0} MiB",
            published.wall.as_secs_f64(),
            published.cpu.as_secs_f64(),
            mebibytes(published.peak)
        ));
        for change in &CHANGES {
            let folder = bench.path(change.channel);
            data::make_changed(&field.game, change.percent, &folder)?;
            field.publish(&folder, change.version, change.channel)?;
        }
        Ok(field)
    }

    /// Adds a channel to those of a title for development.
    fn add_channel(&self, channel: &str) -> Result<()> {
        let mut command = self.bench.publisher(&self.server, "keys")?;
        command.args(["delegate", channel, "--no-passphrase"]);
        measure::measure(&mut command, &self.bench.path("output.log"))?;
        Ok(())
    }

    fn publish(&self, folder: &Path, version: &str, channel: &str) -> Result<Figures> {
        self.bench.publish(&self.server, folder, version, channel)
    }

    /// The first install, into an empty folder.
    fn install(&self, report: &mut Report) -> Result<()> {
        let target = self.bench.path("copied");
        let copy = |and_sync: bool| {
            let target = target.clone();
            move || {
                self.bench.discard(&target)?;
                let mut command = workspace::command("sh");
                let script = if and_sync {
                    "cp -r \"$0\" \"$1\" && sync -f \"$1\""
                } else {
                    "exec cp -r \"$0\" \"$1\""
                };
                command.args(["-c", script]).arg(&self.game.folder).arg(&target);
                Ok(command)
            }
        };
        let contenders = [
            Contender::new("ours", || {
                self.bench.discard(&self.install_folder())?;
                self.player("install", FIRST_CHANNEL)
            }),
            Contender::new("cp -r", copy(false)),
            Contender::new("cp -r, sync", copy(true)),
            Contender::new("desync", || {
                self.bench.discard(&self.desync_folder())?;
                fs_err::create_dir_all(self.desync_folder())?;
                self.untar(FIRST, None)
            }),
            // What ours has done when it ends.
            Contender::new(DESYNC_AND_SYNC, || {
                self.bench.discard(&self.desync_folder())?;
                fs_err::create_dir_all(self.desync_folder())?;
                Ok(and_sync(&self.untar(FIRST, None)?, &self.desync_folder()))
            }),
        ];
        let row = self.bench.compare("install into an empty folder", &contenders)?;
        check_same(&self.game, &self.installed()?)?;
        check_same(&self.game, &self.desync_folder())?;
        let copied = row.ratio("cp -r").filter(|ratio| *ratio > 0.0);
        report.at_most(
            "install, against cp -r",
            1.1,
            "times its time",
            copied.map(f64::recip),
        );
        report.at_least("install, against desync untar", 1.4, row.ratio("desync"));
        report.at_least(
            "install, against desync untar and sync",
            1.4,
            row.ratio(DESYNC_AND_SYNC),
        );
        report.work(row);
        self.count_requests(report)
    }

    /// The first install over a line of some length; also says what it took in requests and bytes.
    fn install_from_afar(&self, report: &mut Report, milliseconds: u64) -> Result<()> {
        let manner = |static_only| Manner {
            round_trip: Duration::from_millis(milliseconds),
            static_only,
        };
        let line = Line::to(self.server.address(), manner(false))?;
        let plain = Line::to(self.server.address(), manner(true))?;
        let install = |address: String| {
            move || {
                self.bench.discard(&self.install_folder())?;
                // As many requests as it finds good: that is what is measured here.
                self.player_at(&address, "install", FIRST_CHANNEL, None)
            }
        };
        let contenders = [
            Contender::new("ours", install(line.address())),
            Contender::new("ours, one by one", install(plain.address())),
            Contender::new("desync", || {
                self.bench.discard(&self.desync_folder())?;
                fs_err::create_dir_all(self.desync_folder())?;
                self.untar_at(&line.address(), FIRST, None)
            }),
        ];
        let name = format!("install at a round trip of {milliseconds} ms");
        let row = self.bench.compare(&name, &contenders)?;
        check_same(&self.game, &self.installed()?)?;
        for (which, line) in [("ours", &line), ("ours, one by one", &plain)] {
            self.bench.discard(&self.install_folder())?;
            let (answers, bytes) = (self.answers()?, line.answered());
            let mut command = self.player_at(&line.address(), "install", FIRST_CHANNEL, None)?;
            process::read(&mut command)?;
            let answers = self.answers()? - answers;
            let bytes = (line.answered() - bytes) as f64 / 1e6;
            let rate = row.of(which).map(|figures| bytes / figures.wall.as_secs_f64());
            report.note(format!(
                "{name}, {which}: {answers} requests, {bytes:.0} MB, {:.0} MB/s on the line",
                rate.unwrap_or_default()
            ));
        }
        report.work(row);
        Ok(())
    }

    /// The memory that installing a large tree takes.
    fn memory_at(&self, report: &mut Report, cache: &Cache, bytes: u64) -> Result<()> {
        if self.bench.extent.bytes < FULL {
            return Ok(());
        }
        let extent = Extent {
            bytes,
            ..self.bench.extent
        };
        let tree = self.bench.make_game(cache, extent, "large")?;
        report.note(format!("Large game: {}", tree.describe()));
        self.add_channel("large")?;
        self.publish(&tree.folder, "4.0.0", "large")?;
        let contenders = [Contender::new("ours", || {
            self.bench.discard(&self.install_folder())?;
            self.player("install", "large")
        })
        .once()];
        let row = self.bench.compare("install of the large game", &contenders)?;
        report.work(row);
        fs::remove_folder(&tree.folder)
    }

    /// Says how many answers an install takes, ours and desync's.
    fn count_requests(&self, report: &mut Report) -> Result<()> {
        self.bench.discard(&self.install_folder())?;
        let before = self.answers()?;
        process::read(&mut self.player("install", FIRST_CHANNEL)?)?;
        let ours = self.answers()? - before;
        let before = self.answers()?;
        process::read(&mut self.untar(FIRST, None)?)?;
        let desync = self.answers()? - before;
        report.note(format!(
            "Requests of an install: {ours} ours, {desync} of desync; counted by the server, the request for \
             the count included"
        ));
        Ok(())
    }

    /// From the first version to one with some bytes changed.
    fn update(&self, report: &mut Report, change: &Change) -> Result<()> {
        let cache = self.bench.path("desync-cache");
        let full = self.bench.path("desync-cache-of-the-first-version");
        if !full.exists() {
            fs_err::create_dir_all(&full)?;
            process::read(&mut self.untar(FIRST, Some(&full))?)?;
        }
        let contenders = [
            Contender::new("ours", || {
                self.bench.discard(&self.install_folder())?;
                process::read(&mut self.player("install", FIRST_CHANNEL)?)?;
                let mut switch = self.bench.vsekai();
                switch.args(["channel", "switch", change.channel, "--install-dir"]);
                process::read(switch.arg(self.install_folder()))?;
                self.player("update", change.channel)
            }),
            Contender::new("desync", || {
                // Chunks in a cache are only ever replaced, so links keep the first version's as they are.
                self.bench.discard(&cache)?;
                link_all(&full, &cache)?;
                self.untar(change.version, Some(&cache))
            }),
        ];
        let name = format!(
            "update to a version with {} % of its bytes changed",
            change.percent
        );
        let row = self.bench.compare(&name, &contenders)?;
        let tree = Tree::of(self.bench.path(change.channel))?;
        check_same(&tree, &self.installed()?)?;
        report.at_least(&name, change.goal, row.ratio("desync"));
        report.work(row);
        Ok(())
    }

    /// An update with nothing to do, and a look whether there is one.
    fn nothing_new(&self, report: &mut Report) -> Result<()> {
        self.bench.discard(&self.install_folder())?;
        process::read(&mut self.player("install", FIRST_CHANNEL)?)?;
        let cache = self.bench.path("desync-cache-of-the-first-version");
        for verb in ["update", "check"] {
            let mut contenders = vec![Contender::new("ours", || self.player(verb, FIRST_CHANNEL))];
            // desync has no command that only looks.
            if verb == "update" {
                contenders.push(Contender::new("desync", || self.untar(FIRST, Some(&cache))));
            }
            let row = self
                .bench
                .compare(&format!("{verb} with nothing new"), &contenders)?;
            let milliseconds = row.of("ours").map(|figures| figures.wall.as_secs_f64() * 1e3);
            report.at_most(&row.name, 100.0, "ms", milliseconds);
            report.at_least(&row.name, 50.0, row.ratio("desync"));
            report.work(row);
        }
        Ok(())
    }

    fn install_folder(&self) -> PathBuf {
        self.bench.path("install")
    }

    fn desync_folder(&self) -> PathBuf {
        self.bench.path("desync")
    }

    fn player(&self, verb: &str, channel: &str) -> Result<Command> {
        self.player_at(self.server.address(), verb, channel, Some(CONCURRENCY))
    }

    fn player_at(
        &self,
        address: &str,
        verb: &str,
        channel: &str,
        connections: Option<&str>,
    ) -> Result<Command> {
        let mut command = self.bench.vsekai();
        command.arg(verb).arg("--install-dir").arg(self.install_folder());
        command.args(["--server", address]);
        if let Some(connections) = connections {
            command.args(["--connections", connections]);
        }
        command.args(["--title", TITLE, "--channel", channel, "--json"]);
        Ok(command)
    }

    fn untar(&self, version: &str, cache: Option<&Path>) -> Result<Command> {
        self.untar_at(self.server.address(), version, cache)
    }

    fn untar_at(&self, address: &str, version: &str, cache: Option<&Path>) -> Result<Command> {
        let address = address.trim_end_matches('/');
        let platform = workspace::platform()?;
        let mut command = workspace::command(&self.desync);
        command.args([
            "untar",
            "-i",
            "-n",
            CONCURRENCY,
            "-s",
            &format!("{address}/store"),
        ]);
        if let Some(cache) = cache {
            command.arg("--cache").arg(cache);
        }
        command
            .arg(format!("{address}/index/{TITLE}_{version}_{platform}.caidx"))
            .arg(self.desync_folder());
        Ok(command)
    }

    fn installed(&self) -> Result<PathBuf> {
        let current = fs_err::read(self.install_folder().join(".vsekai/current.json"))?;
        let current: Value = serde_json::from_slice(&current).context("read what is installed")?;
        let name = current["current"]["name"]
            .as_str()
            .context("nothing is installed")?;
        Ok(self.install_folder().join("versions").join(name))
    }

    /// Returns how many requests the server has answered.
    fn answers(&self) -> Result<u64> {
        let address = self.server.address();
        let host = address.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(host).context("ask the server for its figures")?;
        let token = self.server.token()?;
        write!(
            stream,
            "GET /api/v1/metrics HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Connection: close\r\n\r\n"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        sum_answers(&text).context("the server does not tell its figures")
    }
}

fn sum_answers(text: &str) -> Option<u64> {
    let lines = text
        .lines()
        .filter(|line| line.starts_with("vsekai_server_answers_total{"));
    let figures: Vec<u64> = lines
        .filter_map(|line| line.rsplit_once(' ')?.1.parse().ok())
        .collect();
    (!figures.is_empty()).then(|| figures.iter().sum())
}

fn link_all(from: &Path, to: &Path) -> Result<()> {
    for file in fs::files(from, &[])? {
        let target = to.join(&file);
        if let Some(parent) = target.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::hard_link(from.join(&file), target)?;
    }
    Ok(())
}

/// Round trips of a neighbour, of the same continent's other end, and of another continent.
const ROUND_TRIPS: [u64; 3] = [0, 50, 100];
/// Bytes of the large tree.
const LARGE: u64 = 4_000_000_000;
/// Less data than this is only there to see that everything works.
const FULL: u64 = 500_000_000;
const TITLE: &str = "bench-game";
const FIRST: &str = "1.0.0";
const FIRST_CHANNEL: &str = "first";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_all_kinds_are_summed() {
        let text = "# HELP\nvsekai_server_answers_total{kind=\"chunk\",status=\"200\"} 2\n\
            vsekai_server_answers_total{kind=\"api\",status=\"404\"} 3\n\
            vsekai_server_body_bytes_total{kind=\"chunk\",status=\"200\"} 150\n";
        assert_eq!(sum_answers(text), Some(5));
        assert_eq!(sum_answers(""), None);
    }
}
