// SPDX-License-Identifier: MIT
//! Updates on a file system that is really full.
#![cfg(target_os = "linux")]

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use support::site::Site;
use support::web::Web;
use support::{Files, Player, game, names_in};
use vsekai_engine::{EngineError, ErrorCode, LaunchOptions};

/// A file system in memory of a fixed size, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Mounts it; only the superuser may.
    fn mount(kibibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={kibibytes}k");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        println!("SKIPPED: mounting a file system needs the superuser");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// A publisher, a server, and a player with a small disk.
struct SmallScene {
    player: Player,
    web: Web,
    site: Site,
    disk: SmallDisk,
}

impl SmallScene {
    /// Version 1.0 with these files is published and installed; nothing where no disk can be mounted.
    async fn installed(files: &Files) -> Option<Self> {
        let disk = SmallDisk::mount(6 * 1024)?;
        let site = Site::new();
        let web = Web::start(site.path()).await;
        site.publish(files, "1.0", 1);
        let player = Player::open(&disk.path().join("install"), &web.address);
        player.updater.update().await.unwrap();
        Some(Self {
            player,
            web,
            site,
            disk,
        })
    }
}

/// Takes all the space that is left on a disk, for a file `hog`.
fn fill(disk: &Path) {
    let mut space = vec![1u8; 8 << 20];
    while fs_err::write(disk.join("hog"), &space).is_err() {
        space.truncate(space.len() - 4096);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_space_is_refused_with_figures_before_anything_is_fetched() {
    let Some(disk) = SmallDisk::mount(600) else { return };
    let site = Site::new();
    let web = Web::start(site.path()).await;
    site.publish(&game(1), "1.0", 1);
    let player = Player::open(&disk.path().join("install"), &web.address);
    let error = player.updater.update().await.unwrap_err();
    let EngineError::DiskFull {
        needed, available, ..
    } = error
    else {
        panic!("{error}")
    };
    assert!(
        needed > 1_000_000 && available < 600 * 1024,
        "{needed} {available}"
    );
    assert_eq!(web.chunks_served(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_before_there_is_a_plan_is_told_with_figures() {
    let Some(scene) = SmallScene::installed(&game(1)).await else {
        return;
    };
    let SmallScene {
        disk, site, player, ..
    } = &scene;
    site.publish(&game(2), "2.0", 2);
    fill(disk.path());
    let set = player.updater.set_preference("updates", "automatic").unwrap_err();
    for error in [player.updater.check().await.unwrap_err(), set] {
        assert_eq!(error.code(), ErrorCode::DiskFull, "{error}");
        let words = error.to_string();
        assert!(
            words.contains("not enough free space in ") && words.contains(" bytes are needed"),
            "{words}"
        );
    }
    player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_starts_from_a_full_disk() {
    let mut files = game(1);
    let program = b"#!/bin/sh\nexit 0\n".to_vec();
    files.insert("Game.x86_64".to_owned(), (program, true));
    let Some(scene) = SmallScene::installed(&files).await else {
        return;
    };
    let SmallScene { disk, player, .. } = &scene;
    fill(disk.path());
    let exit = player.updater.launch(&LaunchOptions::default()).unwrap().wait();
    assert_eq!(exit.unwrap().code, Some(0));
    let told = player.notices("start-record");
    assert!(told[0].contains("not enough free space"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_with_any_amount_of_space_left_changes_nothing_or_completes() {
    let Some(disk) = SmallDisk::mount(6 * 1024) else {
        return;
    };
    let site = Site::new();
    let web = Web::start(site.path()).await;
    let first = site.publish(&game(1), "1.0", 1);
    let second = site.publish(&game(2), "2.0", 2);
    let (root, hog) = (disk.path().join("install"), Hog::at(disk.path()));
    let (mut pages, mut full) = (0, 0);
    loop {
        site.point(&first);
        let player = Player::open(&root, &web.address);
        player.updater.update().await.unwrap();
        site.point(&second);
        hog.leaves_when_the_first_chunk_is_asked_for(pages, &web);
        let updated = player.updater.update().await;
        hog.let_go();
        web.reset();
        match updated {
            Ok(_) => break,
            Err(EngineError::DiskFull { needed, .. }) => assert!(needed > 0),
            Err(error) => panic!("{pages} pages left: {error}"),
        }
        player.assert_has(&game(1));
        assert!(
            player.updater.verify().await.unwrap().is_intact(),
            "{pages} pages left"
        );
        assert_only_staged_is_left_over(&root);
        player.updater.update().await.unwrap();
        player.assert_has(&game(2));
        fs_err::remove_dir_all(&root).unwrap();
        (full, pages) = (full + 1, pages + STEP);
    }
    println!(
        "{full} updates on a disk with 0 to {pages} pages left: the old version stayed whole, the next run completed"
    );
    assert!(full > 40, "the disk was never full");
}

/// Pages between two amounts of space left.
const STEP: u64 = 3;

/// What a failed update leaves is in the staging folder, where the next one finds it.
fn assert_only_staged_is_left_over(root: &Path) {
    let names = |folder: &str| names_in(&root.join(folder));
    assert_eq!(names("versions").len(), 1);
    assert!(names(".vsekai/staging").len() <= 1);
    for name in names(".vsekai") {
        assert!(!name.starts_with(".tmp-"), "{name} was left");
    }
}

/// Somebody else who takes the space of a disk.
struct Hog(std::path::PathBuf);

impl Hog {
    fn at(disk: &Path) -> Self {
        Self(disk.join("hog"))
    }

    /// Takes all but so many pages when a server is asked for the first chunk.
    fn leaves_when_the_first_chunk_is_asked_for(&self, pages: u64, web: &Web) {
        let (place, taken) = (self.0.clone(), Arc::new(Mutex::new(false)));
        web.on(move |path| {
            let mut taken = taken.lock().unwrap();
            if path.starts_with("/store/") && !*taken {
                *taken = true;
                let free = fs4::available_space(place.parent().unwrap()).unwrap();
                let take = free.saturating_sub(pages * 4096);
                fs_err::write(&place, vec![1u8; take as usize]).unwrap();
            }
            support::web::Answer::Serve
        });
    }

    fn let_go(&self) {
        if self.0.exists() {
            fs_err::remove_file(&self.0).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_during_an_update_leaves_the_old_version_and_the_next_run_completes() {
    let Some(scene) = SmallScene::installed(&game(1)).await else {
        return;
    };
    let SmallScene {
        disk,
        site,
        web,
        player,
    } = &scene;
    site.publish(&game(2), "2.0", 2);
    // Somebody else takes the space after it was checked: when the first chunk is asked for.
    let (mut taken, place) = (false, disk.path().to_owned());
    web.on(move |path| {
        if path.starts_with("/store/") && !taken {
            taken = true;
            fill(&place);
        }
        support::web::Answer::Serve
    });
    let error = player.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::DiskFull, "{error}");
    player.assert_has(&game(1));
    assert!(player.updater.verify().await.unwrap().is_intact());
    fs_err::remove_file(disk.path().join("hog")).unwrap();
    web.reset();
    player.updater.update().await.unwrap();
    player.assert_has(&game(2));
}
