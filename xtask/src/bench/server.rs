// SPDX-License-Identifier: MIT
//! The server: chunks a second beside nginx and desync on the same files, publishing, slow clients, a large database.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::measure::high_water_mark;
use super::report::{Report, Table};
use super::{Bench, mebibytes, slow};
use crate::process::{self, Running};
use crate::server::Server;
use crate::tools::{Cache, Tool};
use crate::{fs, ui, workspace};

/// Measures and returns the report.
pub(super) fn run(cache: &Cache, bench: &Bench, small: bool) -> Result<Report> {
    let extent = if small { Extent::SMALL } else { Extent::FULL };
    let mut report = bench.report("The server", cache);
    let field = Field::prepare(cache, bench, &mut report)?;
    field.gets(&mut report, extent)?;
    field.slow_clients(&mut report, extent)?;
    database(bench, &mut report, extent)?;
    Ok(report)
}

/// How much to do.
#[derive(Clone, Copy, Debug)]
struct Extent {
    seconds: u32,
    slow_clients: usize,
    releases: u32,
    chunk_rows: u32,
}

impl Extent {
    const SMALL: Self = Self {
        seconds: 2,
        slow_clients: 100,
        releases: 200,
        chunk_rows: 200_000,
    };
    const FULL: Self = Self {
        seconds: 10,
        slow_clients: 1000,
        releases: 10_000,
        chunk_rows: 10_000_000,
    };
}

/// The server with a published game, and the others on its store.
struct Field<'a> {
    bench: &'a Bench,
    wrk: PathBuf,
    nginx: PathBuf,
    desync: PathBuf,
    server: Server,
    /// Chunks, as `<4 hex>/<64 hex>.cacnk`, ascending.
    chunks: Vec<String>,
}

/// One of the servers that are compared.
#[derive(Debug)]
struct Contender {
    name: &'static str,
    /// Base address of the chunks.
    store: String,
    _running: Option<Running>,
}

/// What wrk found.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    requests_per_second: f64,
    bytes_per_second: f64,
    p99_milliseconds: f64,
}

impl<'a> Field<'a> {
    fn prepare(cache: &Cache, bench: &'a Bench, report: &mut Report) -> Result<Self> {
        let (wrk, nginx) = (Tool::Wrk.get(cache)?, Tool::Nginx.get(cache)?);
        let desync = Tool::Desync.get(cache)?;
        ui::step("Making the data");
        let game = bench.make_game(cache, bench.extent, "game")?;
        report.note(format!("Game: {}", game.describe()));
        let server = Server::start_configured(
            &bench.programs.server,
            &bench.path("server"),
            TITLE,
            "[limits]\nconnections = 4096\nconnections_per_address = 4096\n",
        )?;
        ui::step("Publishing");
        let published = bench.publish(&server, &game.folder, "1.0.0", "stable")?;
        let seconds = published.wall.as_secs_f64();
        report.note(format!(
            "Publishing the game: {seconds:.2} s, {:.0} MB/s of files, everything on the disk before it counts",
            game.bytes as f64 / 1e6 / seconds
        ));
        let store = server.data().join("store");
        let files = fs::files(&store, &[])?;
        let mut bytes = 0;
        for file in &files {
            bytes += fs_err::metadata(store.join(file))?.len();
        }
        let mut chunks: Vec<String> = files
            .iter()
            .filter_map(|file| file.to_str().map(str::to_owned))
            .collect();
        chunks.sort();
        report.note(format!(
            "{} chunks, {:.0} kB each as served",
            chunks.len(),
            bytes as f64 / 1e3 / chunks.len().max(1) as f64
        ));
        Ok(Self {
            bench,
            wrk,
            nginx,
            desync,
            server,
            chunks,
        })
    }

    /// GETs of chunks in random order, by wrk.
    fn gets(&self, report: &mut Report, extent: Extent) -> Result<()> {
        report.note(format!(
            "GETs: wrk with {THREADS} threads on the same machine, {} s for each server, the middle one of {} runs in \
             turns, chunks in random order from the page cache",
            extent.seconds, self.bench.repetitions
        ));
        let contenders = [self.ours(), self.start_nginx()?, self.start_desync()?];
        let mut rows = Vec::new();
        let small = self.small_chunks()?;
        for (what, chunks) in [("chunks", &self.chunks), ("small chunks", &small)] {
            let script = self.script(chunks)?;
            for connections in [1, 64] {
                let name = format!("{what}, {connections} connections");
                ui::step(&name);
                let loads = self.take_turns(&contenders, &script, connections, extent.seconds)?;
                let [ours, nginx, desync] = loads;
                let ratio = |other: Load| ours.requests_per_second / other.requests_per_second.max(1.0);
                report.at_least(&format!("GET, {name}, as nginx"), 0.8, Some(ratio(nginx)));
                report.at_least(&format!("GET, {name}, as desync"), 2.0, Some(ratio(desync)));
                let mut row = vec![name];
                row.extend(loads.iter().map(cell));
                rows.push(row);
            }
        }
        let mut head = vec!["GET: requests/s, MB/s, 99 of 100 within".to_owned()];
        head.extend(contenders.iter().map(|contender| contender.name.to_owned()));
        report.table(Table { head, rows });
        Ok(())
    }

