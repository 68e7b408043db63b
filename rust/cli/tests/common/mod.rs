// SPDX-License-Identifier: MIT
//! A server, a folder and a command line, all in this process.
#![allow(dead_code)]

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vsekai_cli::{Interrupts, Shell};
use vsekai_server::{RunningServer, Server, ServerConfig};
use vsekai_store::http::{HttpCall, Method};
use vsekai_store::{Auth, HttpOptions, HttpOrigin};

/// What a command line printed and how it ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// Panics with everything printed unless the command line worked.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }

    /// The lines of JSON on stdout, nothing else being there.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// The last line of JSON.
    #[track_caller]
    pub fn result(&self) -> Value {
        let result = self.events().pop().expect("no result");
        assert_eq!(result["event"], "result");
        assert_eq!(result["exit_code"], self.code);
        result
    }

    /// The names of states in order, a state with a phase as `state.phase`.
    pub fn states(&self) -> Vec<String> {
        let states = self
            .events()
            .into_iter()
            .filter(|event| event["event"] == "state");
        states
            .map(|event| match event["phase"].as_str() {
                Some(phase) => format!("{}.{phase}", event["state"].as_str().unwrap()),
                None => event["state"].as_str().unwrap().to_owned(),
            })
            .collect()
    }
}

/// Where a command line prints in a test.
#[derive(Clone, Default)]
pub struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A shell without terminal and environment, whose data folder is `data`.
pub fn shell(data: &Path, variables: &[(&str, &str)]) -> (Shell, Page, Page) {
    let (out, err) = (Page::default(), Page::default());
    let variables: Vec<(String, String)> = variables
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    let lookup = move |name: &str| {
        variables
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| OsString::from(value))
    };
    let shell = Shell {
        variables: Box::new(lookup),
        data_folder: Some(data.to_owned()),
        config_folder: Some(data.join("config")),
        trusted_root: None,
        working_folder: None,
        input: Box::new(io::empty()),
        prompt: None,
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        out_is_terminal: false,
        err_is_terminal: false,
        columns: Some(100),
        interrupts: Interrupts::Never,
    };
    (shell, out, err)
}

/// Runs a command line in `data` without a server.
pub fn vsekai_in(data: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Outcome {
    let (shell, out, err) = shell(data, variables);
    run(shell, &out, &err, arguments)
}

fn run(shell: Shell, out: &Page, err: &Page, arguments: &[&str]) -> Outcome {
    let code = vsekai_cli::main_with(["vsekai"].iter().chain(arguments), shell);
    Outcome {
        code,
        out: out.text(),
        err: err.text(),
    }
}

/// A server with a token, and a player's folder.
pub struct Bench {
    pub dir: TempDir,
    runtime: Runtime,
    server: Option<RunningServer>,
    pub url: String,
    pub token: String,
}

impl Bench {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let config = ServerConfig {
            dev: true,
            dev_titles: vec!["vsekai".parse().unwrap()],
            ..ServerConfig::local(dir.path().join("server"))
        };
        let server = runtime.block_on(Server::start(config)).unwrap();
        let token = fs_err::read_to_string(dir.path().join("server/dev-token")).unwrap();
        Self {
            url: server.url(),
            server: Some(server),
            token: token.trim().to_owned(),
            runtime,
            dir,
        }
    }

    /// Ends the server; its address stays unused.
    pub fn stop_server(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.stop()).unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder of the title's keys.
    pub fn keys(&self) -> PathBuf {
        self.path("server/dev-keys/vsekai")
    }

    /// Asks the server's API with a token for everything; returns the answer's JSON, if it has any.
    pub fn ask(&self, method: Method, path: &str, body: &str) -> Value {
        let options = HttpOptions {
            auth: Auth::Bearer(self.token.as_str().into()),
            ..HttpOptions::default()
        };
        let origin = HttpOrigin::new(&self.url, options).unwrap();
        let call = HttpCall::new(method, format!("api/v1/{path}"));
        let call = call.with_body("application/json", body.to_owned());
        let answer = self.runtime.block_on(origin.call(&call)).unwrap();
        assert!(answer.status.is_success(), "{path}: {answer:?}");
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Runs a command line as this bench's player and publisher.
    pub fn vsekai(&self, arguments: &[&str]) -> Outcome {
        let (shell, out, err) = self.shell();
        run(shell, &out, &err, arguments)
    }

    /// The shell of this bench's player and publisher.
    pub fn shell(&self) -> (Shell, Page, Page) {
        let keys = self.keys();
        let variables = [
            ("VSEKAI_SERVER", self.url.as_str()),
            ("VSEKAI_TOKEN", self.token.as_str()),
            ("VSEKAI_KEYS", keys.to_str().unwrap()),
        ];
        shell(&self.path("player"), &variables)
    }

    /// Writes a build whose program is a script.
    pub fn build(&self, name: &str, files: &[(&str, &[u8])]) -> PathBuf {
        let root = self.path(name);
        for (path, bytes) in files {
            let path = root.join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, bytes).unwrap();
        }
        root
    }

    /// Publishes a folder for this machine.
    pub fn publish(&self, folder: &Path, version: &str, more: &[&str]) -> Outcome {
        let platform = vsekai_formats::release::Platform::host().unwrap().to_string();
        let folder = folder.to_str().unwrap();
        let start = ["publish", folder, "--version", version, "--platform", &platform];
        self.vsekai(&[&start, more].concat())
    }

    /// The folder of the installed version.
    pub fn installed(&self, version: &str) -> PathBuf {
        let versions = self.path("player/V-Sekai/vsekai/versions");
        let found = fs_err::read_dir(versions)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut found = found.filter(|path| path.file_name().unwrap().to_str().unwrap().contains(version));
        found.next().expect(version)
    }
}
