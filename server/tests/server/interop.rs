// SPDX-License-Identifier: MIT
//! Stock desync and casync against the running server.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fs_err as fs;
use reqwest::Method;
use tempfile::TempDir;
use vsekai_formats::codec;
use vsekai_tests::noise;
use xtask::tools::Tool;

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::TestServer;
use crate::private::set_private;

pub fn desync() -> Option<PathBuf> {
    vsekai_tests::tool(Tool::Desync)
}

fn casync() -> Option<PathBuf> {
    vsekai_tests::tool(Tool::Casync)
}

/// A server with a token in desync's own configuration, and a folder to work in.
struct Bench {
    server: TestServer,
    folder: TempDir,
    tool: PathBuf,
    config: PathBuf,
}

impl Bench {
    async fn new(tool: PathBuf) -> Self {
        let server = TestServer::start().await;
        let folder = tempfile::tempdir().unwrap();
        let authorization = format!("Bearer {}", server.client.token);
        let url = server.running.url();
        let options = serde_json::json!({ "http-auth": authorization, "error-retry": 1 });
        let config = serde_json::json!({
            "store-options": { format!("{url}/store"): options, format!("{url}/index"): options }
        });
        let path = folder.path().join("desync.json");
        fs::write(&path, config.to_string()).unwrap();
        Self {
            config: path,
            server,
            folder,
            tool,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the path of a new folder, as command lines take it.
    fn new_folder(&self, name: &str) -> String {
        fs::create_dir(self.path(name)).unwrap();
        self.text(name)
    }

    /// Returns the path of a new file, as command lines take it.
    fn new_file(&self, name: &str, content: &[u8]) -> String {
        fs::write(self.path(name), content).unwrap();
        self.text(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn store(&self) -> String {
        format!("{}/store", self.server.running.url())
    }

    fn index(&self, name: &str) -> String {
        format!("{}/index/{name}", self.server.running.url())
    }

    /// Publishes a build and returns the address of its index.
    async fn publish(&self, build: &Build) -> String {
        self.publish_to("stable", build).await
    }

    async fn publish_to(&self, channel: &str, build: &Build) -> String {
        self.server.client.publish(build, channel).await;
        let version = build.manifest.version.as_str();
        self.index(&format!("{TITLE}_{version}_{PLATFORM}.caidx"))
    }

    /// Unpacks an index into a new folder and returns it, and how that went.
    async fn untar(&self, index: &str) -> (PathBuf, Output) {
        let (target, store) = (self.new_folder("target"), self.store());
        let arguments = ["untar", "--no-same-owner", "-i", "-s", &store, index, &target];
        let output = self.try_desync(arguments).await;
        (target.into(), output)
    }

    /// Extracts an index from these stores, which must give `blob` again.
    async fn brings_back(&self, blob: &str, stores: &[&str], index: &str) {
        let out = self.text("out");
        let stores = stores.iter().flat_map(|store| ["-s", store]);
        let arguments = ["extract"].into_iter().chain(stores).chain([index, out.as_str()]);
        self.desync(arguments).await;
        assert!(fs::read(blob).unwrap() == fs::read(&out).unwrap());
        fs::remove_file(out).unwrap();
    }

    /// Runs desync; fails the test if desync does.
    async fn desync<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) {
        worked(&self.try_desync(arguments).await);
    }

    async fn try_desync<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Output {
        let mut command = Command::new(&self.tool);
        command.arg("--config").arg(&self.config).args(arguments);
        run(command).await
    }
}

#[track_caller]
fn worked(output: &Output) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn write_tree(build: &Build, root: &Path) {
    for (path, bytes) in &build.files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn assert_same_tree(build: &Build, root: &Path) {
    for (path, bytes) in &build.files {
        assert!(fs::read(root.join(path)).unwrap() == *bytes, "{path}");
    }
}

#[tokio::test]
async fn desync_unpacks_a_published_release() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let build = Build::new("1.0.0", 1, 1);
    let index = bench.publish(&build).await;
    let (target, output) = bench.untar(&index).await;
    worked(&output);
    assert_same_tree(&build, &target);
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_unpacks_a_release_of_a_private_channel_with_its_own_option_for_tokens() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    set_private(&bench.server.client, "beta", Method::PUT).await;
    let build = Build::new("1.0.0", 1, 1);
    let index = bench.publish_to("beta", &build).await;
    let with_token = fs::read(&bench.config).unwrap();
    fs::write(&bench.config, "{}").unwrap();
    let (target, refused) = bench.untar(&index).await;
    assert!(!refused.status.success());
    fs::remove_dir_all(target).unwrap();
    fs::write(&bench.config, with_token).unwrap();
    let (target, output) = bench.untar(&index).await;
    worked(&output);
    assert_same_tree(&build, &target);
    bench.server.stop().await;
}

#[tokio::test]
async fn casync_unpacks_a_published_release() {
    let Some(tool) = casync() else { return };
    let bench = Bench::new(tool).await;
    let build = Build::new("1.0.0", 1, 1);
    let index = bench.publish(&build).await;
    let target = bench.path("tree");
    let mut command = Command::new(&bench.tool);
    command.arg("extract").arg(format!("--store={}", bench.store()));
    command.arg(index).arg(&target);
    worked(&run(command).await);
    assert_same_tree(&build, &target);
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_makes_checks_caches_and_extracts_a_blob() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let blob = bench.new_file("blob", &[noise(1, 3_000_000), vec![0; 600_000]].concat());
    let (blob, store, index) = (blob.as_str(), bench.store(), bench.index("blob.caibx"));
    bench.desync(["make", "-s", &store, &index, blob]).await;
    // Again: every chunk and the index are there already.
    bench.desync(["make", "-s", &store, &index, blob]).await;
    bench.desync(["verify-index", &index, blob]).await;
    bench.desync(["chop", "-s", &store, &index, blob]).await;
    bench.desync(["info", "-s", &store, &index]).await;
    bench.brings_back(blob, &[&store], &index).await;
    let cache = bench.new_folder("cache");
    bench.desync(["cache", "-s", &store, "-c", &cache, &index]).await;
    bench.brings_back(blob, &[&cache], &index).await;
    assert!(bench.server.fsck().await.dangling.is_empty());
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_packs_a_tree_into_the_server_and_unpacks_it() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let build = Build::new("1.0.0", 1, 1);
    write_tree(&build, &bench.path("source"));
    let (source, store, index) = (bench.text("source"), bench.store(), bench.index("tree.caidx"));
    bench.desync(["tar", "-i", "-s", &store, &index, &source]).await;
    let (target, output) = bench.untar(&index).await;
    worked(&output);
    assert_same_tree(&build, &target);
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_without_a_token_can_read_but_not_write() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let blob = bench.new_file("blob", &noise(1, 100_000));
    fs::write(&bench.config, "{}").unwrap();
    let (store, index) = (bench.store(), bench.index("blob.caibx"));
    let output = bench.try_desync(["make", "-s", &store, &index, &blob]).await;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("401"));
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_goes_on_to_the_next_store_when_the_server_lacks_a_chunk() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let blob = bench.new_file("blob", &noise(1, 1_000_000));
    let (local, index) = (bench.new_folder("local"), bench.text("blob.caibx"));
    bench.desync(["make", "-s", &local, &index, &blob]).await;
    bench.brings_back(&blob, &[&bench.store(), &local], &index).await;
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_notices_a_flipped_byte() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let build = Build::new("1.0.0", 1, 1);
    let index = bench.publish(&build).await;
    let (id, _, _) = &build.chunks[1];
    let path = bench.server.folder.path().join(crate::client::chunk_path(*id));
    fs::write(&path, codec::compress(b"something else", 3).unwrap()).unwrap();
    assert!(!bench.untar(&index).await.1.status.success());
    bench.server.stop().await;
}
