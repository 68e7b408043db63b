// SPDX-License-Identifier: MIT
//! `cargo xtask play`: the whole way in one command, again, and its end by Ctrl-C.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use vsekai_tests::exported;
use xtask::{process, workspace};

#[test]
fn a_second_play_sends_and_fetches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = process::read(&mut play(folder.path())).unwrap();
    for line in [
        "published  0.1.0",
        "installed  0.1.0",
        "updated    0.1.0 -> 0.2.0",
        "Stand-in Game 0.2.0 started",
    ] {
        assert!(first.contains(line), "no {line:?} in:\n{first}");
    }
    let second = process::read(&mut play(folder.path())).unwrap();
    assert!(
        second.contains("0.2.0: was there already, nothing sent"),
        "{second}"
    );
    assert!(
        second.contains("0.2.0 is the newest, nothing to fetch"),
        "{second}"
    );
    assert!(second.contains("Stand-in Game 0.2.0 started"), "{second}");
}

#[test]
fn play_goes_the_whole_way_with_the_exported_launcher_and_game() {
    if exported::launcher().is_none() || exported::game().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = xtask_command(folder.path());
    let report = process::read(command.args(["--headless", "--fresh"])).unwrap();
    println!("{report}");
    assert!(report.contains("updated    0.1.0 -> 0.2.0"), "{report}");
    assert!(report.contains("V-Sekai Sample 0.2.0 started"), "{report}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_server_that_play_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = play(folder.path());
    let mut running = process::spawn(
        command
            .arg("--serve")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    )
    .unwrap();
    // The pipe stays open: who closes it makes the next line of the report an error.
    let mut report = BufReader::new(running.take_stdout().unwrap())
        .lines()
        .map_while(Result::ok);
    let server = report.find_map(|line| line.split_once("http://").map(|at| at.1.to_owned()));
    let server = server.unwrap();
    assert!(
        std::net::TcpStream::connect(server.trim()).is_ok(),
        "the server does not listen on {server}"
    );

    let pid = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = running.wait_at_most(Duration::from_secs(20)).unwrap();
    assert_eq!(status.code(), Some(130));
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(server.trim()).is_ok() {
        assert!(Instant::now() < deadline, "the server still listens on {server}");
    }
}

#[test]
fn play_refuses_a_folder_that_holds_something_else() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("letter.txt"), "dear").unwrap();
    let error = process::read(&mut play(folder.path())).unwrap_err().to_string();
    assert!(error.contains("holds something else"), "{error}");
    assert!(folder.path().join("letter.txt").is_file());
}

fn play(data: &Path) -> Command {
    let mut command = xtask_command(data);
    command.args(["--headless", "--without-godot"]);
    command
}

fn xtask_command(data: &Path) -> Command {
    let mut command = workspace::command(workspace::built_program("xtask"));
    command.arg("play").arg("--data").arg(data);
    command
}
