// SPDX-License-Identifier: MIT
//! What docs/operations.md tells people to do, done.

use std::path::Path;
use std::process::Command;

use vsekai_tests::nginx::sample_path;
use vsekai_tests::site::bare_server_command;
use vsekai_tests::tree;
use vsekai_tests::world::{TITLE, World};
use xtask::server::Server;
use xtask::{events, process, workspace};

fn server_program(data: &Path) -> Command {
    let mut command = bare_server_command();
    command.arg("--data").arg(data);
    command
}

#[test]
fn a_backup_taken_while_somebody_publishes_is_restored_checked_and_installed_from() {
    let (mut world, first) = World::with_first_version();
    let second = world.path("build-2");
    tree::make_build(&second, 2);
    let backup = world.path("backup");
    let mut publishing = process::spawn(&mut world.publish_command(&second, "2.0.0")).unwrap();
    // Again and again while it is published, and once more when it is.
    let mut ended = false;
    loop {
        process::read(
            server_program(world.server().data())
                .args(["backup", "--to"])
                .arg(&backup),
        )
        .unwrap();
        process::read(server_program(&backup).args(["fsck", "--deep"])).unwrap();
        if ended {
            break;
        }
        ended = publishing
            .try_wait()
            .unwrap()
            .inspect(|status| assert!(status.success()))
            .is_some();
    }
    world.kill_server();

    let restored = world.path("restored");
    process::read(server_program(&restored).args(["restore", "--from"]).arg(&backup)).unwrap();
    let server = Server::start(&workspace::built_program("vsekai-server"), &restored, TITLE).unwrap();
    process::read(server_program(&restored).args(["fsck", "--deep"])).unwrap();
    let run = events::run(&mut world.update_command(server.address())).unwrap();
    run.successful().unwrap();
    tree::assert_same(&second, &world.installed());
    drop(first);
}

#[test]
fn systemd_accepts_the_units() {
    // Systems without systemd have no use for them either.
    if process::which("systemd-analyze").is_none() {
        println!("SKIPPED: systemd-analyze not found; hint: sudo apt-get install systemd");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = workspace::command("systemd-analyze");
    command.arg("verify").arg("--man=no");
    for name in [
        "vsekai-server.service",
        "vsekai-backup.service",
        "vsekai-backup.timer",
        "vsekai-export.service",
        "vsekai-export.timer",
    ] {
        // The program is not installed here, which is not what is to be found out.
        let text = fs_err::read_to_string(sample_path(name)).unwrap();
        let text = text.replace("/usr/local/bin/vsekai-server", "/bin/true");
        let unit = folder.path().join(name);
        fs_err::write(&unit, text).unwrap();
        command.arg(unit);
    }
    let output = process::capture(&mut command, None).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let about_ours: Vec<&str> = said.lines().filter(|line| line.contains("vsekai")).collect();
    assert!(output.status.success() && about_ours.is_empty(), "{said}");
}
