// SPDX-License-Identifier: MIT
//! Stock desync and casync against the running server.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fs_err as fs;
use tempfile::TempDir;
use vsekai_formats::codec;

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::TestServer;

/// Finds a tool by the environment variable `variable` or on the path. Without it a test is skipped, except
/// where `CI` is `true`.
fn tool(name: &str, variable: &str, hint: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = named
        .into_iter()
        .chain(on_path)
        .find(|path| fs::metadata(path).is_ok_and(|found| found.is_file()));
    if found.is_none() {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "{name} is missing: {hint}"
        );
        eprintln!("SKIPPED: {name} is missing: {hint}");
    }
    found
}

pub fn desync() -> Option<PathBuf> {
    tool(
        "desync",
        "VSEKAI_TEST_DESYNC",
        "install Debian's package desync or set VSEKAI_TEST_DESYNC",
    )
}

fn casync() -> Option<PathBuf> {
    tool(
        "casync",
        "VSEKAI_TEST_CASYNC",
        "install the package casync or set VSEKAI_TEST_CASYNC",
    )
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

    fn store(&self) -> String {
        format!("{}/store", self.server.running.url())
    }

    fn index(&self, name: &str) -> String {
        format!("{}/index/{name}", self.server.running.url())
    }

    /// Runs desync; fails the test if desync does.
    async fn desync<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) {
        let output = self.try_desync(arguments).await;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    async fn try_desync<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Output {
        let mut command = Command::new(&self.tool);
        command.arg("--config").arg(&self.config).args(arguments);
        run(command).await
    }
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let step = std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state as u8)
    });
    step.take(len).collect()
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
    bench.server.client.publish(&build, "stable").await;
    let target = bench.path("tree");
    fs::create_dir(&target).unwrap();
    let index = bench.index(&format!("{TITLE}_1.0.0_{PLATFORM}.caidx"));
    let arguments = [
        "untar",
        "--no-same-owner",
        "-i",
        "-s",
        &bench.store(),
        &index,
        target.to_str().unwrap(),
    ];
    bench.desync(arguments).await;
    assert_same_tree(&build, &target);
    bench.server.stop().await;
}

#[tokio::test]
async fn casync_unpacks_a_published_release() {
    let Some(tool) = casync() else { return };
    let bench = Bench::new(tool).await;
    let build = Build::new("1.0.0", 1, 1);
    bench.server.client.publish(&build, "stable").await;
    let target = bench.path("tree");
    let mut command = Command::new(&bench.tool);
    command.arg("extract").arg(format!("--store={}", bench.store()));
    command
        .arg(bench.index(&format!("{TITLE}_1.0.0_{PLATFORM}.caidx")))
        .arg(&target);
    let output = run(command).await;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_same_tree(&build, &target);
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_makes_checks_caches_and_extracts_a_blob() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let blob = bench.path("blob");
    fs::write(&blob, [noise(3_000_000), vec![0; 600_000]].concat()).unwrap();
    let (blob, store, index) = (blob.to_str().unwrap(), bench.store(), bench.index("blob.caibx"));
    bench.desync(["make", "-s", &store, &index, blob]).await;
    // Again: every chunk and the index are there already.
    bench.desync(["make", "-s", &store, &index, blob]).await;
    bench.desync(["verify-index", &index, blob]).await;
    bench.desync(["chop", "-s", &store, &index, blob]).await;
    bench.desync(["info", "-s", &store, &index]).await;

    let out = bench.path("out");
    bench
        .desync(["extract", "-s", &store, &index, out.to_str().unwrap()])
        .await;
    assert!(fs::read(blob).unwrap() == fs::read(&out).unwrap());

    let cache = bench.path("cache");
    fs::create_dir(&cache).unwrap();
    bench
        .desync(["cache", "-s", &store, "-c", cache.to_str().unwrap(), &index])
        .await;
    let cached = bench.path("cached");
    bench
        .desync([
            "extract",
            "-s",
            cache.to_str().unwrap(),
            &index,
            cached.to_str().unwrap(),
        ])
        .await;
    assert!(fs::read(blob).unwrap() == fs::read(&cached).unwrap());
    assert!(bench.server.fsck().await.dangling.is_empty());
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_packs_a_tree_into_the_server_and_unpacks_it() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let build = Build::new("1.0.0", 1, 1);
    let source = bench.path("source");
    write_tree(&build, &source);
    let (store, index) = (bench.store(), bench.index("tree.caidx"));
    bench
        .desync(["tar", "-i", "-s", &store, &index, source.to_str().unwrap()])
        .await;
    let target = bench.path("target");
    fs::create_dir(&target).unwrap();
    bench
        .desync([
            "untar",
            "--no-same-owner",
            "-i",
            "-s",
            &store,
            &index,
            target.to_str().unwrap(),
        ])
        .await;
    assert_same_tree(&build, &target);
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_without_a_token_can_read_but_not_write() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let blob = bench.path("blob");
    fs::write(&blob, noise(100_000)).unwrap();
    fs::write(&bench.config, "{}").unwrap();
    let index = bench.index("blob.caibx");
    let output = bench
        .try_desync(["make", "-s", &bench.store(), &index, blob.to_str().unwrap()])
        .await;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("401"));
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_goes_on_to_the_next_store_when_the_server_lacks_a_chunk() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let blob = bench.path("blob");
    fs::write(&blob, noise(1_000_000)).unwrap();
    let local = bench.path("local");
    fs::create_dir(&local).unwrap();
    let index = bench.path("blob.caibx");
    let (blob, index) = (blob.to_str().unwrap(), index.to_str().unwrap());
    bench
        .desync(["make", "-s", local.to_str().unwrap(), index, blob])
        .await;
    let out = bench.path("out");
    let stores = ["-s", &bench.store(), "-s", local.to_str().unwrap()];
    bench
        .desync(
            ["extract"]
                .into_iter()
                .chain(stores)
                .chain([index, out.to_str().unwrap()]),
        )
        .await;
    assert!(fs::read(blob).unwrap() == fs::read(&out).unwrap());
    bench.server.stop().await;
}

#[tokio::test]
async fn desync_notices_a_flipped_byte() {
    let Some(tool) = desync() else { return };
    let bench = Bench::new(tool).await;
    let build = Build::new("1.0.0", 1, 1);
    bench.server.client.publish(&build, "stable").await;
    let (id, _, _) = &build.chunks[1];
    let path = bench.server.folder.path().join(crate::client::chunk_path(*id));
    fs::write(&path, codec::compress(b"something else", 3).unwrap()).unwrap();
    let target = bench.path("tree");
    fs::create_dir(&target).unwrap();
    let index = bench.index(&format!("{TITLE}_1.0.0_{PLATFORM}.caidx"));
    let arguments = [
        "untar",
        "--no-same-owner",
        "-i",
        "-s",
        &bench.store(),
        &index,
        target.to_str().unwrap(),
    ];
    assert!(!bench.try_desync(arguments).await.status.success());
    bench.server.stop().await;
}
