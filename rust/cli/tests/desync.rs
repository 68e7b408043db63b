// SPDX-License-Identifier: MIT
//! `vsekai desync`, and the program under the name `desync`: names, flags, exit codes and interrupts.
#![cfg(unix)]

mod common;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{shell, vsekai_in};
use tempfile::TempDir;
use vsekai_cli::{Interrupts, Shell};
use vsekai_tests::noise;

/// A blob, its index, and no store.
struct Blob {
    dir: TempDir,
}

impl Blob {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("blob"), noise(7, 600_000)).unwrap();
        let blob = Self { dir };
        let made = blob.run("vsekai", &["desync", "make", "blob.caibx", "blob"]);
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        blob
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self, name: &str) -> Command {
        let program = self.path(name);
        if !program.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vsekai"), &program).unwrap();
        }
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.path("home"));
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.program(name).args(arguments).output().unwrap()
    }

    /// The names in the folder, in order, but for the file that `-k` asks to change in place.
    fn names(&self) -> Vec<String> {
        let names = fs_err::read_dir(self.dir.path()).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "in-place").collect();
        names.sort();
        names
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_program_called_desync_is_desync() {
    let blob = Blob::new();
    // Each of these would be something else to vsekai.
    let made = blob.run("desync", &["make", "--verbose", "-n", "2", "named.caibx", "blob"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let named = fs_err::read(blob.path("named.caibx")).unwrap();
    assert!(named == fs_err::read(blob.path("blob.caibx")).unwrap());
    let listed = blob.run("desync", &["list-chunks", "named.caibx"]);
    assert!(text(&listed.stdout).lines().all(|line| line.len() == 64));
    let help = blob.run("desync", &["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("Usage: desync [OPTIONS] <COMMAND>"));
}

#[test]
fn a_bad_command_line_fails_as_desyncs_does() {
    let blob = Blob::new();
    for arguments in [
        &["extract", "blob.caibx", "out"][..],
        &["no-such-command"],
        &["make", "--no-such-flag", "a", "b"],
        &["prune"],
    ] {
        let outcome = blob.run("desync", arguments);
        assert_eq!(outcome.status.code(), Some(1), "{arguments:?}");
        assert_eq!(text(&outcome.stdout), "", "{arguments:?}");
        assert_ne!(text(&outcome.stderr), "", "{arguments:?}");
    }
}

#[test]
fn exit_codes_are_desyncs_but_where_it_calls_unfinished_work_a_success() {
    let Some(desync) = vsekai_tests::tool(xtask::tools::Tool::Desync) else {
        return;
    };
    let blob = Blob::new();
    fs_err::create_dir(blob.path("store")).unwrap();
    fs_err::create_dir(blob.path("damaged")).unwrap();
    fs_err::write(blob.path("short"), b"short").unwrap();
    for store in ["store", "damaged"] {
        let chopped = blob.run("desync", &["chop", "-s", store, "blob.caibx", "blob"]);
        assert_eq!(chopped.status.code(), Some(0), "{chopped:?}");
    }
    let ids = text(&blob.run("desync", &["list-chunks", "blob.caibx"]).stdout);
    let first = ids.lines().next().unwrap();
    let chunk = format!("damaged/{}/{first}.cacnk", &first[..4]);
    fs_err::write(blob.path(&chunk), b"damaged").unwrap();
    for (line, input, theirs, ours) in [
        ("", "", 0, 0),
        ("--help", "", 0, 0),
        ("help make", "", 0, 0),
        ("make -h", "", 0, 0),
        ("no-such-command", "", 1, 1),
        ("make --no-such-flag i blob", "", 1, 1),
        ("make i", "", 1, 1),
        ("list-chunks blob.caibx more", "", 1, 1),
        ("make -m 1 i blob", "", 1, 1),
        ("extract blob.caibx out", "", 1, 1),
        ("extract -s missing blob.caibx out", "", 1, 1),
        ("info -f xml blob.caibx", "", 1, 1),
        ("--digest md5 info blob.caibx", "", 1, 1),
        ("--config missing.json info blob.caibx", "", 1, 1),
        ("cat -s store -o 700000 blob.caibx", "", 1, 1),
        ("cat -s store -l 700000 blob.caibx", "", 1, 1),
        ("verify-index blob.caibx short", "", 1, 1),
        ("verify -s damaged", "", 0, 1),
        ("extract -s damaged blob.caibx out", "", 1, 1),
        ("prune -s store blob.caibx", "n\n", 0, 1),
        ("prune -s store blob.caibx", "", 1, 1),
        ("prune -s store blob.caibx", "y\n", 0, 0),
        // The last of a flag that is given twice counts, and switches may have a value.
        ("info -f plain -f json blob.caibx", "", 0, 0),
        ("make -s missing -s store --print-stats=false i blob", "", 0, 0),
        ("extract -k=false -s store blob.caibx out", "", 0, 0),
        ("verify -s damaged -r=true", "", 0, 0),
    ] {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let code = |mut command: Command| {
            let input_file = blob.path("input");
            fs_err::write(&input_file, input).unwrap();
            let input_file = fs_err::File::open(input_file).unwrap().into_parts().0;
            let output = command.args(&arguments).stdin(input_file).output().unwrap();
            output.status.code()
        };
        let mut real = Command::new(&desync);
        real.env_clear()
            .env("HOME", blob.path("home"))
            .current_dir(blob.dir.path());
        assert_eq!(code(blob.program("desync")), Some(ours), "ours: {line}");
        assert_eq!(code(real), Some(theirs), "desync: {line}");
    }
}

#[test]
fn completions_and_manual_pages_are_made_from_the_command_line() {
    let blob = Blob::new();
    for (shell, expected) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef desync"),
        ("fish", "complete -c desync"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let made = blob.run("desync", &["completion", shell, "--no-descriptions"]);
        assert_eq!(made.status.code(), Some(0), "{made:?}");
        assert!(text(&made.stdout).contains(expected), "{shell}");
    }
    fs_err::create_dir(blob.path("man")).unwrap();
    let made = blob.run(
        "desync",
        &["manpage", "man", "--section", "1", "--manual", "Chunks"],
    );
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    for name in ["desync.1", "desync-make.1", "desync-index-server.1"] {
        let page = fs_err::read_to_string(blob.path("man").join(name)).unwrap();
        assert!(page.contains("Chunks"), "{name}: {page}");
    }
    assert_eq!(
        blob.run("desync", &["manpage", "no-such-folder"]).status.code(),
        Some(1)
    );
}

#[test]
fn what_is_not_supported_is_refused_with_what_to_use_instead() {
    let data = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["mount-index", "-s", "x", "i", "m"][..], "extract"),
        (&["pull", "-", "-", "index", "."], "only chunks are served"),
        (&["chunk-server", "-s", ".", "--encryption"], "https"),
        (
            &["chunk-server", "-s", ".", "-s", ".", "-w"],
            "--writable takes a single store",
        ),
        (
            &["chunk-server", "-s", ".", "-c", ".", "-w"],
            "--writable takes a single store",
        ),
        (
            &["index-server", "-s", "/no/such/folder"],
            "no folder with indexes",
        ),
        (&["index-server", "-s", "a|b"], "not a group"),
        (
            &["chunk-server", "-s", ".", "-l", "8080"],
            "no address to listen on",
        ),
        (
            &["list-chunks", "sftp://host/i.caibx"],
            "sftp stores are not supported",
        ),
    ] {
        let outcome = vsekai_in(data.path(), &[], &[&["desync"], arguments].concat());
        assert_eq!(outcome.code, 1, "{arguments:?}: {}", outcome.err);
        assert!(outcome.err.starts_with("Error: "), "{}", outcome.err);
        assert!(outcome.err.contains(expected), "{arguments:?}: {}", outcome.err);
    }
}

#[test]
fn options_of_vsekai_do_not_go_with_desync() {
    let data = tempfile::tempdir().unwrap();
    let outcome = vsekai_in(data.path(), &[], &["--quiet", "desync", "list-chunks", "-h"]);
    assert_eq!((outcome.code, outcome.out.as_str()), (2, ""));
    assert!(
        outcome.err.contains("write \"vsekai desync\" first"),
        "{}",
        outcome.err
    );
}

#[test]
fn verbose_tells_of_every_attempt_and_cause() {
    let blob = Blob::new();
    let nobody = [
        "-e",
        "2",
        "-b",
        "1ms",
        "-s",
        "http://127.0.0.1:1/",
        "blob.caibx",
        "out",
    ];
    let quiet = blob.run("desync", &[&["extract"], &nobody[..]].concat());
    let verbose = blob.run("desync", &[&["extract", "--verbose"], &nobody[..]].concat());
    assert_eq!((quiet.status.code(), verbose.status.code()), (Some(1), Some(1)));
    assert_eq!(text(&quiet.stderr).lines().count(), 1, "{quiet:?}");
    assert!(text(&verbose.stderr).contains("trying again"), "{verbose:?}");
    let missing = blob.run(
        "desync",
        &["extract", "--verbose", "-s", "no", "blob.caibx", "out"],
    );
    assert!(text(&missing.stderr).contains("\n  because: "), "{missing:?}");
}

#[cfg(feature = "s3")]
#[test]
fn stores_in_buckets_are_asked() {
    let blob = Blob::new();
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = format!("s3+http://{}/bucket/prefix", deaf.local_addr().unwrap());
    let mut child = blob
        .program("desync")
        .envs([("S3_ACCESS_KEY", "key"), ("S3_SECRET_KEY", "secret")])
        .args(["extract", "-s", &store, "blob.caibx", "out"])
        .spawn()
        .unwrap();
    let (mut connection, _) = deaf.accept().unwrap();
    let mut head = [0; 19];
    std::io::Read::read_exact(&mut connection, &mut head).unwrap();
    assert_eq!(text(&head), "GET /bucket/prefix/");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_reader_that_goes_away_does_not_make_unfinished_work_a_success() {
    let blob = Blob::new();
    assert!(
        blob.run("desync", &["chop", "-s", "store", "blob.caibx", "blob"])
            .status
            .code()
            == Some(1)
    );
    fs_err::create_dir(blob.path("store")).unwrap();
    let stored = blob.run("desync", &["chop", "-s", "store", "blob.caibx", "blob"]);
    assert_eq!(stored.status.code(), Some(0), "{stored:?}");
    let mut child = blob
        .program("desync")
        .args(["cat", "-s", "store", "blob.caibx"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn ctrl_c_gives_130_and_leaves_nothing_half_done() {
    let blob = Blob::new();
    fs_err::create_dir(blob.path("empty")).unwrap();
    fs_err::create_dir(blob.path("cache")).unwrap();
    fs_err::create_dir(blob.path("tree")).unwrap();
    fs_err::write(blob.path("tree/file"), noise(8, 200_000)).unwrap();
    // Accepts connections and never answers.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = format!("http://{}/", deaf.local_addr().unwrap());
    blob.program("desync");
    for arguments in [
        &["extract", "-s", &store, "blob.caibx", "out"][..],
        &["extract", "-k", "-s", &store, "blob.caibx", "in-place"],
        &["cat", "-s", &store, "blob.caibx", "out"],
        &["make", "-s", &store, "new.caibx", "blob"],
        &["tar", "-i", "-s", &store, "new.caidx", "tree"],
        &["untar", "-i", "-s", &store, "blob.caibx", "empty"],
        &["cache", "-s", &store, "-c", "cache", "blob.caibx"],
        &["chop", "-s", &store, "blob.caibx", "blob"],
        &["info", "-s", &store, "blob.caibx"],
    ] {
        let before = blob.names();
        let child = blob
            .program("desync")
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let connection = deaf.accept().unwrap();
        let sent = Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let outcome = child.wait_with_output().unwrap();
        assert_eq!(outcome.status.code(), Some(130), "{arguments:?}: {outcome:?}");
        assert_eq!(text(&outcome.stderr), "Error: interrupted\n", "{arguments:?}");
        assert_eq!(text(&outcome.stdout), "", "{arguments:?}");
        assert_eq!(blob.names(), before, "{arguments:?}");
        drop(connection);
        drain(&deaf);
    }
    assert_eq!(fs_err::read_dir(blob.path("empty")).unwrap().count(), 0);
    assert_eq!(fs_err::read_dir(blob.path("cache")).unwrap().count(), 0);
}

/// Takes what a client that is gone has left in the queue.
fn drain(listener: &TcpListener) {
    listener.set_nonblocking(true).unwrap();
    while listener.accept().is_ok() {}
    listener.set_nonblocking(false).unwrap();
}

#[test]
fn interrupts_come_from_the_shell_where_a_program_brings_its_own() {
    let blob = Blob::new();
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = format!("http://{}/", deaf.local_addr().unwrap());
    let (interrupt, interrupts) = tokio::sync::mpsc::unbounded_channel();
    let (index, out) = (blob.path("blob.caibx"), blob.path("out"));
    let running = std::thread::spawn(move || {
        let (plain, _, err) = shell(Path::new("/"), &[]);
        let shell = Shell {
            interrupts: Interrupts::Channel(interrupts),
            ..plain
        };
        let words = ["vsekai", "desync", "extract", "-s", &store];
        let words = words.into_iter().map(Into::into);
        let words = words.chain([index.into_os_string(), out.into_os_string()]);
        (vsekai_cli::main_with(words, shell), err.text())
    });
    let _connection = deaf.accept().unwrap();
    interrupt.send(()).unwrap();
    assert_eq!(running.join().unwrap(), (130, "Error: interrupted\n".to_owned()));
    assert!(!blob.path("out").exists());
}
