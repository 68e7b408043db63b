// SPDX-License-Identifier: MIT
//! Places that a release leaves to the player: nobody but the player changes what lies there, and it goes where they go.
#![cfg(unix)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use support::site::Site;
use support::web::Web;
use support::{Files, Player, game, listing, memory_folder, names_in, read_tree};
use vsekai_engine::{ErrorCode, LaunchOptions, UserFiles};
use vsekai_formats::TreePath;
use vsekai_formats::release::ReleaseManifest;
use vsekai_formats::user_paths::MAX_USER_PATHS;

/// What the releases here leave to the player.
const LEFT: [&str; 3] = ["settings.cfg", "mods", "saves"];

/// A build with a default of what is left to the player.
fn build(number: u64) -> Files {
    let mut files = game(number);
    let settings = format!("default of version {number}");
    files.insert("settings.cfg".to_owned(), (settings.into_bytes(), false));
    let sample = format!("a mod that came with version {number}");
    files.insert("mods/sample/mod.txt".to_owned(), (sample.into_bytes(), false));
    files.insert("mods/readme.txt".to_owned(), (b"Put mods here".to_vec(), false));
    files
}

struct Stage {
    site: Site,
    web: Web,
    root: tempfile::TempDir,
    player: Player,
}

impl Stage {
    /// Version 1 is published.
    async fn published() -> Self {
        let (site, root) = (Site::new(), memory_folder());
        let web = Web::start(site.path()).await;
        publish(&site, 1, &LEFT);
        let player = Player::open(root.path(), &web.address);
        Self {
            site,
            web,
            root,
            player,
        }
    }

    /// Version 1 is installed, and the player has been at work.
    async fn played() -> Self {
        let stage = Self::published().await;
        stage.player.updater.update().await.unwrap();
        let current = stage.player.current();
        write(&current, "settings.cfg", b"as the player likes it");
        write(&current, "mods/mine/mod.txt", b"a mod of the player's");
        write(&current, "saves/1", b"the first save");
        fs::remove_file(current.join("mods/readme.txt")).unwrap();
        stage
    }

    async fn update(&self, number: u64) {
        publish(&self.site, number, &LEFT);
        self.player.updater.update().await.unwrap();
    }

    /// Takes versions 2 and 3, between which a game of version 1 still saves `saves/2`; returns the folder of version 1,
    /// which is there for that file only.
    async fn save_in_old_version(&self) -> PathBuf {
        let first = self.player.current();
        self.update(2).await;
        replace(&first, "saves/2", SAVED_LATE.as_bytes(), Duration::ZERO);
        self.update(3).await;
        first
    }

    /// Asserts that version `number` is installed with all that is the player's.
    fn assert_as_left(&self, number: u64) {
        let mut wanted = build(number);
        let sample = &build(1)["mods/sample/mod.txt"];
        wanted.insert("mods/sample/mod.txt".to_owned(), sample.clone());
        for (path, content) in PLAYERS {
            wanted.insert(path.to_owned(), (content.as_bytes().to_vec(), false));
        }
        self.player.assert_has(&wanted);
    }
}

const PLAYERS: [(&str, &str); 3] = [
    ("settings.cfg", "as the player likes it"),
    ("mods/mine/mod.txt", "a mod of the player's"),
    ("saves/1", "the first save"),
];

const SAVED_LATE: &str = "saved by a game that still ran";

fn publish(site: &Site, number: u64, left: &[&str]) -> ReleaseManifest {
    let user_paths: Vec<TreePath> = left.iter().map(|path| TreePath::parse(path).unwrap()).collect();
    site.publish_with(&build(number), &format!("{number}.0"), number, |_, manifest| {
        manifest.user_paths = user_paths;
    })
}

