// SPDX-License-Identifier: MIT
//! The program that TUF's conformance suite drives: what it asks for, keeps and answers.

#[path = "support/forge.rs"]
mod forge;
#[path = "../../engine/tests/support/web.rs"]
#[allow(dead_code, reason = "not every fault is used here")]
mod web;

use std::path::PathBuf;
use std::process::Command;

use forge::{Forge, Key, in_days};
use fs_err as fs;
use web::Web;

struct Client {
    forge: Forge,
    web: Web,
    site: tempfile::TempDir,
    folder: tempfile::TempDir,
}

impl Client {
    /// A client that was given the first root.
    async fn new() -> Self {
        let (site, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let client = Self {
            forge: Forge::new(),
            web: Web::start(site.path()).await,
            site,
            folder,
        };
        client.serve();
        let root = client.folder.path().join("initial.json");
        fs::write(&root, client.forge.root()).unwrap();
        assert!(client.run(&["init", root.to_str().unwrap()]).await);
        client
    }

    fn serve(&self) {
        self.forge.write(self.site.path());
    }

    async fn refresh(&self) -> bool {
        self.serve();
        self.run(&["--metadata-url", &self.web.address, "refresh"]).await
    }

    async fn download(&self, name: &str) -> bool {
        self.serve();
        let targets = format!("{}/targets", self.web.address);
        let folder = self.folder.path().join("targets");
        let options = [
            "--metadata-url",
            &self.web.address,
            "--target-name",
            name,
            "--target-base-url",
            &targets,
        ];
        self.run(
            &[
                &options[..],
                &["--target-dir", folder.to_str().unwrap(), "download"],
            ]
            .concat(),
        )
        .await
    }

    async fn run(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vsekai-tuf-client"));
        command.arg("--metadata-dir").arg(self.metadata()).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        assert!(output.stdout.is_empty());
        assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
        output.status.success()
    }

    fn metadata(&self) -> PathBuf {
        self.folder.path().join("metadata")
    }

    fn version(&self, role: &str) -> u64 {
        let text = fs::read(self.metadata().join(format!("{role}.json"))).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        json["signed"]["version"].as_u64().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_asks_for_what_the_workflow_says_in_its_order() {
    let client = Client::new().await;
    assert!(client.refresh().await);
    assert_eq!(
        client.web.served(),
        ["/timestamp.json", "/1.snapshot.json", "/1.targets.json"]
    );
    for role in ["root", "timestamp", "snapshot", "targets"] {
        assert_eq!(client.version(role), 1);
    }
    client.web.reset();
    assert!(client.refresh().await);
    assert_eq!(client.web.served(), ["/timestamp.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_download_still_brings_the_metadata_up_to_date() {
    let client = Client::new().await;
    assert!(!client.download("no such target").await);
    assert_eq!(client.version("targets"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_downloaded_once() {
    let mut client = Client::new().await;
    client.forge.put_target("stable", "stable@a+b.json", b"target");
    client.forge.publish();
    assert!(client.download("stable@a+b.json").await);
    let kept: Vec<_> = fs::read_dir(client.folder.path().join("targets"))
        .unwrap()
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read(kept[0].as_ref().unwrap().path()).unwrap(), b"target");
    client.web.reset();
    assert!(client.download("stable@a+b.json").await);
    assert_eq!(client.web.served(), ["/timestamp.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_is_kept_although_what_follows_is_expired() {
    let mut client = Client::new().await;
    assert!(client.refresh().await);
    client.forge.rotate_root(|forge| {
        forge.keys.insert("timestamp".to_owned(), vec![Key::new()]);
    });
    client.forge.role("timestamp")["expires"] = in_days(-1).into();
    client.forge.publish();
    assert!(!client.refresh().await);
    assert_eq!((client.version("root"), client.version("timestamp")), (2, 1));
    client.forge.role("timestamp")["expires"] = in_days(1).into();
    client.forge.publish();
    assert!(client.refresh().await);
    assert_eq!(client.version("timestamp"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_initial_root_is_refused_before_anything_is_asked() {
    let client = Client::new().await;
    let text = String::from_utf8(client.forge.root()).unwrap();
    let forged = text.replacen("\"sig\":\"", "\"sig\":\"00", 1);
    fs::write(client.metadata().join("root.json"), forged).unwrap();
    assert!(!client.refresh().await);
    assert!(client.web.served().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_are_not_known_are_covered_by_signatures() {
    let mut client = Client::new().await;
    client
        .forge
        .rotate_root(|forge| forge.role("root")["custom"] = serde_json::json!({ "a": [1, null] }));
    client.forge.role("timestamp")["custom"] = "x".into();
    client.forge.publish();
    assert!(client.refresh().await);
    assert_eq!(client.version("root"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timestamp_changed_under_the_same_version_does_not_replace_the_one_before() {
    let mut client = Client::new().await;
    assert!(client.refresh().await);
    let before = fs::read(client.metadata().join("timestamp.json")).unwrap();
    client.forge.role("timestamp")["custom"] = "x".into();
    client.forge.sign_timestamp();
    assert!(client.refresh().await);
    assert_eq!(
        fs::read(client.metadata().join("timestamp.json")).unwrap(),
        before
    );
}