    fn take_turns(
        &self,
        contenders: &[Contender; 3],
        script: &Path,
        connections: u32,
        seconds: u32,
    ) -> Result<[Load; 3]> {
        let mut runs: [Vec<Load>; 3] = Default::default();
        for _ in 0..self.bench.repetitions {
            for (contender, runs) in contenders.iter().zip(&mut runs) {
                let load = self.load(&contender.store, script, connections, seconds)?;
                ui::note(format!("{:<7} {:.0}/s", contender.name, load.requests_per_second));
                runs.push(load);
            }
        }
        Ok(runs.map(|mut runs| {
            runs.sort_by(|a, b| a.requests_per_second.total_cmp(&b.requests_per_second));
            runs.get(runs.len() / 2).copied().unwrap_or_default()
        }))
    }

    fn load(&self, store: &str, script: &Path, connections: u32, seconds: u32) -> Result<Load> {
        let mut command = workspace::command(&self.wrk);
        let threads = THREADS.min(connections).to_string();
        command.args(["--threads", &threads, "--connections", &connections.to_string()]);
        command.args(["--duration", &format!("{seconds}s"), "--script"]);
        command.arg(script).arg(store);
        let text = process::read(&mut command)?;
        let line = text.lines().find_map(|line| line.strip_prefix("result "));
        let numbers: Vec<f64> = line
            .context("wrk gave no result")?
            .split(' ')
            .filter_map(|number| number.parse().ok())
            .collect();
        let [requests, bytes, microseconds, p99, errors] = numbers[..] else {
            bail!("wrk gave a result of another form");
        };
        if errors > 0.0 {
            bail!("{errors} requests to {store} failed");
        }
        let seconds = microseconds / 1e6;
        Ok(Load {
            requests_per_second: requests / seconds,
            bytes_per_second: bytes / seconds,
            p99_milliseconds: p99 / 1e3,
        })
    }

    /// Writes the script that lets wrk ask for chunks.
    fn script(&self, chunks: &[String]) -> Result<PathBuf> {
        let list = self.bench.path("chunks.txt");
        fs_err::write(&list, chunks.join("\n"))?;
        let script = self.bench.path("chunks.lua");
        let list = list.to_str().context("the folder has a name that is no text")?;
        fs_err::write(&script, SCRIPT.replace("LIST", list))?;
        Ok(script)
    }

    /// Returns the smallest chunks: what serving costs where bytes do not count.
    fn small_chunks(&self) -> Result<Vec<String>> {
        let mut sized = Vec::new();
        for chunk in &self.chunks {
            let path = self.server.data().join("store").join(chunk);
            sized.push((fs_err::metadata(path)?.len(), chunk.clone()));
        }
        sized.sort();
        sized.truncate((sized.len() / 10).max(1));
        Ok(sized.into_iter().map(|(_, chunk)| chunk).collect())
    }

    fn ours(&self) -> Contender {
        Contender {
            name: "ours",
            store: format!("{}/store", self.server.address().trim_end_matches('/')),
            _running: None,
        }
    }

    fn start_nginx(&self) -> Result<Contender> {
        let folder = self.bench.path("nginx");
        fs_err::create_dir_all(&folder)?;
        let address = process::free_address()?;
        let configuration = folder.join("nginx.conf");
        let text = NGINX
            .replace("ADDRESS", &address)
            .replace("FOLDER", folder.to_str().context("a folder's name is no text")?)
            .replace(
                "DATA",
                self.server
                    .data()
                    .to_str()
                    .context("a folder's name is no text")?,
            );
        fs_err::write(&configuration, text)?;
        let mut command = workspace::command(&self.nginx);
        command
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(&configuration)
            .args(["-e", "stderr"]);
        Ok(Contender {
            name: "nginx",
            _running: Some(process::serve(&mut command, &address)?),
            store: format!("http://{address}/store"),
        })
    }

    fn start_desync(&self) -> Result<Contender> {
        let address = process::free_address()?;
        let mut command = workspace::command(&self.desync);
        // As our server does, it reads a chunk and passes it on as it is.
        command.args(["chunk-server", "--skip-verify-read", "-l", &address, "-s"]);
        command.arg(self.server.data().join("store"));
        Ok(Contender {
            name: "desync",
            _running: Some(process::serve(&mut command, &address)?),
            store: format!("http://{address}"),
        })
    }

