// SPDX-License-Identifier: MIT
//! Uninstalling, moving, and taking over copies of the game that lie somewhere.
#![cfg(unix)]

mod support;

use std::path::{Path, PathBuf};

use support::{Files, Player, Scene, game, listing, names_in, noise, read_tree};
use vsekai_engine::record::Moved;
use vsekai_engine::{ErrorCode, Event, InstallConfig, LaunchOptions, UserFiles};
use vsekai_formats::release::Platform;

/// Two versions with files of the player's in both.
async fn played() -> Scene {
    let scene = Scene::installed().await;
    write(&scene.player.current(), "mods/mine.txt", b"my mod");
    write(&scene.player.current(), "data/only-in-2", b"mine");
    scene.site.publish(&game(2), "2.0", 2);
    scene.player.updater.update().await.unwrap();
    scene
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_keeps_the_players_files_and_whatever_else_lies_there() {
    let scene = played().await;
    let root = scene.root.path();
    write(root, "screenshot.png", b"not the game's");
    let report = scene.player.updater.uninstall(UserFiles::Keep).await.unwrap();
    assert_eq!(report.user_files, ["mods/mine.txt", "data/only-in-2"]);
    assert_eq!(report.left, ["screenshot.png"]);
    let kept = report.kept_in.unwrap();
    assert_eq!(names_in(root), ["screenshot.png", "user-files"]);
    assert_eq!(fs_err::read(kept.join("mods/mine.txt")).unwrap(), b"my mod");
    assert_eq!(fs_err::read(kept.join("data/only-in-2")).unwrap(), b"mine");
    assert_eq!(read_tree(&kept).len(), 2);
    let error = scene.player.updater.uninstall(UserFiles::Keep).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotInstalled);

    scene.player.updater.update().await.unwrap();
    write(&scene.player.current(), "mods/mine.txt", b"another");
    let again = scene.player.updater.uninstall(UserFiles::Keep).await.unwrap();
    assert_eq!(again.kept_in.unwrap(), root.join("user-files.2"));
    assert_eq!(fs_err::read(kept.join("mods/mine.txt")).unwrap(), b"my mod");
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_with_everything_leaves_nothing() {
    let scene = played().await;
    let report = scene.player.updater.uninstall(UserFiles::Delete).await.unwrap();
    assert_eq!((report.user_files.len(), report.kept_in), (2, None));
    assert!(!scene.root.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_install_is_the_same_elsewhere() {
    let scene = played().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().join("games/new");
    scene.player.updater.set_preference("keep-versions", "4").unwrap();
    write(scene.root.path(), "note.txt", b"mine");
    let before = tree_of(&scene.player.current());
    let report = scene.player.updater.move_to(&to).await.unwrap();
    assert_eq!(
        (&report.to, report.left.as_slice()),
        (&to, &["note.txt".to_owned()][..])
    );
    assert_eq!(names_in(scene.root.path()), [".vsekai", "note.txt"]);
    assert_eq!(
        names_in(&scene.root.path().join(".vsekai")),
        ["lock", "moved.json"]
    );
    assert_eq!(Moved::follow(scene.root.path()).unwrap(), to);

    let moved = Player::open(&to, &scene.web.address);
    assert_eq!(tree_of(&moved.current()), before);
    assert!(moved.updater.verify().await.unwrap().is_intact());
    assert!(moved.updater.verify_quick().await.unwrap().is_intact());
    assert_eq!(moved.updater.preferences().keep_versions, 4);
    moved.updater.rollback().await.unwrap();
    assert_eq!(
        fs_err::read(moved.current().join("data/only-in-2")).unwrap(),
        b"mine"
    );
    // And back, over the note that was left.
    let error = moved.updater.move_to(scene.root.path()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_is_moved_to_another_disk_byte_by_byte() {
    use std::os::unix::fs::MetadataExt as _;
    let scene = played().await;
    let Some(disk) = other_disk(scene.root.path()) else {
        println!("SKIPPED: there is no second file system to write to");
        return;
    };
    let to = disk.path().join("game");
    let before = tree_of(&scene.player.current());
    scene.player.updater.move_to(&to).await.unwrap();
    let moved = Player::open(&to, &scene.web.address);
    assert_eq!(tree_of(&moved.current()), before);
    assert!(moved.updater.verify_quick().await.unwrap().is_intact());
    let shared = moved.current().join("data/level0/part00.txt");
    let data = fs_err::metadata(shared).unwrap();
    assert_eq!(
        (data.nlink(), data.mode() & 0o222),
        (2, 0),
        "files stay shared and read-only"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_is_not_moved_where_something_is_or_into_itself() {
    let scene = Scene::installed().await;
    let taken = tempfile::tempdir().unwrap();
    write(taken.path(), "photo.jpg", b"precious");
    let inside = scene.root.path().join("inside");
    let above = scene.root.path().parent().unwrap().to_owned();
    for to in [taken.path().to_owned(), inside, above, PathBuf::from("relative")] {
        let error = scene.player.updater.move_to(&to).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidInput, "{error}");
    }
    scene.player.assert_has(&game(1));
    assert_eq!(names_in(taken.path()), ["photo.jpg"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_cut_off_after_it_arrived_is_finished_at_the_new_place() {
    let scene = played().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let (old, to) = (scene.root.path(), elsewhere.path().join("game"));
    let another = Scene::installed().await;
    let moving = |from: &Path| {
        let record = serde_json::json!({ "schema": 1, "from": from });
        fs_err::write(to.join(".vsekai/moving.json"), record.to_string()).unwrap();
    };
    scene.player.updater.move_to(&to).await.unwrap();
    let moved = Player::open(&to, &scene.web.address);
    assert_eq!(
        moved.updater.move_to(&to).await.unwrap().bytes,
        0,
        "nothing to do"
    );
    // As the power left it.
    write(old, "versions/1.0/rest.bin", b"not removed yet");
    moving(old);
    let report = moved.updater.move_to(&to).await.unwrap();
    assert_eq!((report.from.as_path(), report.left.len()), (old, 0));
    assert!(!old.join("versions").exists());
    assert_eq!(Moved::follow(old).unwrap(), to);
    // A record that names an install which never came here does it no harm.
    moving(another.root.path());
    moved.updater.move_to(&to).await.unwrap();
    another.player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_install_stays_where_it_is() {
    let scene = Scene::installed().await;
    let pack = scene.player.current().join("Game.pck");
    fs_err::remove_file(&pack).unwrap();
    fs_err::write(&pack, noise(9, 700_000)).unwrap();
    let to = tempfile::tempdir().unwrap();
    let error = scene.player.updater.move_to(to.path()).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Damaged, "{error}");
    assert!(scene.player.updater.status().unwrap().installed.is_some());
    scene.player.updater.repair().await.unwrap();
    scene.player.updater.move_to(to.path()).await.unwrap();
    Player::open(to.path(), &scene.web.address).assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_that_is_damaged_keeps_an_install_where_it_is_until_it_is_removed() {
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    let file = scene.player.current().join("data/changed.txt");
    scene.site.publish(&game(2), "2.0", 2);
    updater.update().await.unwrap();
    fs_err::remove_file(&file).unwrap();
    fs_err::write(&file, noise(9, 3000)).unwrap();
    let to = tempfile::tempdir().unwrap();
    let report = updater.move_to(to.path()).await.unwrap_err().report();
    assert_eq!((report.code, report.repair), (ErrorCode::DamagedVersion, false));
    assert!(report.message.contains("version 1.0"), "{}", report.message);
    scene.player.assert_has(&game(2));
    updater.remove_version("1.0").await.unwrap();
    updater.move_to(to.path()).await.unwrap();
    Player::open(to.path(), &scene.web.address).assert_has(&game(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_game_is_taken_over_and_only_the_rest_is_fetched() {
    let scene = Scene::published().await;
    let copy = tempfile::tempdir().unwrap();
    let mut files = game(1);
    let pack = &mut files.get_mut("Game.pck").unwrap().0;
    pack[500_000] ^= 1;
    files.remove("data/changed.txt");
    for (name, (bytes, _)) in &files {
        write(copy.path(), name, bytes);
    }
    write(copy.path(), "mods/mine.txt", b"mine");
    let before = facts(copy.path());
    scene.web.reset();
    let done = scene.player.updater.adopt(copy.path()).await.unwrap();
    scene.player.assert_has(&game(1));
    assert_eq!(facts(copy.path()), before, "the copy is as it was");
    assert!(
        scene.web.chunks_served() <= 4,
        "{} chunks for two places",
        scene.web.chunks_served()
    );
    assert_eq!((done.from_version, done.files), (None, game(1).len() as u64));
    let error = scene.player.updater.adopt(copy.path()).await.unwrap_err();
    assert!(error.to_string().contains("installed"), "{error}");
    // Nothing is shared with the copy: what happens there is not our business.
    for (name, (bytes, _)) in &files {
        fs_err::write(copy.path().join(name), vec![0; bytes.len()]).unwrap();
    }
    assert!(scene.player.updater.verify().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_has_nothing_of_the_game_is_no_obstacle_and_one_that_is_not_there_is_told() {
    let scene = Scene::published().await;
    let nowhere = scene.root.path().join("nowhere");
    let error = scene.player.updater.adopt(&nowhere).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Disk, "{error}");
    let empty = tempfile::tempdir().unwrap();
    scene.player.updater.adopt(empty.path()).await.unwrap();
    scene.player.assert_has(&game(1));
    let plan = scene.player.plans().pop().unwrap();
    assert_eq!(
        (plan.from_version, plan.files_added),
        (None, game(1).len() as u64)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_touched_of_an_install_whose_record_a_newer_launcher_wrote() {
    let scene = Scene::installed().await;
    let (root, updater) = (scene.root.path(), &scene.player.updater);
    let current = root.join(".vsekai/current.json");
    let record = fs_err::read_to_string(&current).unwrap();
    fs_err::write(&current, record.replace("\"schema\": 1", "\"schema\": 2")).unwrap();
    let before = listing(root);
    let elsewhere = tempfile::tempdir().unwrap();
    let to = elsewhere.path().join("new");
    let config = InstallConfig::new(root, Platform::LinuxX86_64);
    for error in [
        vsekai_engine::Updater::open(config, std::sync::Arc::new(|_: Event| {})).unwrap_err(),
        updater.status().unwrap_err(),
        updater.launch(&LaunchOptions::default()).unwrap_err(),
        updater.repair().await.unwrap_err(),
        updater.rollback().await.unwrap_err(),
        updater.move_to(&to).await.unwrap_err(),
        updater.uninstall(UserFiles::Delete).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::LauncherTooOld, "{error}");
    }
    assert_eq!(listing(root), before);
    assert!(!to.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_can_be_removed_without_knowing_its_server() {
    let scene = Scene::installed().await;
    let config = InstallConfig::new(scene.root.path(), Platform::LinuxX86_64);
    let updater = vsekai_engine::Updater::open(config, std::sync::Arc::new(|_: Event| {})).unwrap();
    updater.uninstall(UserFiles::Keep).await.unwrap();
    assert!(!scene.root.path().exists());
}

fn tree_of(folder: &Path) -> Files {
    read_tree(folder)
}

/// Contents, modes, times and numbers of links of all files.
fn facts(folder: &Path) -> Vec<(String, Vec<u8>, u32, i64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let files = read_tree(folder).into_iter();
    let fact = |(name, (bytes, _)): (String, (Vec<u8>, bool))| {
        let data = fs_err::metadata(folder.join(&name)).unwrap();
        (name, bytes, data.mode(), data.mtime_nsec(), data.nlink())
    };
    files.map(fact).collect()
}

/// A folder on another file system than `folder`: one in memory, if the system has it or lets us mount it.
fn other_disk(folder: &Path) -> Option<tempfile::TempDir> {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| fs_err::metadata(path).map(|data| data.dev()).ok();
    let memory = Path::new("/dev/shm");
    if memory.is_dir() && device(memory) != device(folder) {
        return tempfile::tempdir_in(memory).ok();
    }
    None
}
