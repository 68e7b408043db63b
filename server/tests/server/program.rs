// SPDX-License-Identifier: MIT
//! The program itself: arguments, files, signals, exit codes.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use fs_err as fs;
use reqwest::StatusCode;
use tempfile::TempDir;

use crate::build::{Build, TITLE};
use crate::client::{Client, problem};

/// The program as a child process that serves; killed when dropped.
pub struct Program {
    child: Child,
    pub url: String,
}

impl Program {
    /// Starts the program on `data` and waits until clients can connect.
    pub fn serve(data: &Path) -> Self {
        Self::serve_with(data, &[])
    }

    /// As [`Program::serve`], with more arguments.
    pub fn serve_with(data: &Path, arguments: &[&str]) -> Self {
        let mut child = command(data)
            .args(["--listen", "127.0.0.1:0", "--dev", "--dev-title", TITLE])
            .args(arguments)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_else(|| panic!("it said {line:?}"));
        Self {
            url: url.to_owned(),
            child,
        }
    }

    /// Starts the program under strace, which kills it at the `nth` call of a kind that one of its threads
    /// makes. Returns `None` if that was before clients could connect.
    pub fn serve_and_kill(
        strace: &Path,
        data: &Path,
        arguments: &[&str],
        calls: &str,
        nth: u32,
    ) -> Option<Self> {
        let arguments = [
            &["--listen", "127.0.0.1:0", "--dev", "--dev-title", TITLE],
            arguments,
        ]
        .concat();
        let mut command = killed_at(strace, data, &arguments, calls, nth);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .unwrap_or_default()
            .to_owned();
        let program = Self { child, url };
        if program.url.is_empty() {
            program.kill_traced();
            return None;
        }
        Some(program)
    }

    /// Kills the program that strace runs, if it lives, and waits for both: a tracer that is killed itself
    /// would let its program go on.
    pub fn kill_traced(mut self) {
        let tracer = self.child.id();
        let children = fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children"));
        for id in children.unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill")
                .args(["-9", id])
                .stderr(Stdio::null())
                .status();
        }
        self.child.wait().unwrap();
    }

    /// Returns a client with the token for development.
    pub fn client(&self, data: &Path) -> Client {
        let token = fs::read_to_string(data.join("dev-token")).unwrap();
        Client::new(self.url.clone(), token.trim().to_owned()).with_keys_in(data)
    }

    /// Sends the program a signal, by its name.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Kills the program as a power cut of the process would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the program to stop and returns its exit code.
    #[cfg(unix)]
    pub fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program under strace, which kills it at the `nth` call of a kind.
pub fn killed_at(strace: &Path, data: &Path, arguments: &[&str], calls: &str, nth: u32) -> Command {
    let program = command(data);
    let mut command = Command::new(strace);
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    command.args(["-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={calls}:signal=SIGKILL:when={nth}")]);
    command.arg(program.get_program()).args(program.get_args());
    command
        .args(arguments)
        // Calls are counted for each thread.
        .env("TOKIO_WORKER_THREADS", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .stdin(Stdio::null());
    command
}

pub fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vsekai-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VSEKAI_SERVER_")) {
        command.env_remove(name);
    }
    command
        .arg("--data")
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .stdin(Stdio::null());
    command
}

