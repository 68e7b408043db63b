// SPDX-License-Identifier: MIT
//! Starting real programs, and going back from versions that do not start.
#![cfg(unix)]

mod support;

use std::path::{Path, PathBuf};

use support::site::Site;
use support::web::Web;
use support::{Files, Player, game, names_in};
use vsekai_engine::{
    CheckOutcome, Decision, ErrorCode, GameExit, LaunchOptions, UnknownSurroundings, UpdateOutcome, Wish,
};

/// Says that it is there.
const GOOD: &str = ": > \"$VSEKAI_START_FILE\"";
/// Crashes at once.
const BAD: &str = "echo boom >&2; exit 3";
/// The records whose loss is bearable.
const BEARABLE: [&str; 3] = ["preferences.json", "starts.json", "read-token.json"];

/// The records that a game starts without.
fn records() -> impl Iterator<Item = &'static str> {
    BEARABLE.into_iter().chain(["settings.json"])
}

/// A build whose program is a script.
fn build(seed: u64, script: &str) -> Files {
    let mut files = game(seed);
    let program = format!("#!/bin/sh\n{script}\n").into_bytes();
    files.insert("Game.x86_64".to_owned(), (program, true));
    files
}

/// A publisher, a server and a player of scripts.
struct Stage {
    site: Site,
    _root: tempfile::TempDir,
    _web: Web,
    player: Player,
}

impl Stage {
    async fn new() -> Self {
        let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
        let web = Web::start(site.path()).await;
        let player = Player::open(&root.path().join("install"), &web.address);
        Self {
            site,
            _root: root,
            _web: web,
            player,
        }
    }

    /// Version 1.0 is installed and started well.
    async fn played() -> Self {
        let stage = Self::new().await;
        stage.install(1, GOOD).await;
        stage.play();
        stage
    }

    /// Publishes a script as `number.0` and takes it, whatever the settings are.
    async fn install(&self, number: u64, script: &str) {
        self.site
            .publish(&build(number, script), &format!("{number}.0"), number);
        self.player.updater.update().await.unwrap();
    }

    /// Starts the game and waits for its end.
    fn play(&self) -> GameExit {
        play(&self.player)
    }

    /// Returns the folder of the install's records.
    fn state(&self) -> PathBuf {
        self.player.updater.status().unwrap().root.join(".vsekai")
    }

    /// Opens the install once more, without its server.
    fn reopen(&self) -> Player {
        let root = self.player.updater.status().unwrap().root;
        Player::open(&root, "http://127.0.0.1:9")
    }

    /// Starts the game with another launcher, which can read none of the `records`; returns it and what it told of those
    /// whose loss is bearable.
    fn play_unread(&self, code: ErrorCode) -> (Player, Vec<String>) {
        let player = self.reopen();
        let damage = player.updater.status().unwrap().damage;
        assert_eq!(damage.len(), records().count(), "{damage:?}");
        assert!(damage.iter().all(|report| report.code == code), "{damage:?}");
        assert!(!play(&player).crashed);
        let told = player.notices("unread-record");
        assert_eq!(told.len(), BEARABLE.len(), "{told:?}");
        (player, told)
    }

    fn installed(&self) -> String {
        let status = self.player.updater.status().unwrap();
        status.installed.unwrap().version.to_string()
    }
}

