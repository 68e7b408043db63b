// SPDX-License-Identifier: MIT
//! A real S3 cluster of three Garage nodes on this machine, ended when it is dropped.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use xtask::process::Running;
use xtask::tools::Tool;
use xtask::{process, workspace};

use crate::tool;

/// A running cluster that keeps every object on each of its nodes.
#[derive(Debug)]
pub struct Garage {
    nodes: Vec<Running>,
    first: Node,
    // Removed after the nodes have ended.
    folder: TempDir,
}

/// Where a node lives.
#[derive(Clone, Debug)]
struct Node {
    program: PathBuf,
    config: PathBuf,
    rpc: u16,
    s3: u16,
    web: u16,
}

impl Garage {
    /// Starts the cluster with these buckets, which one key may read and write and everybody may read as a site.
    /// Returns nothing, after saying so, where Garage is not installed.
    ///
    /// # Panics
    /// If it does not come up.
    #[must_use]
    pub fn with_buckets(buckets: &[&str]) -> Option<Self> {
        let program = tool(Tool::Garage)?;
        let folder = tempfile::tempdir().unwrap();
        let nodes: Vec<Node> = (0..NODES)
            .map(|number| Node::make(&program, &folder.path().join(number.to_string())))
            .collect();
        let mut garage = Self {
            nodes: nodes.iter().map(Node::start).collect(),
            first: nodes[0].clone(),
            folder,
        };
        garage.lay_out(&nodes);
        let first = &garage.first;
        first.run(&["key", "import", "--yes", "-n", "tests", ACCESS, SECRET]);
        for bucket in buckets {
            first.run(&["bucket", "create", bucket]);
            let rights = ["--read", "--write", "--owner", "--key", ACCESS];
            first.run(&[&["bucket", "allow"], &rights[..], &[bucket]].concat());
            first.run(&["bucket", "website", "--allow", bucket]);
        }
        let keys = format!("[default]\naws_access_key_id={ACCESS}\naws_secret_access_key={SECRET}\n");
        fs_err::write(garage.credentials(), keys).unwrap();
        Some(garage)
    }

    /// Gives every node a part of the data, and waits until they have agreed on that.
    fn lay_out(&mut self, nodes: &[Node]) {
        for (node, running) in nodes.iter().zip(&mut self.nodes) {
            // Until then it may not have made its key.
            node.checked(running.wait_for_connections(&format!("127.0.0.1:{}", node.rpc)));
        }
        for (number, node) in nodes.iter().enumerate() {
            let address = node.run(&["node", "id", "-q"]);
            if number > 0 {
                self.first.wait_for(&["node", "connect", &address]);
            }
            let id = address.split('@').next().unwrap_or_default();
            self.first
                .wait_for(&["layout", "assign", "-z", "here", "-c", "1G", id]);
        }
        self.first.run(&["layout", "apply", "--version", "1"]);
        self.first.wait_for(&["health", "-q"]);
    }

    /// Returns the address of the first node's S3 server.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.first.s3)
    }

    /// Returns the address at which the first node serves the bucket `localhost` to everybody: it goes by the name of
    /// the host.
    #[must_use]
    pub fn web_address(&self) -> String {
        format!("http://localhost:{}", self.first.web)
    }

    /// Returns a file with the key, in the form of `~/.aws/credentials`.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.folder.path().join("credentials")
    }

    /// Kills the last node, as a power cut would.
    pub fn kill_one(&mut self) {
        if let Some(mut node) = self.nodes.pop() {
            node.kill();
        }
    }
}

impl Node {
    fn make(program: &Path, folder: &Path) -> Self {
        fs_err::create_dir(folder).unwrap();
        let [rpc, s3, web] = free_ports();
        let node = Self {
            program: program.to_owned(),
            config: folder.join("garage.toml"),
            rpc,
            s3,
            web,
        };
        fs_err::write(&node.config, node.configuration(folder)).unwrap();
        node
    }

    fn configuration(&self, folder: &Path) -> String {
        let (folder, rpc, s3, web) = (folder.display(), self.rpc, self.s3, self.web);
        format!(
            "metadata_dir = \"{folder}/meta\"\ndata_dir = \"{folder}/data\"\ndb_engine = \"sqlite\"\n\
             replication_factor = 3\nconsistency_mode = \"consistent\"\n\
             rpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_public_addr = \"127.0.0.1:{rpc}\"\nrpc_secret = \"{SECRET}\"\n\
             [s3_api]\ns3_region = \"{REGION}\"\napi_bind_addr = \"127.0.0.1:{s3}\"\n\
             [s3_web]\nbind_addr = \"127.0.0.1:{web}\"\nroot_domain = \".web.invalid\"\n"
        )
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = workspace::command(&self.program);
        command.arg("-c").arg(&self.config).args(arguments);
        command
    }

    fn start(&self) -> Running {
        let log = fs_err::File::create(self.log()).unwrap().into_parts().0;
        let mut command = self.command(&["server"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        process::spawn(&mut command).unwrap()
    }

    fn log(&self) -> PathBuf {
        self.config.with_extension("log")
    }

    /// Runs a command and returns what it prints.
    fn run(&self, arguments: &[&str]) -> String {
        let text = self.checked(process::read(&mut self.command(arguments)));
        text.trim().to_owned()
    }

    /// Runs a command until it succeeds: what it needs, the nodes are still telling each other.
    fn wait_for(&self, arguments: &[&str]) {
        let deadline = Instant::now() + LIMIT;
        let mut run = process::read(&mut self.command(arguments));
        while run.is_err() && Instant::now() < deadline {
            run = process::read(&mut self.command(arguments));
        }
        self.checked(run);
    }

    /// Returns what worked; what did not is told with the node's log.
    fn checked<T>(&self, outcome: anyhow::Result<T>) -> T {
        outcome.unwrap_or_else(|error| {
            let log = fs_err::read_to_string(self.log()).unwrap_or_default();
            panic!("{error:#}; the node's log:\n{}", process::last_lines(&log));
        })
    }
}

/// Ports that were free a moment ago have to do: a node must tell the others its port before it has one.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners
        .each_ref()
        .map(|listener| listener.local_addr().unwrap().port())
}

/// What the nodes call the region.
pub const REGION: &str = "garage";
const NODES: usize = 3;
const ACCESS: &str = "GK0123456789abcdef01234567";
const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const LIMIT: Duration = Duration::from_secs(60);
