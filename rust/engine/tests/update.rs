// SPDX-License-Identifier: MIT
//! Installing and updating against a plain static web server.

mod support;

use std::time::{Duration, SystemTime};

use support::site::Site;
use support::web::{Answer, Web};
use support::{Player, Scene, game, noise};
use vsekai_engine::{CheckOutcome, ErrorCode, UpdateOutcome};

const UPDATE: [&str; 9] = [
    "CheckForUpdates.Checking",
    "CheckForUpdates.UpdateAvailable",
    "CheckForUpdates.PreparingUpdate",
    "CheckForUpdates.DownloadingUpdate",
    "CheckForUpdates.ApplyingUpdate",
    "CheckForUpdates.FinalizingUpdate",
    "CheckForUpdates.UpdateSuccessful",
    "Updating",
    "Idle",
];

#[tokio::test(flavor = "multi_thread")]
async fn installs_updates_and_goes_back_through_the_states_by_name() {
    let scene = Scene::published().await;
    let Scene {
        site, web, player, ..
    } = &scene;
    let installed = player.updater.update().await.unwrap();
    assert!(matches!(installed, UpdateOutcome::Installed(done) if done.reused_bytes == 0));
    assert_eq!(player.states(), UPDATE);
    player.assert_has(&game(1));

    site.publish(&game(2), "2.0", 2);
    web.reset();
    let UpdateOutcome::Updated(done) = player.updater.update().await.unwrap() else {
        panic!("not updated")
    };
    player.assert_has(&game(2));
    assert_eq!(web.chunks_served() as u64, done.chunks);
    assert!(
        done.chunk_bytes < 200_000,
        "{} bytes of chunks for 25,000 changed ones",
        done.chunk_bytes
    );

    let back = player.updater.rollback().await.unwrap();
    assert_eq!(back.version.as_str(), "1.0");
    assert_eq!(player.states().last().unwrap(), "RolledBack");
    player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn finds_nothing_to_do_without_fetching_more_than_one_document() {
    let scene = Scene::installed().await;
    let Scene { web, player, .. } = &scene;
    web.reset();
    let checked = player.updater.check().await.unwrap();
    assert!(matches!(checked, CheckOutcome::UpToDate { version } if version.as_str() == "1.0"));
    assert_eq!(player.states().last().unwrap(), "CheckForUpdates.NoUpdateFound");
    assert_eq!(web.served(), ["/titles/game/tuf/timestamp.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_an_update_costs_before_anything_is_fetched() {
    let scene = Scene::installed().await;
    let Scene {
        site, web, player, ..
    } = &scene;
    site.publish(&game(2), "2.0", 2);
    web.reset();
    let CheckOutcome::Available { plan } = player.updater.check().await.unwrap() else {
        panic!("no update")
    };
    assert_eq!(web.chunks_served(), 0);
    assert_eq!(
        (
            plan.files_added,
            plan.files_changed,
            plan.files_removed,
            plan.files_moved
        ),
        (1, 2, 1, 1)
    );
    let sources = plan.reused_bytes + plan.staged_bytes + plan.network_bytes;
    assert_eq!(sources, plan.installed_bytes, "every byte comes from somewhere");
    assert_eq!(plan.notes, "What is new in 2.0");
    let UpdateOutcome::Updated(done) = player.updater.update().await.unwrap() else {
        panic!("not updated")
    };
    assert_eq!(done.chunk_bytes, plan.download_bytes);
    assert!(
        plan.write_bytes < 750_000 && plan.reused_bytes > 900_000,
        "{plan:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unchanged_and_moved_files_are_shared_with_the_version_before() {
    use std::os::unix::fs::MetadataExt as _;
    let scene = Scene::installed().await;
    let Scene { site, player, .. } = &scene;
    let before = player.current();
    site.publish(&game(2), "2.0", 2);
    player.updater.update().await.unwrap();
    let after = player.current();
    let inode = |path: std::path::PathBuf| fs_err::metadata(path).unwrap().ino();
    let moved = (
        before.join("moved/to-1/big.bin"),
        after.join("moved/to-2/big.bin"),
    );
    let same = (
        before.join("data/level0/part00.txt"),
        after.join("data/level0/part00.txt"),
    );
    let (links, writable) = (
        fs_err::metadata(&same.1).unwrap().nlink(),
        fs_err::metadata(&same.1).unwrap().mode() & 0o222,
    );
    // One file with two names, or (by reflink) two files with one set of blocks.
    assert!(links == 1 || inode(moved.0) == inode(moved.1) && inode(same.0) == inode(same.1));
    assert_eq!(writable, 0, "shared files must not be writable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_half_way_costs_nothing_but_the_rest() {
    let scene = Scene::published().await;
    let Scene { web, player, .. } = &scene;
    let mut left = 12;
    web.on(move |path| {
        if path.starts_with("/store/") {
            left -= 1;
        }
        if left < 0 { Answer::HangUp } else { Answer::Serve }
    });
    let error = player.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Offline, "{error}");
    assert!(error.hint().is_some() && error.retry());
    assert_eq!(player.states().last().unwrap(), "Failed");
    let before = web.chunks_served();
    assert_eq!(before, 12);
    assert!(player.updater.status().unwrap().installed.is_none());

    web.reset();
    let UpdateOutcome::Installed(done) = player.updater.update().await.unwrap() else {
        panic!("not installed")
    };
    player.assert_has(&game(1));
    assert!(done.resumed_bytes > 0);
    let total = before + web.chunks_served();
    let again = total as u64 - (done.chunks + before as u64);
    assert_eq!(again, 0, "chunks were fetched twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_chunks_are_never_installed() {
    let scene = Scene::installed().await;
    let Scene {
        site, web, player, ..
    } = &scene;
    site.publish(&game(2), "2.0", 2);
    web.on(|path| {
        if path.starts_with("/store/") {
            Answer::FlipBit
        } else {
            Answer::Serve
        }
    });
    let error = player.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Damaged, "{error}");
    player.assert_has(&game(1));
    web.reset();
    player.updater.update().await.unwrap();
    player.assert_has(&game(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_document_is_believed_with_a_single_bit_changed() {
    let scene = Scene::published().await;
    let Scene {
        root, web, player, ..
    } = &scene;
    for document in [
        "1.root.json",
        "timestamp.json",
        "snapshot.json",
        "targets.json",
        "stable.json",
        "stable@linux-x86_64.json",
        "stable@linux-x86_64@1.0.json",
        "contents.json.zst",
        ".caidx",
    ] {
        web.on(move |path| {
            if path.ends_with(document) {
                Answer::FlipBit
            } else {
                Answer::Serve
            }
        });
        let error = player.updater.update().await.unwrap_err();
        let refused = matches!(error.code(), ErrorCode::Damaged | ErrorCode::Untrusted);
        assert!(refused, "{document}: {error}");
        assert!(!root.path().join("versions").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_keeps_what_was_fetched_and_the_version_before() {
    let scene = Scene::published().await;
    let Scene { web, player, .. } = &scene;
    let control = player.updater.control();
    let mut left = 10;
    web.on(move |path| {
        if path.starts_with("/store/") {
            left -= 1;
            if left == 0 {
                control.cancel();
                return Answer::Stall;
            }
        }
        Answer::Serve
    });
    let error = player.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
    assert_eq!(player.states().last().unwrap(), "Cancelled");
    web.reset();
    let UpdateOutcome::Installed(done) = player.updater.update().await.unwrap() else {
        panic!("not installed")
    };
    assert!(done.resumed_bytes > 0);
    player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_told_and_ends_with_resume() {
    let scene = Scene::published().await;
    let Scene { web, player, .. } = &scene;
    let (updater, control) = (player.updater.clone(), player.updater.control());
    control.pause();
    let running = tokio::spawn(async move { updater.update().await });
    player.reaches("Paused").await;
    assert_eq!(web.chunks_served(), 0);
    control.resume();
    running.await.unwrap().unwrap();
    let states = player.states();
    let at = states.iter().position(|state| state == "Paused").unwrap();
    assert_eq!(states[at + 1], "CheckForUpdates.DownloadingUpdate");
    player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_dropped_after_any_number_of_chunks_is_finished_by_the_next() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    site.publish(&game(1), "1.0", 1);
    Player::open(root.path(), &web.address)
        .updater
        .update()
        .await
        .unwrap();
    site.publish(&game(2), "2.0", 2);
    let CheckOutcome::Available { plan } = Player::open(root.path(), &web.address)
        .updater
        .check()
        .await
        .unwrap()
    else {
        panic!("no update")
    };
    let chunks = plan.download_chunks;
    assert!(chunks > 2);
    for _ in 1..chunks {
        let player = Player::open_with(root.path(), &web.address, |config| config.connections = 1);
        let (reached, wait) = tokio::sync::oneshot::channel();
        let (mut reached, mut seen) = (Some(reached), 0);
        web.on(move |path| {
            seen += u32::from(path.starts_with("/store/"));
            if seen > 1 {
                reached.take().map(|reached| reached.send(()));
                return Answer::Stall;
            }
            Answer::Serve
        });
        tokio::select! {
            _ = player.updater.update() => panic!("the server stalls"),
            _ = wait => {}
        }
        player.assert_has(&game(1));
    }
    web.reset();
    let player = Player::open(root.path(), &web.address);
    let UpdateOutcome::Updated(done) = player.updater.update().await.unwrap() else {
        panic!("not updated")
    };
    player.assert_has(&game(2));
    assert_eq!(
        done.chunks, 1,
        "every run before this one has kept the chunk it got"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_players_own_files_come_along_and_are_never_removed() {
    let scene = Scene::installed().await;
    let Scene {
        site, root, player, ..
    } = &scene;
    let first = player.current();
    fs_err::create_dir_all(first.join("mods/mine")).unwrap();
    fs_err::write(first.join("mods/mine/mod.txt"), b"my mod").unwrap();
    // The next version has a file of its own under this name.
    fs_err::write(first.join("data/only-in-2"), b"mine").unwrap();
    site.publish(&game(2), "2.0", 2);
    player.updater.update().await.unwrap();
    assert_eq!(
        fs_err::read(player.current().join("mods/mine/mod.txt")).unwrap(),
        b"my mod"
    );
    assert!(!player.notices("left-behind").is_empty());
    for version in 3..6 {
        site.publish(&game(version), &format!("{version}.0"), version);
        player.updater.update().await.unwrap();
    }
    assert_eq!(
        fs_err::read(player.current().join("mods/mine/mod.txt")).unwrap(),
        b"my mod"
    );
    assert_eq!(fs_err::read(first.join("data/only-in-2")).unwrap(), b"mine");
    let versions = fs_err::read_dir(root.path().join("versions")).unwrap().count();
    assert_eq!(
        versions, 3,
        "current, previous and the one with the player's file"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_updaters_do_not_work_on_one_folder() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    site.publish(&game(1), "1.0", 1);
    let first = Player::open(root.path(), &web.address);
    first.updater.control().pause();
    let updater = first.updater.clone();
    let running = tokio::spawn(async move { updater.update().await });
    first.reaches("Paused").await;
    let second = Player::open(root.path(), &web.address);
    let error = second.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Locked, "{error}");
    first.updater.control().resume();
    running.await.unwrap().unwrap();
    second.updater.update().await.unwrap();
    second.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_offer_of_the_same_channel_is_not_taken_by_itself() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    let older = site.publish(&game(1), "1.0", 1);
    site.publish(&game(2), "2.0", 2);
    let player = Player::open(root.path(), &web.address);
    player.updater.update().await.unwrap();
    site.point(&older);
    assert!(matches!(
        player.updater.update().await.unwrap(),
        UpdateOutcome::UpToDate { .. }
    ));
    player.assert_has(&game(2));
    let willing = Player::open_with(root.path(), &web.address, |config| config.allow_downgrade = true);
    assert!(matches!(
        willing.updater.update().await.unwrap(),
        UpdateOutcome::Updated(_)
    ));
    willing.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_that_is_not_there_and_a_server_that_is_not_there_are_told_apart() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    let player = Player::open(root.path(), &web.address);
    assert_eq!(
        player.updater.update().await.unwrap_err().code(),
        ErrorCode::NotFound
    );
    let address = web.address.clone();
    drop(web);
    let player = Player::open(root.path(), &address);
    assert_eq!(
        player.updater.check().await.unwrap_err().code(),
        ErrorCode::Offline
    );
    assert!(
        fs_err::read_dir(root.path()).unwrap().next().is_none(),
        "a failed check creates nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_every_damaged_file_and_repair_fetches_only_their_chunks() {
    let scene = Scene::installed().await;
    let Scene { web, player, .. } = &scene;
    assert!(player.updater.verify().await.unwrap().is_intact());
    let pack = player.current().join("Game.pck");
    let mut bytes = fs_err::read(&pack).unwrap();
    bytes[400_000] ^= 1;
    fs_err::remove_file(&pack).unwrap();
    fs_err::write(&pack, &bytes).unwrap();
    fs_err::remove_file(player.current().join("data/changed.txt")).unwrap();
    let report = player.updater.verify().await.unwrap();
    assert_eq!(report.damaged, ["Game.pck", "data/changed.txt"]);
    web.reset();
    let repaired = player.updater.repair().await.unwrap();
    assert_eq!(repaired.repaired, ["Game.pck", "data/changed.txt"]);
    assert!(
        web.chunks_served() <= 4,
        "{} chunks for two damaged places",
        web.chunks_served()
    );
    player.assert_has(&game(1));
    assert!(player.updater.verify().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_makes_a_version_whole_again_whose_folder_was_removed() {
    let scene = Scene::installed().await;
    let player = &scene.player;
    fs_err::remove_dir_all(player.current()).unwrap();
    for report in [
        player.updater.verify().await.unwrap(),
        player.updater.verify_quick().await.unwrap(),
    ] {
        let is_missing = |path: &String| report.damaged.contains(path);
        assert!(game(1).keys().all(is_missing), "{:?}", report.damaged);
    }
    let repaired = player.updater.repair().await.unwrap();
    assert_eq!(repaired.done.unwrap().reused_bytes, 0);
    player.assert_has(&game(1));
    assert!(player.updater.verify().await.unwrap().is_intact());
    assert_eq!(player.updater.versions().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_may_not_be_started_and_a_folder_that_is_gone_are_damage_that_repair_mends() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::installed().await;
    let player = &scene.player;
    let program = player.current().join("Game.x86_64");
    fs_err::set_permissions(&program, std::fs::Permissions::from_mode(0o444)).unwrap();
    fs_err::remove_dir_all(player.current().join("data/level2")).unwrap();
    let report = player.updater.verify().await.unwrap();
    assert_eq!(
        report.damaged,
        player.updater.verify_quick().await.unwrap().damaged
    );
    for path in ["Game.x86_64", "data/level2", "data/level2/part02.txt"] {
        assert!(report.damaged.iter().any(|damaged| damaged == path), "{path}");
    }
    player.updater.repair().await.unwrap();
    player.assert_has(&game(1));
    assert!(player.updater.verify().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installed_file_that_was_damaged_does_not_damage_the_next_version() {
    let scene = Scene::installed().await;
    let Scene { site, player, .. } = &scene;
    // By its time nobody has written to it: that it is damaged is only seen when it is read.
    replace(
        &player.current().join("Game.pck"),
        &noise(9, 700_000),
        SystemTime::UNIX_EPOCH,
    );
    fs_err::remove_file(player.current().join("data/level1/part01.txt")).unwrap();
    site.publish(&game(2), "2.0", 2);
    player.updater.update().await.unwrap();
    player.assert_has(&game(2));
    assert_eq!(player.notices("damaged-seed").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_written_to_since_it_was_installed_is_taken_over_only_if_it_has_the_same_bytes() {
    let scene = Scene::installed().await;
    let Scene { site, player, .. } = &scene;
    let (files, later) = (game(1), SystemTime::now() + Duration::from_secs(10));
    let other = noise(99, 1500);
    for (path, bytes) in [
        ("data/level0/part00.txt", &other),
        ("moved/to-1/big.bin", &files["moved/to-1/big.bin"].0),
    ] {
        replace(&player.current().join(path), bytes, later);
    }
    site.publish(&game(2), "2.0", 2);
    player.updater.update().await.unwrap();
    player.assert_has(&game(2));
    let plan = &player.plans()[1];
    assert!(plan.reused_bytes > 900_000, "{plan:?}");
}

/// Puts other bytes in the place of an installed file, as if they had been written at `time`.
fn replace(file: &std::path::Path, bytes: &[u8], time: SystemTime) {
    let mode = fs_err::metadata(file).unwrap().permissions();
    fs_err::remove_file(file).unwrap();
    fs_err::write(file, bytes).unwrap();
    let opened = fs_err::OpenOptions::new().write(true).open(file).unwrap();
    opened.file().set_modified(time).unwrap();
    fs_err::set_permissions(file, mode).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_still_there_is_put_in_place_again_without_fetching_any_of_it() {
    let scene = Scene::installed().await;
    let Scene {
        site,
        web,
        player,
        first,
        ..
    } = &scene;
    let mut second = game(2);
    second.remove("data/level0/part00.txt");
    site.publish(&second, "2.0", 2);
    player.updater.update().await.unwrap();
    site.point(first);
    let player = Player::open_with(scene.root.path(), &web.address, |config| {
        config.allow_downgrade = true
    });
    web.reset();
    let UpdateOutcome::Updated(done) = player.updater.update().await.unwrap() else {
        panic!("not updated")
    };
    player.assert_has(&game(1));
    assert_eq!((done.chunks, done.reused_bytes), (0, done.installed_bytes));
    let served = web.served();
    assert!(served.iter().all(|path| path.ends_with(".json")), "{served:?}");
    let plan = player.plans().pop().unwrap();
    let counted = (plan.files_added, plan.files_changed, plan.files_removed);
    assert_eq!(
        counted,
        (2, 2, 1),
        "compared with what is installed, not with what is taken over"
    );
    assert_eq!(plan.from_version.unwrap().as_str(), "2.0");
    // It takes the place of the one that was kept.
    let versions = player.updater.versions().unwrap();
    let labels: Vec<&str> = versions.iter().map(|version| version.version.as_str()).collect();
    assert_eq!(labels, ["1.0", "2.0"]);
    // Some of it is damaged by now: that alone is fetched.
    let kept = scene.root.path().join("versions").join(&versions[1].name);
    fs_err::remove_file(kept.join("data/changed.txt")).unwrap();
    site.publish(&second, "2.0", 2);
    web.reset();
    player.updater.update().await.unwrap();
    player.assert_has(&second);
    assert!((1..=2).contains(&web.chunks_served()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_file_that_is_also_an_installed_one_is_not_written_through() {
    let scene = Scene::installed().await;
    let Scene {
        site, root, player, ..
    } = &scene;
    let second = site.publish(&game(2), "2.0", 2);
    let staging = root
        .path()
        .join(".vsekai/staging")
        .join(site.folder_name(&second));
    fs_err::create_dir_all(&staging).unwrap();
    // As large as the one that is built in its place.
    fs_err::hard_link(player.current().join("Game.pck"), staging.join("Game.pck")).unwrap();
    player.updater.update().await.unwrap();
    player.assert_has(&game(2));
    player.updater.rollback().await.unwrap();
    assert!(player.updater.verify().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_channels_does_not_disturb_a_running_update() {
    let scene = Scene::published().await;
    scene.web.on(|path| match path.starts_with("/store/") {
        true => Answer::Stall,
        false => Answer::Serve,
    });
    let updater = scene.player.updater.clone();
    let running = tokio::spawn(async move { updater.update().await });
    scene.player.reaches("CheckForUpdates.DownloadingUpdate").await;
    let updater = scene.player.updater.clone();
    let asked = tokio::spawn(async move { updater.channels().await });
    tokio::task::yield_now().await;
    // The update is still the one that hears of this.
    scene.player.updater.control().cancel();
    let error = running.await.unwrap().unwrap_err();
    assert_eq!(error.code(), ErrorCode::Cancelled);
    assert!(!asked.await.unwrap().unwrap().channels.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_answers_403_for_the_next_root_has_none() {
    let scene = Scene::published().await;
    scene.web.on(|path| match path.ends_with("2.root.json") {
        true => Answer::Status(403),
        false => Answer::Serve,
    });
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(1));
}