/// Starts the player's game and waits for its end.
fn play(player: &Player) -> GameExit {
    let mut game = player.updater.launch(&LaunchOptions::default()).unwrap();
    game.wait().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_crashes_three_times_gives_way_to_the_last_good_one_and_is_not_offered_again() {
    let stage = Stage::new().await;
    let updater = &stage.player.updater;
    updater.set_preference("updates", "automatic").unwrap();
    stage.install(1, GOOD).await;
    assert!(!stage.play().crashed);
    assert!(updater.versions().unwrap()[0].started_well);

    stage.install(2, BAD).await;
    for _ in 0..2 {
        let exit = stage.play();
        assert_eq!((exit.code, exit.crashed), (Some(3), true));
        let log = fs_err::read_to_string(exit.crash_log.unwrap()).unwrap();
        assert!(
            log.starts_with("version 2.0, exit code 3") && log.contains("boom"),
            "{log}"
        );
        assert_eq!(stage.installed(), "2.0");
    }
    stage.play();
    assert_eq!(stage.installed(), "1.0");
    assert_eq!(stage.player.states().last().unwrap(), "RolledBack");
    let told = stage.player.told();
    let expected = "2.0 crashed while starting, 3 times in a row: 1.0 is back";
    assert!(told.contains(&("rolled-back", expected.to_owned())), "{told:?}");
    let versions = updater.versions().unwrap();
    assert_eq!(
        versions[1].given_up.as_deref(),
        Some("2.0 crashed while starting, 3 times in a row")
    );
    assert_eq!(
        updater.status().unwrap().gave_up.as_deref(),
        Some("2.0 crashed while starting")
    );

    let CheckOutcome::Available { plan } = updater.check().await.unwrap() else {
        panic!("not offered")
    };
    assert_eq!((plan.left_before, plan.failed_starts), (true, 3));
    for wish in [Wish::Background, Wish::Player] {
        let held = updater
            .update_by_policy(wish, &UnknownSurroundings)
            .await
            .unwrap();
        let UpdateOutcome::HeldBack { decision, .. } = held else {
            panic!("taken")
        };
        assert!(matches!(decision, Decision::HoldBack(_)));
    }
    assert_eq!(stage.installed(), "1.0");

    stage.site.publish(&build(3, GOOD), "3.0", 3);
    let taken = updater
        .update_by_policy(Wish::Background, &UnknownSurroundings)
        .await;
    assert!(matches!(taken.unwrap(), UpdateOutcome::Updated(_)));
    assert_eq!(stage.installed(), "3.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_for_the_same_files_is_no_new_chance() {
    let stage = Stage::played().await;
    stage.install(2, BAD).await;
    stage.play();
    stage.play();
    stage.site.publish(&build(2, BAD), "3.0", 3);
    stage.player.updater.update().await.unwrap();
    assert_eq!(stage.installed(), "3.0");
    stage.play();
    assert_eq!(stage.installed(), "1.0");
    stage.site.publish(&build(1, GOOD), "4.0", 4);
    stage.player.updater.update().await.unwrap();
    let version = &stage.player.updater.versions().unwrap()[0];
    assert_eq!((version.version.as_str(), version.started_well), ("4.0", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_taken_again_knowingly_gets_a_new_chance() {
    let stage = Stage::played().await;
    stage.install(2, BAD).await;
    (0..3).for_each(|_| drop(stage.play()));
    assert_eq!(stage.installed(), "1.0");
    stage.player.updater.update().await.unwrap();
    stage.play();
    stage.play();
    assert_eq!(stage.installed(), "2.0");
    stage.play();
    assert_eq!(stage.installed(), "1.0");
    stage.player.updater.rollback_to("2.0").await.unwrap();
    stage.play();
    assert_eq!(stage.installed(), "2.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bad_versions_do_not_take_turns() {
    let stage = Stage::new().await;
    stage.install(1, BAD).await;
    stage.install(2, BAD).await;
    let mut went_back = 0;
    for _ in 0..12 {
        let before = stage.installed();
        stage.play();
        went_back += u32::from(stage.installed() != before);
    }
    assert_eq!((went_back, stage.installed().as_str()), (1, "1.0"));
    assert!(!stage.player.notices("no-good-version").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_cannot_be_started_counts_as_one_that_does_not_start() {
    let stage = Stage::played().await;
    let mut files = game(2);
    let program = b"#!/no/such/interpreter\n".to_vec();
    files.insert("Game.x86_64".to_owned(), (program, true));
    stage.site.publish(&files, "2.0", 2);
    stage.player.updater.update().await.unwrap();
    for _ in 0..3 {
        let error = stage
            .player
            .updater
            .launch(&LaunchOptions::default())
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::Launch, "{error}");
    }
    assert_eq!(stage.installed(), "1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_starts_whatever_became_of_the_documents_that_only_repairs_and_updates_need() {
    let stage = Stage::new().await;
    stage.install(1, GOOD).await;
    stage.install(2, GOOD).await;
    let releases = stage.state().join("releases");
    for release in names_in(&releases) {
        let release = releases.join(release);
        fs_err::remove_file(release.join("contents.json.zst")).unwrap();
        fs_err::write(release.join("index.caidx"), b"damaged").unwrap();
    }
    assert!(!stage.play().crashed);
    assert_eq!(stage.installed(), "2.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_starts_whatever_became_of_settings_and_records_and_what_was_lost_is_told_once() {
    let stage = Stage::played().await;
    let state = stage.state();
    for record in records() {
        fs_err::write(state.join(record), "damaged").unwrap();
    }
    let player = stage.reopen();
    assert_eq!(player.updater.status().unwrap().damage.len(), records().count());
    for _ in 0..2 {
        assert!(!play(&player).crashed);
    }
    let told = player.notices("damaged-record");
    assert_eq!(told.len(), BEARABLE.len(), "{told:?}");
    for (record, told) in BEARABLE.iter().zip(told) {
        let aside = state.join(format!("{record}.damaged"));
        assert!(told.contains(aside.to_str().unwrap()), "{told}");
        assert_eq!(fs_err::read_to_string(aside).unwrap(), "damaged");
    }
    assert!(player.updater.versions().unwrap()[0].started_well);
    // Without these nobody knows whom to trust, so they are neither made up nor written over.
    let error = player.updater.check().await.unwrap_err();
    assert!(
        error.code() == ErrorCode::Damaged && error.hint().is_some(),
        "{error}"
    );
    player.updater.update().await.unwrap_err();
    assert_eq!(
        fs_err::read_to_string(state.join("settings.json")).unwrap(),
        "damaged"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn a_game_starts_though_the_disk_gives_no_record_back_and_none_is_put_aside_or_written_over() {
    let stage = Stage::played().await;
    let state = stage.state();
    for record in records() {
        support::make_unreadable(&state.join(record));
    }
    let (player, told) = stage.play_unread(ErrorCode::Disk);
    for (record, told) in BEARABLE.iter().zip(told) {
        assert!(told.contains(state.join(record).to_str().unwrap()), "{told}");
    }
    let error = player.updater.set_preference("keep-versions", "2").unwrap_err();
    assert_eq!(error.code(), ErrorCode::Disk, "{error}");
    player.updater.check().await.unwrap_err();
    assert!(BEARABLE.iter().all(|record| state.join(record).is_symlink()));
    assert!(!names_in(&state).iter().any(|name| name.ends_with(".damaged")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_starts_beside_records_of_a_newer_launcher_which_stay_as_they_are() {
    let stage = Stage::played().await;
    let state = stage.state();
    let newer = "{\"schema\": 2, \"starts\": \"in another form\"}";
    for record in records() {
        fs_err::write(state.join(record), newer).unwrap();
    }
    let (player, told) = stage.play_unread(ErrorCode::LauncherTooOld);
    assert!(
        told.iter()
            .all(|told| told.ends_with("needs a newer launcher (schema 2, this one knows 1)"))
    );
    for error in [
        player.updater.set_preference("keep-versions", "2").unwrap_err(),
        player.updater.reset_preferences(None).unwrap_err(),
        player.updater.check().await.unwrap_err(),
        player.updater.update().await.unwrap_err(),
    ] {
        assert_eq!(error.code(), ErrorCode::LauncherTooOld, "{error}");
    }
    for record in records() {
        assert_eq!(fs_err::read_to_string(state.join(record)).unwrap(), newer);
        assert!(!state.join(format!("{record}.damaged")).exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_starts_of_a_newer_launcher_stops_no_update_roll_back_or_repair() {
    let stage = Stage::played().await;
    let record = stage.state().join("starts.json");
    let newer = "{\"schema\": 2}";
    fs_err::write(&record, newer).unwrap();
    stage.install(2, GOOD).await;
    assert_eq!(stage.installed(), "2.0");
    stage.player.updater.rollback().await.unwrap();
    assert_eq!(stage.installed(), "1.0");
    stage.player.updater.repair().await.unwrap();
    assert_eq!(fs_err::read_to_string(&record).unwrap(), newer);
    assert!(!stage.player.notices("unread-record").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_of_a_start_is_given_twice_though_the_record_of_starts_is_lost() {
    let stage = Stage::new().await;
    stage.player.updater.set_preference("failed-starts", "0").unwrap();
    stage.install(1, BAD).await;
    let first = stage.play().crash_log.unwrap();
    let state = stage.state();
    fs_err::write(state.join("starts.json"), "damaged").unwrap();
    let second = stage.play().crash_log.unwrap();
    assert!(first.ends_with("crash-000001.log") && second.ends_with("crash-000002.log"));
    assert!(first.exists() && second.exists());
    fs_err::remove_file(state.join("starts.json")).unwrap();
    fs_err::write(state.join("starts/7"), "").unwrap();
    assert!(stage.play().crash_log.unwrap().ends_with("crash-000008.log"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_starts_although_nothing_can_be_written_down_of_it() {
    let stage = Stage::new().await;
    stage.install(1, GOOD).await;
    fs_err::create_dir(stage.state().join("starts.lock")).unwrap();
    assert!(!stage.play().crashed);
    assert!(!stage.player.notices("start-record").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_starts_although_there_can_be_no_log_of_it() {
    let stage = Stage::new().await;
    stage.install(1, BAD).await;
    let logs = stage.state().join("logs");
    fs_err::write(&logs, "in the way").unwrap();
    let mut game = stage.player.updater.launch(&LaunchOptions::default()).unwrap();
    assert_eq!(game.log(), None);
    let exit = game.wait().unwrap();
    assert_eq!((exit.code, exit.crash_log), (Some(3), None));
    let told = stage.player.notices("no-game-log");
    assert!(
        told.len() == 1 && told[0].contains(logs.to_str().unwrap()),
        "{told:?}"
    );
    assert_eq!(stage.player.updater.versions().unwrap()[0].failed_starts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_starts_although_its_version_cannot_be_marked_as_in_use() {
    let stage = Stage::new().await;
    stage.install(1, GOOD).await;
    let name = stage.player.current().file_name().unwrap().to_owned();
    let mark = stage.state().join("releases").join(name).join("in-use");
    fs_err::os::unix::fs::symlink("nowhere/in-use", &mark).unwrap();
    assert!(!stage.play().crashed);
    let told = stage.player.notices("not-marked");
    assert!(
        told.len() == 1 && told[0].contains(mark.to_str().unwrap()),
        "{told:?}"
    );
    assert!(stage.player.updater.versions().unwrap()[0].started_well);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_launcher_that_goes_before_the_game_does_not_make_it_a_failed_start() {
    let stage = Stage::new().await;
    stage.install(1, GOOD).await;
    stage.install(2, BAD).await;
    for _ in 0..6 {
        // Nobody sees how the game ends, as if the launcher was killed.
        drop(stage.player.updater.launch(&LaunchOptions::default()).unwrap());
        while stage.player.updater.status().unwrap().game_running {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(stage.installed(), "2.0");
    assert_eq!(stage.player.updater.versions().unwrap()[0].failed_starts, 0);
    (0..3).for_each(|_| drop(stage.play()));
    assert_eq!(stage.installed(), "1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_that_says_it_is_there_has_started_well_while_it_still_runs() {
    let stage = Stage::new().await;
    stage
        .install(1, ": > \"$VSEKAI_START_FILE\"; read line < \"$1\"; exit 9")
        .await;
    let pipe = fifo(&stage);
    let options = LaunchOptions {
        arguments: vec![pipe.to_str().unwrap().to_owned()],
        ..LaunchOptions::default()
    };
    let mut game = stage.player.updater.launch(&options).unwrap();
    while !stage.player.updater.versions().unwrap()[0].started_well {
        assert_eq!(game.try_wait().unwrap(), None);
        tokio::task::yield_now().await;
    }
    fs_err::write(&pipe, "\n").unwrap();
    let exit = game.wait().unwrap();
    assert_eq!((exit.code, exit.crashed), (Some(9), true));
    let version = &stage.player.updater.versions().unwrap()[0];
    assert!(version.started_well && version.failed_starts == 0, "{version:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_that_used_to_report_and_ends_without_has_not_started() {
    let stage = Stage::played().await;
    stage.install(2, "exit 0").await;
    (0..3).for_each(|_| drop(stage.play()));
    assert_eq!(stage.installed(), "1.0");
    assert_eq!(
        stage.player.updater.versions().unwrap()[1].given_up.as_deref(),
        Some("2.0 ended before it was ready, 3 times in a row")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_environment_and_folder_reach_the_program_as_they_are() {
    let stage = Stage::new().await;
    stage
        .install(1, "printf '%s\\n' \"$@\" \"$COLOUR\" \"$(pwd)\" > \"$OUT\"")
        .await;
    let folder = tempfile::tempdir().unwrap();
    let folder = fs_err::canonicalize(folder.path()).unwrap();
    let out = folder.join("out");
    let text = |value: &str| value.to_owned();
    let options = LaunchOptions {
        arguments: vec![text("two words; $HOME"), text("")],
        environment: vec![
            (text("COLOUR"), text("re d")),
            (text("OUT"), out.to_str().unwrap().to_owned()),
        ],
        working_folder: Some(folder.clone()),
        ..LaunchOptions::default()
    };
    stage.player.updater.launch(&options).unwrap().wait().unwrap();
    let said = fs_err::read_to_string(&out).unwrap();
    let folder = folder.to_str().unwrap();
    assert_eq!(said, format!("two words; $HOME\n\nre d\n{folder}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_never_touches_the_network() {
    let stage = Stage::new().await;
    stage.install(1, GOOD).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let root = stage.player.updater.status().unwrap().root;
    let server = format!("http://{}", silent.local_addr().unwrap());
    let player = Player::open(&root, &server);
    assert!(!play(&player).crashed);
    assert_eq!(
        silent.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_last_few_crash_logs_are_kept() {
    let stage = Stage::new().await;
    stage.player.updater.set_preference("failed-starts", "0").unwrap();
    stage.install(1, BAD).await;
    let kept: Vec<_> = (0..8).map(|_| stage.play().crash_log.unwrap()).collect();
    let last = &kept[7];
    let logs: Vec<_> = fs_err::read_dir(last.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("crash-"))
        .collect();
    assert_eq!(logs.len(), 5, "{logs:?}");
    assert!(last.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_game_keeps_its_version_and_its_install() {
    let stage = Stage::new().await;
    let waits = ": > \"$VSEKAI_START_FILE\"; read line < \"$1\"";
    stage.install(1, waits).await;
    let pipe = fifo(&stage);
    let options = LaunchOptions {
        arguments: vec![pipe.to_str().unwrap().to_owned()],
        ..LaunchOptions::default()
    };
    let mut game = stage.player.updater.launch(&options).unwrap();
    let first = stage.player.current();
    stage.install(2, GOOD).await;
    let updater = &stage.player.updater;
    let elsewhere = stage._root.path().join("elsewhere");
    let refused = [
        updater
            .uninstall(vsekai_engine::UserFiles::Keep)
            .await
            .unwrap_err(),
        updater.move_to(&elsewhere).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.code(), ErrorCode::GameRunning, "{error}");
        assert!(error.hint().is_some() && error.retry());
    }
    let removal = updater.remove_version("1.0").await.unwrap();
    assert_eq!(removal.waits_for.as_deref(), Some("a game runs from it"));
    assert_eq!(updater.versions().unwrap().len(), 1);
    assert!(first.join("Game.x86_64").exists());
    fs_err::write(&pipe, "\n").unwrap();
    game.wait().unwrap();
    drop(game);
    stage.install(3, GOOD).await;
    assert!(!first.exists(), "nobody needs it any more");
}

fn fifo(stage: &Stage) -> std::path::PathBuf {
    let path = stage._root.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success() && Path::new(&path).exists());
    path
}
