// SPDX-License-Identifier: MIT
//! The reference implementation of TUF as an independent client of our server, and the drills of `docs/keys.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use vsekai_tests::skip;
use vsekai_tests::world::{TITLE, World, code_and_output, platform};
use xtask::tools::{Cache, Tool};
use xtask::{process, workspace};

/// python-tuf, with a pinned root and a state of its own.
struct PythonTuf {
    python: PathBuf,
    root: PathBuf,
    state: PathBuf,
}

impl PythonTuf {
    fn new(world: &World) -> Option<Self> {
        let cache = Cache::of_the_user().ok()?;
        let tool = Tool::PythonTuf;
        let python = tool.find(&cache).or_else(|| skip("python-tuf", &tool.hint()))?;
        // Players keep the root that came with their launcher, whatever happens to the publisher's files.
        let root = world.path("pinned-root.json");
        fs_err::copy(world.server().root(), &root).unwrap();
        Some(Self {
            python,
            root,
            state: world.path("tuf-state"),
        })
    }

    fn command(&self, world: &World, names: &[String]) -> Command {
        let mut command = workspace::command(&self.python);
        command.arg(workspace::root().join("tests/src/tuf_client.py"));
        command.arg(format!("{}/titles/{TITLE}/tuf", world.server().address()));
        command.arg(&self.root).arg(&self.state).args(names);
        command
    }

    /// Refreshes and downloads targets; returns their bytes.
    fn download(&self, world: &World, names: &[String]) -> Vec<Vec<u8>> {
        let output = process::read(&mut self.command(world, names)).unwrap();
        output
            .lines()
            .map(|path| fs_err::read(Path::new(path)).unwrap())
            .collect()
    }
}

fn pointer_name(channel: &str) -> String {
    format!("{channel}@{}.json", platform())
}

fn manifest_name(channel: &str, version: &str) -> String {
    format!("{channel}@{}@{version}.json", platform())
}

fn succeed(command: &mut Command) -> Value {
    let (code, output) = code_and_output(command);
    assert_eq!(code, 0, "{output}");
    let last = output.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_| panic!("{output}"))
}

#[test]
fn python_tuf_downloads_pointer_and_manifest_and_follows_new_roots() {
    let world = World::new();
    let Some(tuf) = PythonTuf::new(&world) else {
        return;
    };
    world.make_build(1);
    let names = [pointer_name("stable"), manifest_name("stable", "1.0.0")];
    let found = tuf.download(&world, &names);
    let pointer: Value = serde_json::from_slice(&found[0]).unwrap();
    assert_eq!(pointer["version"], "1.0.0");
    assert_eq!(pointer["manifest"]["length"], found[1].len());
    let manifest: Value = serde_json::from_slice(&found[1]).unwrap();
    assert_eq!(manifest["title"], TITLE);

    // Every kind of key is changed; the client that pinned the first root follows.
    for role in ["root", "targets", "online", "stable"] {
        succeed(&mut world.publisher_command(&["keys", "rotate", role, "--no-passphrase"]));
    }
    world.make_build(2);
    let found = tuf.download(&world, &[pointer_name("stable")]);
    let pointer: Value = serde_json::from_slice(&found[0]).unwrap();
    assert_eq!(pointer["version"], "2.0.0");

    succeed(&mut world.publisher_command(&["channel", "promote", "1.0.0", "--channel", "beta"]));
    let names = [pointer_name("beta"), manifest_name("beta", "1.0.0")];
    assert_eq!(tuf.download(&world, &names).len(), 2);
    let (code, output) = code_and_output(&mut tuf.command(&world, &[pointer_name("nightly")]));
    assert_ne!(code, 0);
    assert!(output.contains("nothing is signed"), "{output}");
}
