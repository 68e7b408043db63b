// SPDX-License-Identifier: MIT
//! Filling a store, watched and killed at its system calls: a chunk has its name only when it is on the disk,
//! and an index only when all its chunks are.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vsekai_tests::{strace, tree};
use xtask::workspace;

/// Calls at which a run is killed, in groups that are counted together, for each thread.
const CALLS: &[&str] = &[
    "mkdir,mkdirat",
    "openat",
    "write",
    "rename,renameat,renameat2",
    "fsync,fdatasync,syncfs",
];

/// A file, and a store and an index to make of it.
struct Bench {
    folder: tempfile::TempDir,
    strace: PathBuf,
}

impl Bench {
    fn new() -> Option<Self> {
        let strace = strace::find()?;
        vsekai_tests::build_programs();
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("blob"), tree::noise(1, 400_000)).unwrap();
        Some(Self { folder, strace })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts with a store that has nothing.
    fn empty(&self) {
        for name in ["store", "blob.caibx"] {
            let path = self.path(name);
            match path.is_dir() {
                true => fs_err::remove_dir_all(path).unwrap(),
                false => drop(fs_err::remove_file(path)),
            }
        }
        fs_err::create_dir(self.path("store")).unwrap();
    }

    /// Runs a command under strace with these options, and tells whether it succeeded.
    fn traced(&self, options: &[String], words: &[&str]) -> bool {
        let mut command = Command::new(&self.strace);
        command.args(["--follow-forks", "--quiet=all"]).args(options);
        command.arg(workspace::built_program("vsekai"));
        self.succeeds(command, words)
    }

    fn vsekai(&self, words: &[&str]) -> bool {
        self.succeeds(Command::new(workspace::built_program("vsekai")), words)
    }

    fn succeeds(&self, mut command: Command, words: &[&str]) -> bool {
        command.current_dir(self.folder.path()).arg("desync").args(words);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }
}

const MAKE: &[&str] = &["make", "-m", "1:4:16", "-s", "store", "blob.caibx", "blob"];

#[test]
fn a_chunk_is_named_after_it_was_synced_and_the_index_after_all_names_were() {
    let Some(bench) = Bench::new() else { return };
    bench.empty();
    let log = bench.path("log");
    let options = [
        "--trace=openat,rename,renameat,renameat2,syncfs".to_owned(),
        format!("--output={}", log.display()),
    ];
    assert!(bench.traced(&options, MAKE));
    let log = fs_err::read_to_string(log).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let at = |wanted: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let found = lines.iter().enumerate().filter(|(_, line)| wanted(line));
        found.map(|(at, _)| at).collect()
    };
    let syncs = at(&|line| line.contains("syncfs") && line.ends_with("= 0"));
    let names = at(&|line| line.contains("rename") && line.contains(".tmp-cacnk"));
    let index = at(&|line| line.contains("rename") && line.contains("blob.caibx\""));
    let synced_between = |from: usize, to: usize| syncs.iter().any(|sync| (from..to).contains(sync));
    assert!(names.len() > 50, "only {} chunks were named", names.len());
    for name in &names {
        let temporary = temporary(lines[*name]);
        let made = at(&|line| line.contains("O_CREAT") && line.contains(temporary));
        assert_eq!(made.len(), 1, "{temporary}");
        assert!(synced_between(made[0], *name), "{temporary} was named unsynced");
    }
    assert_eq!(index.len(), 1);
    let last = names.last().copied().unwrap_or_default();
    assert!(
        synced_between(last, index[0]),
        "the index came before the names were durable"
    );
}

/// Returns the name of the temporary file that a line is about.
fn temporary(line: &str) -> &str {
    let start = line.find(".tmp-cacnk").unwrap();
    let rest = &line[start..];
    &rest[..rest.find('"').unwrap()]
}

#[test]
fn a_store_that_was_filled_by_a_killed_run_has_no_wrong_chunk_and_no_index() {
    let Some(bench) = Bench::new() else { return };
    let mut points = 0;
    for calls in CALLS {
        for nth in (1..).step_by(7) {
            bench.empty();
            let options = [
                "--output=/dev/null".to_owned(),
                format!("--trace={calls}"),
                format!("--inject={calls}:signal=KILL:when={nth}"),
            ];
            if bench.traced(&options, MAKE) {
                break;
            }
            points += 1;
            let point = format!("killed at {calls} {nth}");
            assert!(
                bench.vsekai(&["verify", "-s", "store"]),
                "{point}: a damaged chunk"
            );
            if bench.path("blob.caibx").exists() {
                assert_extracts(&bench, &point);
            }
            assert!(bench.vsekai(MAKE), "{point}: the next run failed");
            assert_extracts(&bench, &point);
        }
    }
    println!("killed at {points} points");
    assert!(
        points >= CALLS.len(),
        "only {points} points: the calls were not found"
    );
}

fn assert_extracts(bench: &Bench, point: &str) {
    assert!(
        bench.vsekai(&["extract", "-s", "store", "blob.caibx", "again"]),
        "{point}: the index cannot be extracted"
    );
    assert!(
        same(&bench.path("blob"), &bench.path("again")),
        "{point}: other content"
    );
}

fn same(a: &Path, b: &Path) -> bool {
    fs_err::read(a).unwrap() == fs_err::read(b).unwrap()
}