pub fn run(data: &Path, arguments: &[&str]) -> Output {
    command(data)
        .args(arguments)
        .stderr(Stdio::piped())
        .output()
        .unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_data_folder_is_all_it_needs() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("a/new/folder");
    let program = Program::serve(&data);
    let client = program.client(&data);
    client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(data.join("dev-token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(program.terminate(), Some(0));
    }
    assert!(fs::metadata(data.join("unclean")).is_err());
}

#[tokio::test]
async fn the_token_for_development_is_kept() {
    let folder = TempDir::new().unwrap();
    let first = Program::serve(folder.path());
    let token = first.client(folder.path()).token;
    first.kill();
    let second = Program::serve(folder.path());
    assert_eq!(second.client(folder.path()).token, token);
}

#[test]
fn a_second_server_on_the_same_folder_says_so() {
    let folder = TempDir::new().unwrap();
    let _first = Program::serve(folder.path());
    let second = run(folder.path(), &["--listen", "127.0.0.1:0"]);
    assert_eq!(second.status.code(), Some(4));
    assert!(text(&second.stderr).contains("another server is using the data folder"));
}

#[tokio::test]
async fn the_ready_file_has_the_address() {
    let folder = TempDir::new().unwrap();
    let ready = folder.path().join("ready");
    let mut command = command(folder.path());
    command
        .env("VSEKAI_SERVER_LISTEN", "127.0.0.1:0")
        .arg("--ready-file")
        .arg(&ready);
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let mut url = String::new();
    while url.is_empty() {
        url = fs::read_to_string(&ready).unwrap_or_default();
    }
    assert_eq!(line, format!("listening on {url}"));
    let health = Client::new(url.trim().to_owned(), String::new())
        .get("api/v1/health")
        .await;
    assert_eq!(health.status(), StatusCode::OK);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn tokens_are_made_listed_and_ended_beside_a_running_server() {
    let folder = TempDir::new().unwrap();
    let program = Program::serve(folder.path());
    let arguments = [
        "token",
        "create",
        "--title",
        "test-title",
        "--channel",
        "nightly",
        "ci of nightly",
    ];
    let made = run(folder.path(), &arguments);
    assert!(made.status.success());
    let token = text(&made.stdout).trim().to_owned();
    let client = Client::new(program.url.clone(), token.clone()).with_keys_in(folder.path());
    client.publish(&Build::new("1.0.0", 1, 1), "nightly").await;
    let refused = client.post_release(&Build::new("1.0.0", 1, 1), "stable").await;
    problem(refused, StatusCode::FORBIDDEN, "forbidden").await;

    let id = token.split('_').nth(1).unwrap();
    let list = text(&run(folder.path(), &["token", "list"]).stdout);
    assert!(
        list.contains(&format!(
            "{id}\ttest-title\tnightly\tpublish\tgood\tci of nightly"
        )),
        "{list}"
    );
    assert!(!list.contains(&token));
    assert!(run(folder.path(), &["token", "revoke", id]).status.success());
    assert_eq!(
        run(folder.path(), &["token", "revoke", id]).status.code(),
        Some(1)
    );
    let refused = client.post_release(&Build::new("1.0.0", 1, 1), "nightly").await;
    problem(refused, StatusCode::UNAUTHORIZED, "unauthorized").await;
    program.kill();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_to_an_empty_folder_or_on_purpose_over_another() {
    let folder = TempDir::new().unwrap();
    let [data, copy, new] = ["data", "copy", "new"].map(|name| folder.path().join(name));
    let program = Program::serve(&data);
    program
        .client(&data)
        .publish(&Build::new("1.0.0", 1, 1), "stable")
        .await;
    assert!(
        run(&data, &["backup", "--to", copy.to_str().unwrap()])
            .status
            .success()
    );
    program
        .client(&data)
        .publish(&Build::new("1.1.0", 2, 2), "stable")
        .await;
    let restore = ["restore", "--from", copy.to_str().unwrap()];
    let busy = run(&data, &[&restore[..], &["--replace"]].concat());
    assert_eq!(busy.status.code(), Some(4), "{}", text(&busy.stderr));
    assert_eq!(program.terminate(), Some(0));

    assert!(run(&new, &restore).status.success());
    let refused = run(&data, &restore);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("--replace"),
        "{}",
        text(&refused.stderr)
    );
    let nothing = run(&new, &["restore", "--from", folder.path().to_str().unwrap()]);
    assert!(
        text(&nothing.stderr).contains("is no backup"),
        "{}",
        text(&nothing.stderr)
    );
    assert!(
        run(&data, &[&restore[..], &["--replace"]].concat())
            .status
            .success()
    );
    for restored in [&data, &new] {
        assert_eq!(run(restored, &["fsck", "--deep"]).status.code(), Some(0));
        let program = Program::serve(restored);
        let pointer = program.client(restored).pointer("stable").await.unwrap();
        assert_eq!(pointer.release.version.to_string(), "1.0.0");
        program.kill();
    }
}

#[test]
fn wrong_arguments_and_settings_exit_with_2() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("server.toml");
    fs::write(&file, "colour = \"red\"").unwrap();
    let cases: [&[&str]; 4] = [
        &["--colour"],
        &["--log", "=,="],
        &["--config", file.to_str().unwrap()],
        &["token", "create", "x", "--title", "Not A Title"],
    ];
    for arguments in cases {
        assert_eq!(
            run(folder.path(), arguments).status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_damaged_database_is_not_served() {
    let folder = TempDir::new().unwrap();
    Program::serve(folder.path()).kill();
    let path = folder.path().join("server.sqlite");
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(folder.path().join(format!("server.sqlite{suffix}")));
    }
    fs::write(&path, vec![0x5a; 40_000]).unwrap();
    let refused = run(folder.path(), &["--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("server.sqlite"),
        "{}",
        text(&refused.stderr)
    );
}

#[test]
fn the_help_explains_by_example() {
    let help = text(&run(Path::new("unused"), &["--help"]).stdout);
    for part in ["Examples:", "Exit codes:", "VSEKAI_SERVER_DATA", "token create"] {
        assert!(help.contains(part), "{part}");
    }
}
