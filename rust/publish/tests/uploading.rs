// SPDX-License-Identifier: MIT
//! Publishing to the real server.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{MZ, build, game, info, noise, scan_for, write};
use jiff::Timestamp;
use tempfile::TempDir;
use vsekai_formats::index::{Index, IndexLimits};
use vsekai_formats::release::{ChannelPointer, Contents, Percent, Platform, ReleaseManifest, Slug, address};
use vsekai_formats::{ChunkId, DigestAlgorithm};
use vsekai_publish::{
    Cancel, Change, ChannelChange, Observer, Phase, Preview, Progress, PublishError, PublishReport, Release,
    Server, Signing, Unobserved, change_channel, changed_resources, list_releases, upload,
};
use vsekai_server::{RunningServer, ServerConfig};
use vsekai_store::{Auth, HttpOptions, HttpOrigin, Secret};
use vsekai_trust::client::{Anchor, TrustClient, TrustedState};
use vsekai_trust::publisher::KeyFolder;

struct Bench {
    _dir: TempDir,
    _running: RunningServer,
    server: Server,
    signing: Signing,
    origin: HttpOrigin,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = ServerConfig {
            dev: true,
            dev_titles: vec!["sample".parse().unwrap()],
            ..ServerConfig::local(dir.path())
        };
        let running = vsekai_server::Server::start(config).await.unwrap();
        let token = fs_err::read_to_string(dir.path().join("dev-token")).unwrap();
        let server = Server {
            token: Some(Secret::new(token.trim())),
            ..Server::new(running.url())
        };
        let origin = HttpOrigin::new(&running.url(), HttpOptions::default()).unwrap();
        let keys = KeyFolder::new(dir.path().join("dev-keys/sample"));
        Self {
            signing: Signing::unencrypted(keys),
            _dir: dir,
            _running: running,
            server,
            origin,
        }
    }

    async fn upload(&self, release: &Arc<Release>) -> Result<PublishReport, PublishError> {
        self.upload_to(&self.server, release).await
    }

    async fn upload_to(
        &self,
        server: &Server,
        release: &Arc<Release>,
    ) -> Result<PublishReport, PublishError> {
        let (observer, cancel) = (Arc::new(Unobserved), Cancel::default());
        let release = Arc::clone(release);
        upload(
            release,
            server,
            &channel(),
            &self.signing,
            None,
            observer,
            &cancel,
        )
        .await
    }

    /// What the channel offers, as a player comes to believe it; `None` if nothing.
    async fn offered(&self) -> Option<(ChannelPointer, ReleaseManifest)> {
        let root = fs_err::read(self.signing.keys.root_file()).unwrap();
        let state = tempfile::tempdir().unwrap();
        let client = TrustClient::new(
            self.origin.clone(),
            "sample".parse().unwrap(),
            TrustedState::new(state.path()),
            Anchor::Pinned(root.into()),
            false,
        );
        let mut title = client.refresh(Timestamp::now()).await.unwrap();
        let platform = vsekai_formats::release::Platform::LinuxX86_64;
        let pointer = title.pointer(&channel(), platform).await.ok()?;
        let manifest = title.manifest(&channel(), platform, &pointer.release).await;
        Some((pointer, manifest.unwrap().0))
    }

    async fn get(&self, path: &str) -> Vec<u8> {
        self.origin.get_bounded(path, 64 << 20).await.unwrap().to_vec()
    }
}

fn channel() -> Slug {
    "stable".parse().unwrap()
}

fn release(dir: &TempDir, version: &str) -> Arc<Release> {
    Arc::new(build(dir.path(), version))
}

