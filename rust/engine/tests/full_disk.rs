// SPDX-License-Identifier: MIT
//! Updates on a file system that is really full.
#![cfg(target_os = "linux")]

mod support;

use std::path::Path;
use std::process::Command;

use support::site::Site;
use support::web::Web;
use support::{Player, game};
use vsekai_engine::{EngineError, ErrorCode};

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
async fn a_disk_that_fills_up_during_an_update_leaves_the_old_version_and_the_next_run_completes() {
    let Some(disk) = SmallDisk::mount(6 * 1024) else {
        return;
    };
    let (site, root) = (Site::new(), disk.path().join("install"));
    let web = Web::start(site.path()).await;
    site.publish(&game(1), "1.0", 1);
    let player = Player::open(&root, &web.address);
    player.updater.update().await.unwrap();
    site.publish(&game(2), "2.0", 2);
    // Somebody else takes the space after it was checked: when the first chunk is asked for.
    let hog = disk.path().join("hog");
    let (mut taken, place) = (false, hog.clone());
    web.on(move |path| {
        if path.starts_with("/store/") && !taken {
            taken = true;
            let mut space = vec![1u8; 8 << 20];
            while fs_err::write(&place, &space).is_err() {
                space.truncate(space.len() - 4096);
            }
        }
        support::web::Answer::Serve
    });
    let error = player.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::DiskFull, "{error}");
    player.assert_has(&game(1));
    assert!(player.updater.verify().await.unwrap().is_intact());
    fs_err::remove_file(hog).unwrap();
    web.reset();
    player.updater.update().await.unwrap();
    player.assert_has(&game(2));
}
