// SPDX-License-Identifier: MIT
//! The player's say: when updates are taken, how fast, what is kept.
#![cfg(unix)]

mod support;

use std::sync::{Arc, Mutex};

use support::web::Answer;
use support::{Player, Scene, game};
use tokio::task::JoinHandle;
use vsekai_engine::clock::TimeOfDay;
use vsekai_engine::{
    CheckOutcome, ErrorCode, LaunchOptions, NetworkKind, Preferences, Surroundings, UnknownSurroundings,
    UpdateOutcome, Wish,
};

/// Surroundings as a test wants them.
struct Here(Mutex<(Option<TimeOfDay>, NetworkKind)>);

impl Here {
    fn at(time: &str) -> Self {
        Self(Mutex::new((Some(time.parse().unwrap()), NetworkKind::Unknown)))
    }

    fn now_at(&self, time: &str) {
        self.0.lock().unwrap().0 = Some(time.parse().unwrap());
    }
}

impl Surroundings for Here {
    fn now(&self) -> Option<TimeOfDay> {
        self.0.lock().unwrap().0
    }

    fn network(&self) -> NetworkKind {
        self.0.lock().unwrap().1
    }
}

fn held_back(outcome: UpdateOutcome) -> String {
    match outcome {
        UpdateOutcome::HeldBack { decision, .. } => decision.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_kept_in_the_install_and_are_the_same_for_every_launcher() {
    let scene = Scene::published().await;
    let (root, web) = (&scene.root, &scene.web);
    let updater = &scene.player.updater;
    updater.set_preference("rate-limit", "250000").unwrap();
    updater.set_preference("quiet-hours", "22:00-07:00").unwrap();
    updater.skip(&"3.0".parse().unwrap(), true).unwrap();
    let other = Player::open(root.path(), &web.address);
    let preferences = other.updater.preferences();
    assert_eq!(preferences, updater.preferences());
    assert_eq!(preferences.rate_limit.unwrap().get(), 250_000);
    let error = other.updater.set_preference("rate-limit", "fast").unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidInput);
    let reset = other.updater.reset_preferences(None).unwrap();
    assert_eq!(reset.skipped.len(), 1, "a skipped version is no setting");
    assert_eq!(reset.quiet_hours, Preferences::default().quiet_hours);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_settings_are_those_at_first_and_kept_beside_from_the_first_change_on() {
    let scene = Scene::published().await;
    let updater = &scene.player.updater;
    updater.set_preference("rate-limit", "250000").unwrap();
    let file = scene.root.path().join(".vsekai/preferences.json");
    let aside = scene.root.path().join(".vsekai/preferences.json.damaged");
    for damage in ["{\"keep_versions\": 4000000}", "{\"schema\"", "7"] {
        fs_err::write(&file, damage).unwrap();
        assert_eq!(updater.preferences(), Preferences::default());
        let report = &updater.status().unwrap().damage[0];
        assert_eq!(report.code, ErrorCode::Damaged);
        assert!(report.message.contains("preferences.json"), "{}", report.message);
        assert!(report.hint.as_ref().unwrap().contains(".damaged") && !report.retry);
        assert_eq!(
            fs_err::read_to_string(&file).unwrap(),
            damage,
            "looking changes nothing"
        );
        updater.set_preference("keep-versions", "2").unwrap();
        assert_eq!(fs_err::read_to_string(&aside).unwrap(), damage);
        let preferences = updater.preferences();
        assert_eq!((preferences.keep_versions, preferences.rate_limit), (2, None));
        assert_eq!(updater.status().unwrap().damage, []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_a_newer_launcher_added_to_records_are_no_damage() {
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    updater.set_preference("rate-limit", "250000").unwrap();
    for record in ["settings.json", "preferences.json", "current.json"] {
        let file = scene.root.path().join(".vsekai").join(record);
        let mut fields: serde_json::Value = serde_json::from_slice(&fs_err::read(&file).unwrap()).unwrap();
        fields["colour"] = "green".into();
        fs_err::write(&file, fields.to_string()).unwrap();
    }
    assert_eq!(updater.status().unwrap().damage, []);
    assert_eq!(updater.preferences().rate_limit.unwrap().get(), 250_000);
    updater.set_preference("keep-versions", "2").unwrap();
    assert_eq!(updater.preferences().rate_limit.unwrap().get(), 250_000);
    updater.update().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_nobody_asked_for_goes_by_the_settings_and_one_the_player_wants_does_not() {
    let scene = Scene::installed().await;
    let (site, updater) = (&scene.site, &scene.player.updater);
    site.publish(&game(2), "2.0", 2);
    let here = Here::at("23:00");
    let background = async || updater.update_by_policy(Wish::Background, &here).await.unwrap();
    assert!(held_back(background().await).starts_with("waits for your word: "));
    updater.set_preference("updates", "automatic").unwrap();
    updater.set_preference("quiet-hours", "22:00-07:00").unwrap();
    assert_eq!(held_back(background().await), "held back until 07:00");
    here.now_at("12:00");
    here.0.lock().unwrap().1 = NetworkKind::Metered;
    updater.set_preference("metered-size", "0").unwrap();
    assert!(held_back(background().await).ends_with(" over a metered connection"));
    assert_eq!(
        scene.player.states().last().unwrap(),
        "CheckForUpdates.UpdateAvailable"
    );
    scene.player.assert_has(&game(1));
    let wanted = updater.update_by_policy(Wish::Player, &here).await.unwrap();
    assert!(matches!(wanted, UpdateOutcome::Updated(_)));
    scene.player.assert_has(&game(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn skipped_and_other_than_pinned_versions_are_only_taken_anyway() {
    let scene = Scene::installed().await;
    let (site, updater) = (&scene.site, &scene.player.updater);
    let wanted = async || {
        updater
            .update_by_policy(Wish::Player, &UnknownSurroundings)
            .await
            .unwrap()
    };
    assert_eq!(updater.pin(None).unwrap().as_str(), "1.0");
    site.publish(&game(2), "2.0", 2);
    assert_eq!(
        held_back(wanted().await),
        "held back: this install stays at 1.0 until that is lifted"
    );
    assert_eq!(updater.unpin().unwrap().unwrap().as_str(), "1.0");
    let two = "2.0".parse().unwrap();
    updater.skip(&two, true).unwrap();
    assert_eq!(held_back(wanted().await), "held back: 2.0 is to be skipped");
    site.publish(&game(3), "3.0", 3);
    assert!(matches!(wanted().await, UpdateOutcome::Updated(_)));
    scene.player.assert_has(&game(3));
    site.publish(&game(2), "4.0", 4);
    updater.skip(&"4.0".parse().unwrap(), true).unwrap();
    updater.update().await.unwrap();
    scene.player.assert_has(&game(2));
}

/// A download nobody asked for that is under way, and would take hours.
async fn slow_download(
    scene: &Scene,
    here: &Arc<Here>,
) -> JoinHandle<Result<UpdateOutcome, vsekai_engine::EngineError>> {
    let updater = scene.player.updater.clone();
    for (name, value) in [
        ("updates", "automatic"),
        ("quiet-hours", "22:00-07:00"),
        ("rate-limit", "100"),
    ] {
        updater.set_preference(name, value).unwrap();
    }
    // States told before count no more.
    scene.player.events.lock().unwrap().clear();
    let here = here.clone();
    let running = tokio::spawn(async move { updater.update_by_policy(Wish::Background, &*here).await });
    scene.player.reaches("CheckForUpdates.DownloadingUpdate").await;
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_nobody_asked_for_waits_when_the_quiet_hours_begin_and_goes_on_when_they_end() {
    let scene = Scene::published().await;
    let here = Arc::new(Here::at("21:59"));
    let running = slow_download(&scene, &here).await;
    here.now_at("22:00");
    scene.player.reaches("Paused").await;
    let told = scene.player.told();
    let waits = "The download waits: it is quiet until 07:00";
    assert!(told.iter().any(|(_, message)| message == waits), "{told:?}");
    scene.player.updater.set_preference("rate-limit", "none").unwrap();
    here.now_at("07:00");
    assert!(matches!(
        running.await.unwrap().unwrap(),
        UpdateOutcome::Installed(_)
    ));
    scene.player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_held_back_goes_on_at_the_players_word() {
    let scene = Scene::published().await;
    let here = Arc::new(Here::at("12:00"));
    let running = slow_download(&scene, &here).await;
    here.now_at("23:00");
    scene.player.reaches("Paused").await;
    scene.player.updater.set_preference("rate-limit", "none").unwrap();
    scene.player.updater.control().resume();
    assert!(matches!(
        running.await.unwrap().unwrap(),
        UpdateOutcome::Installed(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_nobody_asked_for_waits_while_the_game_runs() {
    let scene = Scene::published().await;
    let mut files = game(1);
    let program = b"#!/bin/sh\nread line < \"$1\"\n".to_vec();
    files.insert("Game.x86_64".to_owned(), (program, true));
    scene.site.publish(&files, "1.0", 1);
    scene.player.updater.update().await.unwrap();
    scene.site.publish(&game(2), "2.0", 2);
    let here = Arc::new(Here::at("12:00"));
    let running = slow_download(&scene, &here).await;
    let pipe = scene.root.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let options = LaunchOptions {
        arguments: vec![pipe.to_str().unwrap().to_owned()],
        ..LaunchOptions::default()
    };
    let mut playing = scene.player.updater.launch(&options).unwrap();
    scene.player.reaches("Paused").await;
    scene.player.updater.set_preference("rate-limit", "none").unwrap();
    fs_err::write(&pipe, "\n").unwrap();
    playing.wait().unwrap();
    drop(playing);
    running.await.unwrap().unwrap();
    scene.player.assert_has(&game(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_limit_can_be_changed_during_a_download_by_another_program() {
    let scene = Scene::published().await;
    let (root, web, player) = (&scene.root, &scene.web, &scene.player);
    // So slow that it would take hours.
    player.updater.set_preference("rate-limit", "100").unwrap();
    let updater = player.updater.clone();
    let running = tokio::spawn(async move { updater.update().await });
    player.reaches("CheckForUpdates.DownloadingUpdate").await;
    let other = Player::open(root.path(), &web.address);
    other.updater.set_preference("rate-limit", "none").unwrap();
    running.await.unwrap().unwrap();
    player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_old_versions_are_kept_gone_back_to_and_removed() {
    let scene = Scene::installed().await;
    let (site, updater, root) = (&scene.site, &scene.player.updater, scene.root.path());
    updater.set_preference("keep-versions", "3").unwrap();
    for number in 2..=5 {
        site.publish(&game(number), &format!("{number}.0"), number);
        updater.update().await.unwrap();
    }
    let labels = || -> Vec<String> {
        let versions = updater.versions().unwrap();
        versions
            .iter()
            .map(|version| version.version.to_string())
            .collect()
    };
    assert_eq!(labels(), ["5.0", "4.0", "3.0", "2.0"]);
    let folders = || fs_err::read_dir(root.join("versions")).unwrap().count();
    assert_eq!(folders(), 4);
    let versions = updater.versions().unwrap();
    assert!(
        versions[1].own_bytes < versions[1].installed_bytes * 9 / 10,
        "shared files count once"
    );
    let went = updater.rollback_to("3.0").await.unwrap();
    assert_eq!(
        (went.from_version.as_str(), went.version.as_str()),
        ("5.0", "3.0")
    );
    scene.player.assert_has(&game(3));
    assert_eq!(labels(), ["3.0", "5.0", "4.0", "2.0"]);
    let removal = updater.remove_version("4.0").await.unwrap();
    assert!(removal.waits_for.is_none() && removal.freed_bytes > 0);
    assert_eq!((labels().len(), folders()), (3, 3));
    for (which, said) in [
        ("3.0", "is the version that \"Play\" starts"),
        ("9.0", "there is no version"),
    ] {
        let error = updater.remove_version(which).await.unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    // Going forward again leaves no version twice.
    updater.update().await.unwrap();
    assert_eq!(labels(), ["5.0", "3.0", "2.0"]);
    scene.player.assert_has(&game(5));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn no_old_version_goes_while_the_settings_that_may_keep_it_cannot_be_read() {
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    updater.set_preference("keep-versions", "3").unwrap();
    let publish_and_update = async |number: u64| {
        scene.site.publish(&game(number), &format!("{number}.0"), number);
        updater.update().await.unwrap();
    };
    publish_and_update(2).await;
    publish_and_update(3).await;
    support::make_unreadable(&scene.root.path().join(".vsekai/preferences.json"));
    publish_and_update(4).await;
    assert_eq!(updater.versions().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_an_earlier_attempt_has_left_ready() {
    let scene = Scene::published().await;
    let (web, updater) = (&scene.web, &scene.player.updater);
    let CheckOutcome::Available { plan: fresh } = updater.check().await.unwrap() else {
        panic!("not offered")
    };
    let mut left = 12;
    web.on(move |path| {
        left -= i32::from(path.starts_with("/store/"));
        if left < 0 { Answer::HangUp } else { Answer::Serve }
    });
    updater.update().await.unwrap_err();
    web.reset();
    let CheckOutcome::Available { plan } = updater.check().await.unwrap() else {
        panic!("not offered")
    };
    assert!(plan.staged_bytes > 0 && plan.download_bytes < fresh.download_bytes);
    assert_eq!(
        plan.staged_bytes + plan.network_bytes + plan.reused_bytes,
        plan.installed_bytes
    );
    let UpdateOutcome::Installed(done) = updater.update().await.unwrap() else {
        panic!("not installed")
    };
    assert_eq!(done.chunk_bytes, plan.download_bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_check_reads_no_file_and_finds_what_can_be_seen_from_outside() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    let clean = updater.verify_quick().await.unwrap();
    assert!(
        clean.is_intact() && clean.files > 40 && clean.bytes == 0,
        "{clean:?}"
    );
    let current = scene.player.current();
    let mode = |path: &str, mode: u32| {
        let permissions = std::fs::Permissions::from_mode(mode);
        fs_err::set_permissions(current.join(path), permissions).unwrap();
    };
    mode("Game.x86_64", 0o444);
    mode("data/changed.txt", 0o644);
    fs_err::write(current.join("data/changed.txt"), support::noise(99, 3000)).unwrap();
    // Clocks of file systems tick slowly: without this it may have the time of the installation.
    let written = fs_err::File::options()
        .write(true)
        .open(current.join("data/changed.txt"));
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1);
    written.unwrap().set_modified(later).unwrap();
    fs_err::remove_file(current.join("data/empty")).unwrap();
    fs_err::write(current.join("my mod.txt"), "mine").unwrap();
    let report = updater.verify_quick().await.unwrap();
    assert_eq!(report.damaged, ["Game.x86_64", "data/empty"]);
    assert_eq!(report.modified, ["data/changed.txt"]);
    assert_eq!(report.extra, ["my mod.txt"]);
    assert!(!report.is_intact());
}