#[tokio::test(flavor = "multi_thread")]
async fn players_reach_every_byte_from_the_channel_by_digests() {
    let bench = Bench::new().await;
    let dir = game();
    let release = release(&dir, "1");
    let report = bench.upload(&release).await.unwrap();
    assert_eq!(
        (report.created, report.sequence, report.new_chunks),
        (true, 1, report.chunks)
    );
    let (title, platform) = (&release.info().title, release.platform());
    let (pointer, manifest) = bench.offered().await.unwrap();
    let index = bench
        .get(&format!("{}/{}", address::INDEX, release.index_name()))
        .await;
    assert!(manifest.index.matches(&index));
    let index = Index::from_bytes(&index, &IndexLimits::default()).unwrap();
    assert_eq!(index, *release.index());
    let contents = bench
        .get(&address::contents(title, platform, &pointer.release.version))
        .await;
    assert!(manifest.contents.matches(&contents));
    let contents = vsekai_formats::codec::decompress(&contents, 1 << 20).unwrap();
    let contents: Contents = serde_json::from_slice(&contents).unwrap();
    assert_eq!(contents.entries, *release.entries());
    let mut served = 0;
    for (chunk, size) in index.unique_chunks().zip(&contents.stored_sizes) {
        let stored = bench
            .get(&format!("{}/{}", address::STORE, chunk.id.store_path(".cacnk")))
            .await;
        assert_eq!(stored.len(), *size as usize);
        served += u64::from(*size);
    }
    assert_eq!(manifest.size.download_bytes, served);
    assert_eq!(manifest.size.chunks, contents.stored_sizes.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_sizes_are_the_servers_where_it_compressed_otherwise() {
    let bench = Bench::new().await;
    let dir = game();
    write(
        dir.path(),
        "data/text.txt",
        &b"the same line again and again\n".repeat(20_000),
    );
    let first = bench.upload(&release(&dir, "1")).await.unwrap();
    let server = Server {
        level: 19,
        ..bench.server.clone()
    };
    let second = release(&dir, "2");
    let second = bench.upload_to(&server, &second).await.unwrap();
    assert_eq!(
        (second.new_chunks, second.download_bytes),
        (0, first.download_bytes)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_chunks_the_server_lacks_are_sent() {
    let bench = Bench::new().await;
    let dir = game();
    bench.upload(&release(&dir, "1")).await.unwrap();
    write(dir.path(), "data/added.bin", &noise(5, 50_000));
    let second = bench.upload(&release(&dir, "2")).await.unwrap();
    assert_eq!((second.created, second.sequence), (true, 2));
    assert!((50_000..120_000).contains(&second.new_plain_bytes), "{second:?}");
    assert!(second.reused_bytes > 3_000_000, "{second:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_publishers_at_once_both_get_through() {
    let bench = Bench::new().await;
    let (one, other) = (game(), game());
    write(other.path(), "data/added.bin", &noise(5, 50_000));
    let (one, other) = (release(&one, "1"), release(&other, "2"));
    let (one, other) = tokio::join!(bench.upload(&one), bench.upload(&other));
    let mut sequences = [one.unwrap().sequence, other.unwrap().sequence];
    sequences.sort_unstable();
    assert_eq!(sequences, [1, 2]);
}

/// Cancels once some bytes have been sent.
struct CancelSoon {
    cancel: Cancel,
    sent: AtomicU64,
}

impl Observer for CancelSoon {
    fn on_progress(&self, progress: Progress) {
        if progress.phase == Phase::Uploading {
            self.sent.store(progress.done_bytes, Ordering::Relaxed);
            if progress.done_bytes > 500_000 {
                self.cancel.cancel();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_upload_shows_nothing_and_continues_where_it_stopped() {
    let bench = Bench::new().await;
    let dir = game();
    let release = release(&dir, "1");
    let observer = Arc::new(CancelSoon {
        cancel: Cancel::default(),
        sent: AtomicU64::new(0),
    });
    let server = Server {
        connections: 2,
        ..bench.server.clone()
    };
    let stopped = upload(
        Arc::clone(&release),
        &server,
        &channel(),
        &bench.signing,
        None,
        observer.clone(),
        &observer.cancel,
    )
    .await;
    assert!(matches!(stopped, Err(PublishError::Cancelled)));
    assert!(bench.offered().await.is_none());
    let report = bench.upload(&release).await.unwrap();
    let sent = observer.sent.load(Ordering::Relaxed);
    assert!(
        report.new_plain_bytes <= release.index().total_size() - sent,
        "{report:?} after {sent}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_before_it_is_sent_stops_the_publication() {
    let bench = Bench::new().await;
    let dir = game();
    let release = release(&dir, "1");
    write(dir.path(), "new", &noise(9, 3_000_000));
    fs_err::rename(dir.path().join("new"), dir.path().join("game.pck")).unwrap();
    let error = bench.upload(&release).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"game.pck\" changed while it was being published"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_token_or_address_is_refused_in_words() {
    let bench = Bench::new().await;
    let dir = game();
    let release = release(&dir, "1");
    let publish = async |server: Server| bench.upload_to(&server, &release).await.unwrap_err();
    let error = publish(Server {
        token: None,
        ..bench.server.clone()
    })
    .await;
    assert!(matches!(error, PublishError::Unauthorized { .. }), "{error}");
    let error = publish(Server::new("not an address")).await;
    assert!(matches!(error, PublishError::BadServer { .. }), "{error}");
}

/// Packs resources as Godot 4.6 does; what stands for their MD5 is a part of another digest.
fn pack(resources: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"GDPC".to_vec();
    for value in [3u32, 4, 6, 3, 2] {
        bytes.extend(value.to_le_bytes());
    }
    let start = 112u64;
    let length: u64 = resources.iter().map(|(_, content)| content.len() as u64).sum();
    bytes.extend(start.to_le_bytes());
    bytes.extend((start + length).to_le_bytes());
    bytes.resize(112, 0);
    let mut directory = (resources.len() as u32).to_le_bytes().to_vec();
    let mut offset = 0u64;
    for (path, content) in resources {
        bytes.extend(*content);
        let digest = ChunkId::of(DigestAlgorithm::Sha512_256, content);
        directory.extend((path.len() as u32).to_le_bytes());
        directory.extend(path.as_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend((content.len() as u64).to_le_bytes());
        directory.extend(&digest.as_bytes()[..16]);
        directory.extend(0u32.to_le_bytes());
        offset += content.len() as u64;
    }
    bytes.extend(directory);
    bytes
}

async fn preview(bench: &Bench, release: &Arc<Release>) -> Preview {
    let (keys, observer) = (&bench.signing.keys, Arc::new(Unobserved));
    let release = Arc::clone(release);
    vsekai_publish::preview(
        release,
        &bench.server,
        &channel(),
        keys,
        2,
        observer,
        &Cancel::default(),
    )
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_says_what_is_sent_afterwards_and_changes_nothing() {
    let bench = Bench::new().await;
    let dir = game();
    let first = Arc::new(build(dir.path(), "1.0"));
    let before = preview(&bench, &first).await;
    assert!(before.earlier.is_empty());
    assert_eq!(bench.offered().await, None, "nothing is published");
    assert_eq!(bench.upload(&first).await.unwrap().new_bytes, before.new_bytes);

    for (version, seed) in [("2.0", 7), ("3.0", 8), ("4.0", 9)] {
        write(dir.path(), "data/deeper/other.bin", &noise(seed, 20_000));
        let next = Arc::new(build(dir.path(), version));
        let told = preview(&bench, &next).await;
        let report = bench.upload(&next).await.unwrap();
        assert_eq!(told.new_bytes, report.new_bytes);
        assert_eq!(told.comparison.new_chunks, report.new_chunks);
        assert_eq!(told.release.manifest.size.download_bytes, report.download_bytes);
    }
    let told = preview(&bench, &Arc::new(build(dir.path(), "5.0"))).await;
    assert_eq!(told.new_bytes, 0, "only the version differs");
    let earlier: Vec<&str> = told
        .earlier
        .iter()
        .map(|release| release.manifest.version.as_str())
        .collect();
    assert_eq!(
        earlier,
        ["4.0", "3.0"],
        "the newest first, and no more than asked for"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_that_differ_are_named_and_those_that_moved_are_not() {
    let bench = Bench::new().await;
    let dir = game();
    let (level, icon, theme) = (noise(20, 400_000), noise(21, 5_000), noise(22, 150_000));
    let old = pack(&[("level.scn", &level), ("icon.ctex", &icon), ("theme.res", &theme)]);
    write(dir.path(), "game.pck", &old);
    bench.upload(&Arc::new(build(dir.path(), "1.0"))).await.unwrap();

    let new_icon = noise(23, 5_000);
    let new = pack(&[
        ("theme.res", &theme),
        ("icon.ctex", &new_icon),
        ("new.gdc", b"pass"),
    ]);
    write(dir.path(), "game.pck", &new);
    write(dir.path(), "broken.pck", b"GDPC and no more");
    let release = Arc::new(build(dir.path(), "2.0"));
    let earlier = preview(&bench, &release).await.earlier.remove(0);
    let changes = changed_resources(release, earlier, &bench.server).await.unwrap();
    let told: Vec<(&str, Change, u64)> = changes
        .iter()
        .map(|change| (change.path.as_str(), change.change, change.bytes))
        .collect();
    let expected = [
        ("icon.ctex", Change::Changed, 5_000),
        ("level.scn", Change::Removed, 400_000),
        ("new.gdc", Change::Added, 4),
    ];
    assert_eq!(told, expected);
    assert!(changes.iter().all(|change| change.pack.as_str() == "game.pck"));
}

impl Bench {
    /// Returns how many signed documents the server has handed out.
    async fn documents_served(&self) -> u64 {
        let options = HttpOptions {
            auth: Auth::Bearer(self.server.token.clone().unwrap()),
            ..HttpOptions::default()
        };
        let origin = HttpOrigin::new(&self.server.address, options).unwrap();
        let text = origin.get_fresh("api/v1/metrics", 1 << 20).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        let name = "vsekai_server_answers_total{kind=\"metadata\",status=\"200\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse().unwrap()
    }

    /// Changes the channel for some platforms, and returns how many signed documents that took.
    async fn change(&self, platform: Option<Platform>, change: ChannelChange) -> u64 {
        let before = self.documents_served().await;
        let title = "sample".parse().unwrap();
        change_channel(&self.server, &self.signing, &title, &channel(), platform, &change)
            .await
            .unwrap();
        self.documents_served().await - before
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_change_is_about_is_fetched() {
    let bench = Bench::new().await;
    let dir = game();
    write(dir.path(), "game.exe", &MZ);
    for platform in [Platform::LinuxX86_64, Platform::WindowsX86_64] {
        let tree = scan_for(dir.path(), platform).unwrap();
        let release = vsekai_publish::build(tree, info("1.0"), &Unobserved, &Cancel::default());
        bench.upload(&Arc::new(release.unwrap())).await.unwrap();
    }
    let one = bench
        .change(Some(Platform::LinuxX86_64), ChannelChange::Pin)
        .await;
    let both = bench.change(None, ChannelChange::Unpin).await;
    assert_eq!(both, one + 1, "the pointer of the other platform");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_listed_with_what_becomes_of_it() {
    let bench = Bench::new().await;
    let dir = game();
    for (version, seed) in [("1.0", 31), ("2.0", 32)] {
        write(dir.path(), "data/small.txt", &noise(seed, 100));
        bench.upload(&Arc::new(build(dir.path(), version))).await.unwrap();
    }
    let title: Slug = "sample".parse().unwrap();
    let withdraw = ChannelChange::Withdraw {
        version: "2.0".parse().unwrap(),
    };
    change_channel(&bench.server, &bench.signing, &title, &channel(), None, &withdraw)
        .await
        .unwrap();
    let listed = list_releases(&bench.server, &bench.signing.keys, &title)
        .await
        .unwrap();
    let told: Vec<(&str, &str, Option<Percent>, bool)> = listed
        .iter()
        .map(|release| {
            let (channel, version) = (release.channel.as_str(), release.version.as_str());
            (channel, version, release.offered, release.withdrawn)
        })
        .collect();
    assert_eq!(
        told,
        [
            ("stable", "2.0", None, true),
            ("stable", "1.0", Some(Percent::ALL), false)
        ]
    );
}
