// SPDX-License-Identifier: MIT
//! Everything that can go wrong on the way, for each kind of object: the update ends well, or says what is
//! wrong and changes nothing.

#[path = "support/bad_net.rs"]
mod bad_net;
mod support;

use std::time::Duration;

use bad_net::{BadNet, Fault, Trouble, When};
use fs_err as fs;
use support::site::Site;
use support::{Files, Player, memory_folder, noise, read_tree};
use vsekai_engine::ErrorCode::{self, Damaged, NotFound, Offline, Refused, Server, Untrusted};

/// How an update may end that meets a fault.
#[derive(Clone, Copy, Debug)]
enum End {
    Well,
    WellOr(&'static [ErrorCode]),
    Fails(&'static [ErrorCode]),
}

/// Every fault but those that need another server.
fn faults() -> Vec<(Fault, When, End)> {
    use When::{Always, EverySecond, Once};
    let mut faults = vec![
        (Fault::Status(503, ""), EverySecond, End::Well),
        (Fault::Status(503, ""), Always, End::Fails(&[Server])),
        (Fault::Status(500, ""), Once, End::Well),
        (Fault::Status(429, "Retry-After: 1\r\n"), Once, End::Well),
        (Fault::Status(404, ""), Always, End::Fails(&[NotFound])),
        (Fault::Status(403, ""), Always, End::Fails(&[Refused, NotFound])),
        (
            Fault::Status(204, ""),
            Always,
            End::Fails(&[Server, Refused, Damaged]),
        ),
        (
            Fault::Status(304, ""),
            Always,
            End::Fails(&[Server, Refused, Damaged]),
        ),
        (Fault::Stall, Once, End::Well),
        (Fault::Trickle, Once, End::Well),
        // What announces more than a document may have is not even read.
        (Fault::AnnouncesMore, Once, End::WellOr(&[Damaged])),
        (Fault::AnnouncesMore, Always, End::Fails(&[Offline, Damaged])),
        (Fault::Shorter, Always, End::Fails(&[Damaged, Untrusted])),
        (Fault::Longer, Always, End::Fails(&[Damaged, Untrusted])),
        (Fault::Page, Always, End::Fails(&[Damaged, Refused, Untrusted])),
        (Fault::Cut(5), Always, End::Fails(&[Offline])),
        (Fault::Gone, Once, End::Fails(&[Offline])),
        (Fault::Restart, Once, End::Well),
    ];
    faults.extend((0..10).map(|tenths| (Fault::Cut(tenths), Once, End::Well)));
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_network_ends_well_or_with_the_right_word_and_changes_nothing() {
    let scene = Scene::new();
    let mut cases = Vec::new();
    for (kind, path) in &scene.objects {
        // To the very same address.
        let loops = (
            Fault::Redirect(path.clone()),
            When::Always,
            End::Fails(&[Refused]),
        );
        for (fault, when, end) in faults().into_iter().chain([loops]) {
            let trouble = Trouble {
                path: path.clone(),
                fault,
                when,
            };
            cases.push(scene.meets(kind, trouble, end));
        }
    }
    let count = cases.len();
    futures::future::join_all(cases).await;
    println!(
        "{count} faults of the network: each ended as it should, nothing was fetched twice without need"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_stay_with_the_server_when_it_redirects_elsewhere() {
    let scene = Scene::new();
    for (kind, path) in &scene.objects {
        let other = BadNet::start(scene.site.path().to_owned(), None).await;
        // Another name is another origin, and so is another port.
        let to = format!("http://localhost:{}{path}", other.address.port());
        let trouble = Trouble {
            path: path.clone(),
            fault: Fault::Redirect(to),
            when: When::Always,
        };
        let server = BadNet::start(scene.site.path().to_owned(), Some(trouble)).await;
        let root = memory_folder();
        let player = Player::open(root.path(), &format!("http://me:secret@{}", server.address));
        player.updater.update().await.unwrap();
        assert!(read_tree(&player.current()) == scene.files, "{kind}");
        assert!(
            server.seen(|seen| seen.with_credentials) > 0,
            "{kind}: none were sent at all"
        );
        assert!(other.seen(|seen| seen.requests.contains_key(path)), "{kind}");
        assert_eq!(other.seen(|seen| seen.with_credentials), 0, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_encryption_fails_is_never_believed() {
    let scene = Scene::new();
    let each = scene.objects.iter().map(async |(kind, path)| {
        // It speaks no TLS at all; what does is not asked for its files either, see the store's tests.
        let plain = BadNet::start(scene.site.path().to_owned(), None).await;
        let trouble = Trouble {
            path: path.clone(),
            fault: Fault::Redirect(format!("https://{}{path}", plain.address)),
            when: When::Always,
        };
        scene.meets(kind, trouble, End::Fails(&[Offline])).await;
        assert!(plain.seen(|seen| seen.requests.is_empty()), "{kind}");
    });
    futures::future::join_all(each).await;
}

/// A small release and one path of each kind of object.
struct Scene {
    site: Site,
    files: Files,
    objects: Vec<(&'static str, String)>,
}

impl Scene {
    fn new() -> Self {
        let site = Site::new();
        let mut files = Files::new();
        let mut program = vec![0x7f, b'E', b'L', b'F'];
        program.resize(18, 0);
        program.extend([0x3e, 0]);
        // Two chunks, the second a small one.
        program.extend(noise(1, 31_000));
        files.insert("Game.x86_64".into(), (program, true));
        files.insert("data/pack".into(), (noise(2, 3000), false));
        site.publish(&files, "1.0", 1);
        let objects = vec![
            ("timestamp", site.find(|path| path.ends_with("timestamp.json"))),
            (
                "manifest",
                site.find(|path| path.contains("/targets/") && path.contains("1.0.json")),
            ),
            ("index", site.find(|path| path.ends_with(".caidx"))),
            ("chunk", site.find(|path| path.starts_with("/store/"))),
        ];
        Self { site, files, objects }
    }

    /// Installs through a fault and checks the end.
    async fn meets(&self, kind: &str, trouble: Trouble, end: End) {
        let what = format!("{kind}: {:?} {:?}", trouble.fault, trouble.when);
        let (path, is_429) = (
            trouble.path.clone(),
            matches!(trouble.fault, Fault::Status(429, _)),
        );
        let server = BadNet::start(self.site.path().to_owned(), Some(trouble)).await;
        let root = memory_folder();
        let player = Player::open(root.path(), &format!("http://{}", server.address));
        let updated = player.updater.update().await;
        assert!(
            server.seen(|seen| seen.troubled) > 0,
            "{what}: the fault was never met"
        );
        match (end, updated) {
            (End::Well | End::WellOr(_), Ok(_)) => {
                assert!(read_tree(&player.current()) == self.files, "{what}");
                self.assert_thrift(&server, &path, &what);
            }
            (End::Fails(codes) | End::WellOr(codes), Err(error)) => {
                assert!(
                    codes.contains(&error.code()),
                    "{what}: {:?} {error}",
                    error.code()
                );
                assert!(player.updater.status().unwrap().installed.is_none(), "{what}");
            }
            (_, Ok(_)) => panic!("{what}: it ended well"),
            (_, Err(error)) => panic!("{what}: {error}"),
        }
        if is_429 {
            let gap = server.seen(|seen| {
                let times = &seen.requests[&path];
                times[1] - times[0]
            });
            assert!(gap >= Duration::from_secs(1), "{what}: came back after {gap:?}");
        }
    }

    /// What met no fault was fetched once, and what did no more often than it had to be.
    fn assert_thrift(&self, server: &BadNet, path: &str, what: &str) {
        server.seen(|seen| {
            for (asked, times) in seen
                .requests
                .iter()
                .filter(|(asked, _)| asked.starts_with("/store/"))
            {
                let most = if asked == path { 1 + seen.troubled } else { 1 };
                // Those cut off by the restart of the server come again.
                let restarted = usize::from(what.contains("Restart"));
                assert!(
                    times.len() <= most + restarted,
                    "{what}: {asked} {} times",
                    times.len()
                );
            }
        });
    }
}

impl Site {
    /// Returns the path on the server of the smallest file that is `wanted`.
    fn find(&self, wanted: impl Fn(&str) -> bool) -> String {
        let (mut found, mut open) = (Vec::new(), vec![self.path().to_owned()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let size = fs::metadata(&path).unwrap().len();
                let below = path.strip_prefix(self.path()).unwrap().to_str().unwrap();
                found.push((size, format!("/{below}")));
            }
        }
        found.sort();
        found.into_iter().find(|(_, path)| wanted(path)).unwrap().1
    }
}