    fn slow_clients(&self, report: &mut Report, extent: Extent) -> Result<()> {
        let name = format!("{} slow connections", extent.slow_clients);
        ui::step(&name);
        let paths: Vec<String> = self
            .chunks
            .iter()
            .map(|chunk| format!("/store/{chunk}"))
            .collect();
        let ids: Vec<u8> = self
            .chunks
            .iter()
            .take(MOST_IDS)
            .filter_map(|chunk| id(chunk))
            .flatten()
            .collect();
        let time = Duration::from_secs(u64::from(extent.seconds) * 2);
        let seen = slow::hold(self.server.address(), extent.slow_clients, time, &paths, &ids)?;
        let peak = high_water_mark(self.server.id()).map(mebibytes);
        report.note(format!(
            "With up to {} slow connections open: {} GETs of a good client, half of them within {:.1} ms, 99 of 100 \
             within {:.1} ms; the server's peak memory of everything so far is {:.0} MiB",
            seen.connections,
            seen.requests,
            milliseconds(seen.median),
            milliseconds(seen.p99),
            peak.unwrap_or_default()
        ));
        report.at_most(
            &format!("{name}, 99 of 100 GETs of a good client within"),
            250.0,
            "ms",
            Some(milliseconds(seen.p99)),
        );
        report.at_most(&format!("{name}, the server's peak memory"), 256.0, "MiB", peak);
        Ok(())
    }
}

/// Lets the server's own code fill a database and ask it, at a hundredth of the rows and at all of them.
fn database(bench: &Bench, report: &mut Report, extent: Extent) -> Result<()> {
    let name = format!(
        "{} releases and {} rows of chunks",
        extent.releases, extent.chunk_rows
    );
    ui::step(format!("A database of {name}"));
    let mut command = workspace::command(&bench.programs.database);
    command.arg(bench.path("database.sqlite"));
    command.args([extent.releases.to_string(), extent.chunk_rows.to_string()]);
    let text = process::read(&mut command)?;
    let mut rows = Vec::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["query", what, few, all] => {
                let (few, all): (f64, f64) = (few.parse()?, all.parse()?);
                report.at_most(
                    &format!("{what}, all rows over a hundredth"),
                    2.0,
                    "times",
                    Some(all / few),
                );
                rows.push(vec![
                    what.to_owned(),
                    format!("{few:.0} µs"),
                    format!("{all:.0} µs"),
                ]);
            }
            ["note", text] => report.note(text),
            _ => bail!("the database's figures have another form: {line}"),
        }
    }
    let head = ["Query, in the middle", "a hundredth of the rows", name.as_str()];
    report.table(Table {
        head: head.map(str::to_owned).to_vec(),
        rows,
    });
    Ok(())
}

fn cell(load: &Load) -> String {
    let megabytes = load.bytes_per_second / 1e6;
    let rate = load.requests_per_second;
    format!("{rate:.0}, {megabytes:.0}, {:.1} ms", load.p99_milliseconds)
}

/// Reads the bytes of a chunk's id out of its path.
fn id(chunk: &str) -> Option<[u8; 32]> {
    let text = chunk.split('/').nth(1)?.strip_suffix(".cacnk")?;
    let mut bytes = [0; 32];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

const TITLE: &str = "bench";
const THREADS: u32 = 2;
/// Ids in one request for many chunks.
const MOST_IDS: usize = 256;

/// What wrk runs: every thread asks for the listed chunks, each beginning at another one.
const SCRIPT: &str = r#"
local paths = {}
local base = ""
function init(args)
	for line in io.lines("LIST") do paths[#paths + 1] = line end
	math.randomseed(tonumber(tostring({}):sub(8)) or os.time())
	base = wrk.path
	if base:sub(-1) ~= "/" then base = base .. "/" end
end
function request()
	return wrk.format("GET", base .. paths[math.random(#paths)])
end
function done(summary, latency, requests)
	local errors = summary.errors
	local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
	print(string.format("result %d %d %d %d %d", summary.requests, summary.bytes, summary.duration,
		latency:percentile(99), failed))
end
"#;

/// nginx as it is set up for static files on a machine with two cores.
const NGINX: &str = "daemon off;
worker_processes 2;
pid FOLDER/pid;
events { worker_connections 4096; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	tcp_nodelay on;
	keepalive_requests 1000000;
	open_file_cache max=20000;
	client_body_temp_path FOLDER/body;
	proxy_temp_path FOLDER/proxy;
	fastcgi_temp_path FOLDER/fastcgi;
	uwsgi_temp_path FOLDER/uwsgi;
	scgi_temp_path FOLDER/scgi;
	server {
		listen ADDRESS;
		root DATA;
		default_type application/octet-stream;
		add_header Cache-Control \"public, max-age=31536000, immutable\";
	}
}
";