fn write(folder: &Path, path: &str, content: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Puts another file in place, as programs do that save with care; `age` makes it that much older.
fn replace(folder: &Path, path: &str, content: &[u8], age: Duration) {
    write(folder, "saves/new", content);
    let new = folder.join("saves/new");
    let file = fs::File::options().write(true).open(&new).unwrap();
    file.file().set_modified(SystemTime::now() - age).unwrap();
    fs::rename(new, folder.join(path)).unwrap();
}

fn read(folder: &Path, path: &str) -> String {
    fs::read_to_string(folder.join(path)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_player_may_write_there_and_nowhere_else_and_no_check_minds() {
    let stage = Stage::published().await;
    stage.player.updater.update().await.unwrap();
    stage.player.assert_has(&build(1));
    for (path, (_, executable)) in build(1) {
        let mode = fs::metadata(stage.player.current().join(&path))
            .unwrap()
            .permissions()
            .mode();
        let left = path == "settings.cfg" || path.starts_with("mods/");
        let expected = if left { 0o644 } else { 0o444 } | if executable { 0o111 } else { 0 };
        assert_eq!(mode & 0o777, expected, "{path}");
    }
    let stage = Stage::played().await;
    for report in [
        stage.player.updater.verify().await.unwrap(),
        stage.player.updater.verify_quick().await.unwrap(),
    ] {
        assert!(report.is_intact() && report.extra.is_empty(), "{report:?}");
        assert_eq!(report.files as usize, build(1).len() - 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_the_players_stays_through_update_repair_and_a_version_that_is_offered_again() {
    let stage = Stage::played().await;
    stage.update(2).await;
    // A default that is gone comes with the next version; one that is there stays as it is.
    stage.assert_as_left(2);
    let pack = stage.player.current().join("Game.pck");
    fs::remove_file(&pack).unwrap();
    let repaired = stage.player.updater.repair().await.unwrap();
    assert_eq!(repaired.repaired, ["Game.pck"]);
    stage.assert_as_left(2);
    write(&stage.player.current(), "saves/1", b"the first save");
    stage.update(3).await;
    stage.assert_as_left(3);
    assert!(stage.player.updater.verify().await.unwrap().is_intact());
    let plan = stage.player.plans().pop().unwrap();
    assert_eq!((plan.files_added, plan.files_removed), (1, 1), "{plan:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_next_release_no_longer_leaves_to_the_player_comes_along_where_there_is_room() {
    let stage = Stage::played().await;
    publish(&stage.site, 2, &["settings.cfg"]);
    stage.player.updater.update().await.unwrap();
    let current = stage.player.current();
    assert_eq!(read(&current, "mods/mine/mod.txt"), "a mod of the player's");
    assert_eq!(read(&current, "settings.cfg"), "as the player likes it");
    // That file is the publisher's now; the one from before stays with its version.
    assert_eq!(
        read(&current, "mods/sample/mod.txt"),
        "a mod that came with version 2"
    );
    assert!(stage.player.updater.verify().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_takes_the_younger_of_two_files_along() {
    let stage = Stage::played().await;
    let first = stage.player.current();
    replace(&first, "saves/old", b"older there", Duration::from_secs(60));
    stage.update(2).await;
    let second = stage.player.current();
    replace(&second, "saves/1", b"played on", Duration::ZERO);
    replace(&second, "saves/2", b"only here", Duration::ZERO);
    replace(&second, "saves/old", b"older here", Duration::from_secs(90));
    write(&second, "mods/strange: name", b"any name");
    write(&second, "notes.txt", b"of no declared place");
    stage.player.updater.rollback().await.unwrap();
    assert_eq!(stage.player.current(), first);
    for (path, content) in [
        ("saves/1", "played on"),
        ("saves/2", "only here"),
        ("saves/old", "older there"),
        ("mods/strange: name", "any name"),
        ("settings.cfg", "as the player likes it"),
    ] {
        assert_eq!(read(&first, path), content, "{path}");
    }
    assert!(!first.join("notes.txt").exists());
    assert!(stage.player.updater.verify().await.unwrap().is_intact());
    // Nothing of it lies about.
    assert!(
        fs::read_dir(stage.root.path().join(".vsekai/staging"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_game_saved_during_the_update_is_there_at_the_first_start_and_never_lost() {
    let stage = Stage::played().await;
    let first = stage.player.current();
    stage.update(2).await;
    replace(&first, "saves/1", b"saved while the update ran", Duration::ZERO);
    replace(&first, "saves/2", b"another one", Duration::ZERO);
    // It cannot be started, but is made ready for that.
    stage
        .player
        .updater
        .launch(&LaunchOptions::default())
        .unwrap_err();
    let second = stage.player.current();
    assert_eq!(read(&second, "saves/1"), "saved while the update ran");
    assert_eq!(read(&second, "saves/2"), "another one");
    replace(&first, "saves/2", b"saved later still", Duration::ZERO);
    stage.update(3).await;
    stage.update(4).await;
    assert_eq!(
        read(&first, "saves/2"),
        "saved later still",
        "its version stays for that"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_comes_again_is_not_built_where_the_players_files_kept_its_folder() {
    let stage = Stage::played().await;
    let first = stage.save_in_old_version().await;
    let versions = stage.player.updater.versions().unwrap();
    assert!(versions.iter().all(|version| !first.ends_with(&version.name)));
    let again = publish(&stage.site, 1, &LEFT);
    assert!(first.ends_with(stage.site.folder_name(&again)));
    let willing = Player::open_with(stage.root.path(), &stage.web.address, |config| {
        config.allow_downgrade = true;
    });
    willing.updater.update().await.unwrap();
    assert_ne!(willing.current(), first);
    assert_eq!(read(&first, "saves/2"), SAVED_LATE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_that_the_player_removed_keeps_no_old_version() {
    let stage = Stage::played().await;
    let first = stage.player.current();
    stage.update(2).await;
    let current = stage.player.current();
    fs::remove_file(current.join("mods/readme.txt")).unwrap();
    fs::remove_file(current.join("mods/sample/mod.txt")).unwrap();
    stage.update(3).await;
    stage.update(4).await;
    assert!(!first.exists() && !current.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_name_is_no_unicode_keeps_its_version_and_stops_an_uninstall_that_would_lose_it() {
    use std::os::unix::ffi::OsStrExt as _;
    let stage = Stage::played().await;
    let first = stage.player.current();
    let odd = first.join("mods").join(std::ffi::OsStr::from_bytes(b"\xff.txt"));
    fs::write(&odd, b"of a strange name").unwrap();
    for number in 2..4 {
        stage.update(number).await;
    }
    assert_eq!(fs::read(&odd).unwrap(), b"of a strange name");
    let error = stage.player.updater.uninstall(UserFiles::Keep).await.unwrap_err();
    assert!(error.to_string().contains("its name is no Unicode"), "{error}");
    assert_eq!(fs::read(&odd).unwrap(), b"of a strange name");
    stage.player.updater.uninstall(UserFiles::Delete).await.unwrap();
    assert!(!stage.root.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_takes_along_an_old_version_that_is_there_for_the_players_files_only() {
    let stage = Stage::played().await;
    let first = stage.save_in_old_version().await;
    let elsewhere = memory_folder();
    let to = elsewhere.path().join("game");
    stage.player.updater.move_to(&to).await.unwrap();
    assert!(!first.exists());
    let first = to.join("versions").join(first.file_name().unwrap());
    assert_eq!(read(&first, "saves/2"), SAVED_LATE);
    let moved = Player::open(&to, &stage.web.address);
    let kept = moved.updater.uninstall(UserFiles::Keep).await.unwrap().kept_in;
    assert_eq!(read(&kept.unwrap(), "saves/2"), SAVED_LATE);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_keeps_an_old_version_as_a_whole_if_nobody_can_tell_what_in_it_is_the_players() {
    let stage = Stage::played().await;
    let first = stage.save_in_old_version().await;
    let name = first.file_name().unwrap().to_str().unwrap().to_owned();
    let lists = stage.root.path().join(".vsekai/releases").join(&name);
    fs::write(lists.join("contents.json.zst"), "damaged").unwrap();
    let report = stage.player.updater.uninstall(UserFiles::Keep).await.unwrap();
    assert_eq!(report.user_files.last().unwrap(), &format!("{name}/"));
    let kept = report.kept_in.unwrap();
    assert_eq!(read(&kept.join(name), "saves/2"), SAVED_LATE);
    assert_eq!(read(&kept, "saves/1"), "the first save");
    assert_eq!(names_in(stage.root.path()), ["user-files"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_or_a_device_among_the_players_files_is_not_read_and_keeps_its_version() {
    let stage = Stage::played().await;
    let first = stage.player.current();
    let pipe = first.join("saves/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    for number in 2..4 {
        stage.update(number).await;
    }
    assert!(!stage.player.current().join("saves/pipe").exists());
    assert!(pipe.exists());
    let told = stage.player.notices("left-behind");
    let is_named = told.iter().any(|message| message.contains("saves/pipe"));
    assert!(is_named, "{told:?}");
    let error = stage.player.updater.uninstall(UserFiles::Keep).await.unwrap_err();
    assert!(error.to_string().contains("no file or folder"), "{error}");
    stage.player.updater.uninstall(UserFiles::Delete).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_that_the_player_removed_comes_again_with_another_name_for_the_same_files() {
    let stage = Stage::played().await;
    let tree = stage.player.current();
    let publish_again = |number: u64| {
        stage
            .site
            .publish_with(&build(1), &format!("{number}.0"), number, |_, manifest| {
                manifest.user_paths = LEFT.iter().map(|path| TreePath::parse(path).unwrap()).collect();
            });
    };
    publish_again(2);
    stage.player.updater.update().await.unwrap();
    stage.assert_as_left(1);
    assert_ne!(stage.player.current(), tree);
    let tree = stage.player.current();
    publish_again(3);
    stage.player.updater.update().await.unwrap();
    stage.assert_as_left(1);
    assert_eq!(stage.player.current(), tree, "nothing was missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_keeps_what_is_left_to_the_player_and_moving_takes_it_along() {
    let stage = Stage::played().await;
    let elsewhere = memory_folder();
    let to = elsewhere.path().join("game");
    stage.player.updater.move_to(&to).await.unwrap();
    let moved = Player::open(&to, &stage.web.address);
    for (path, content) in PLAYERS {
        assert_eq!(read(&moved.current(), path), content);
    }
    let report = moved.updater.uninstall(UserFiles::Keep).await.unwrap();
    let kept = report.kept_in.unwrap();
    for (path, content) in PLAYERS {
        assert_eq!(read(&kept, path), content);
    }
    assert_eq!(
        read_tree(&kept).len(),
        PLAYERS.len() + 1,
        "{:?}",
        report.user_files
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn adopting_copies_what_is_left_to_the_player_and_nothing_else_beyond_the_game() {
    let stage = Stage::published().await;
    let copy = memory_folder();
    for (path, (bytes, _)) in build(1) {
        write(copy.path(), &path, &bytes);
    }
    for (path, content) in PLAYERS {
        write(copy.path(), path, content.as_bytes());
    }
    write(copy.path(), "private.txt", b"not the game's business");
    let before = listing(copy.path());
    stage.player.updater.adopt(copy.path()).await.unwrap();
    assert_eq!(listing(copy.path()), before);
    assert!(!stage.player.current().join("private.txt").exists());
    stage.assert_as_left(1);
    // Copies: what happens there is not our business.
    write(copy.path(), "saves/1", b"changed since");
    stage.assert_as_left(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_the_player_put_there_is_theirs_and_never_written_through() {
    let stage = Stage::played().await;
    let outside = memory_folder();
    write(outside.path(), "sample/mod.txt", b"from another disk");
    let mods = stage.player.current().join("mods");
    fs::remove_dir_all(&mods).unwrap();
    fs::os::unix::fs::symlink(outside.path(), &mods).unwrap();
    let before = listing(outside.path());
    assert!(stage.player.updater.verify().await.unwrap().is_intact());
    stage.update(2).await;
    let mods = stage.player.current().join("mods");
    assert_eq!(fs::read_link(&mods).unwrap(), outside.path());
    let pack = stage.player.current().join("Game.pck");
    fs::remove_file(&pack).unwrap();
    stage.player.updater.repair().await.unwrap();
    stage.player.updater.rollback().await.unwrap();
    let to = memory_folder();
    stage
        .player
        .updater
        .move_to(&to.path().join("game"))
        .await
        .unwrap();
    assert_eq!(listing(outside.path()), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_took_along_is_not_written_through_by_the_next() {
    let stage = Stage::played().await;
    let second = publish(&stage.site, 2, &LEFT);
    let (settings, mine) = (
        stage.player.current().join("settings.cfg"),
        "default of VERSION 2",
    );
    assert_eq!(mine.len(), build(2)["settings.cfg"].0.len());
    fs::write(&settings, mine).unwrap();
    // The killed run had taken it along already; the player has put it elsewhere since.
    let staging = stage
        .root
        .path()
        .join(".vsekai/staging")
        .join(stage.site.folder_name(&second));
    fs::create_dir_all(&staging).unwrap();
    fs::hard_link(&settings, staging.join("settings.cfg")).unwrap();
    let elsewhere = stage.root.path().join("my settings");
    fs::rename(&settings, &elsewhere).unwrap();
    stage.player.updater.update().await.unwrap();
    assert_eq!(
        read(&stage.player.current(), "settings.cfg"),
        "default of version 2"
    );
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), mine);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_cannot_be_left_to_anybody_are_refused() {
    let (site, root) = (Site::new(), memory_folder());
    let web = Web::start(site.path()).await;
    let many: Vec<String> = (0..=MAX_USER_PATHS).map(|number| format!("f{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for left in [
        &["Game.x86_64"][..],
        &["GAME.X86_64"],
        &["Game.pck/below-a-file"],
        &many,
    ] {
        publish(&site, 1, left);
        let player = Player::open(root.path(), &web.address);
        let error = player.updater.update().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Damaged, "{left:?}: {error}");
        assert!(
            error.to_string().contains("cannot be left to the player"),
            "{error}"
        );
    }
    let manifest = publish(&site, 1, &["mods"]);
    for hostile in support::names::HOSTILE
        .iter()
        .chain(&["", "/", "*", "mods/*", ".vsekai", "../x", "/etc"])
    {
        let mut json = serde_json::to_value(&manifest).unwrap();
        json["user_paths"] = serde_json::json!([hostile]);
        site.point_at(&manifest, &serde_json::to_vec(&json).unwrap(), |_| {});
        let player = Player::open(root.path(), &web.address);
        let error = player.updater.update().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Untrusted, "{hostile:?}: {error}");
        assert!(!error.to_string().chars().any(char::is_control), "{error}");
    }
    assert!(!root.path().join("versions").exists());
}
