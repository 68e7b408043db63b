// SPDX-License-Identifier: MIT
//! What a player sees of signed releases: what is refused, what is said, and that the game stays playable.

mod support;

use std::path::Path;

use support::forge::{Forge, in_days};
use support::site::{Site, release};
use support::web::{Answer, Web};
use support::{Player, game};
use vsekai_engine::{CheckOutcome, ErrorCode, UpdateOutcome};
use vsekai_formats::release::{Percent, Rollout};
use vsekai_trust::client::TrustedState;

struct Scene {
    site: Site,
    web: Web,
    root: tempfile::TempDir,
    player: Player,
}

impl Scene {
    /// A player with the title's root has version 1.0.
    async fn installed() -> Self {
        let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
        let web = Web::start(site.path()).await;
        site.publish(&game(1), "1.0", 1);
        let player = pinned(root.path(), &web, site.root());
        player.updater.update().await.unwrap();
        Self {
            site,
            web,
            root,
            player,
        }
    }

    fn state(&self) -> TrustedState {
        TrustedState::new(self.root.path().join(".vsekai/trust/game"))
    }

    /// Asserts that a check fails in this way, with a next step, and that nothing is changed.
    async fn refuses(&self, code: ErrorCode) -> String {
        let before = fs_err::read(self.state().folder().join("trusted.json")).ok();
        let error = self.player.updater.update().await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.report().hint.is_some(), "{error}");
        let after = fs_err::read(self.state().folder().join("trusted.json")).ok();
        assert!(before == after, "the trusted state changed");
        self.player.assert_has(&game(1));
        self.player.updater.status().unwrap();
        error.to_string()
    }
}

fn pinned(root: &Path, web: &Web, trusted: Vec<u8>) -> Player {
    Player::open_with(root, &web.address, |config| config.trusted_root = Some(trusted))
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_past_its_validity_stops_updates_and_not_the_game() {
    let scene = Scene::installed().await;
    scene.site.publish(&game(2), "2.0", 2);
    scene.site.change(|forge| {
        forge.role("timestamp")["expires"] = in_days(-1).into();
        forge.publish();
    });
    let message = scene.refuses(ErrorCode::Expired).await;
    assert!(
        message.contains("the timestamp metadata was valid until"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn older_metadata_than_before_is_refused() {
    let scene = Scene::installed().await;
    let file = scene.site.path().join("titles/game/tuf/timestamp.json");
    let old = fs_err::read(&file).unwrap();
    scene.site.change(Forge::publish);
    scene.player.updater.check().await.unwrap();
    fs_err::write(&file, old).unwrap();
    let message = scene.refuses(ErrorCode::RolledBack).await;
    assert!(message.contains("is known already"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_others_signed_is_refused() {
    let scene = Scene::installed().await;
    scene.site.change(|forge| {
        forge.bump("timestamp");
        let value = forge.roles["timestamp"].clone();
        let stolen = support::forge::Key::new().sign(&value);
        let bytes = support::forge::with_signatures(&value, vec![stolen]);
        forge.files.insert("timestamp.json".to_owned(), bytes);
    });
    let message = scene.refuses(ErrorCode::Untrusted).await;
    assert!(
        message.contains("0 of 1 needed signatures are valid"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_is_said() {
    let scene = Scene::installed().await;
    let title = "game".parse().unwrap();
    let mut remembered = scene.state().load(&title).unwrap().unwrap();
    remembered.latest_time = in_days(2).parse().unwrap();
    scene.state().store(&remembered).unwrap();
    let message = scene.refuses(ErrorCode::Clock).await;
    assert!(message.contains("the clock of this computer shows"), "{message}");
    scene.player.updater.reset_trust().unwrap();
    scene.player.updater.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_missing_trusted_state_is_never_taken_for_none() {
    let scene = Scene::installed().await;
    let file = scene.state().folder().join("trusted.json");
    let mut bytes = fs_err::read(&file).unwrap();
    bytes[100] ^= 1;
    fs_err::write(&file, &bytes).unwrap();
    let message = scene.refuses(ErrorCode::TrustState).await;
    assert!(message.contains("it is damaged"), "{message}");
    fs_err::remove_file(&file).unwrap();
    let message = scene.refuses(ErrorCode::TrustState).await;
    assert!(message.contains("it is missing"), "{message}");
    scene.player.updater.reset_trust().unwrap();
    assert!(scene.player.updater.trusted().unwrap().is_none());
    scene.player.updater.check().await.unwrap();
    let trusted = scene.player.updater.trusted().unwrap().unwrap();
    assert_eq!(trusted.anchor, support::forge::sha256(&scene.site.root()));
    fs_err::remove_file(&file).unwrap();
    scene.refuses(ErrorCode::TrustState).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_of_another_publisher_is_refused() {
    let scene = Scene::installed().await;
    let other = pinned(scene.root.path(), &scene.web, Forge::new().root());
    let error = other.updater.check().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::TrustState, "{error}");
    let empty = tempfile::tempdir().unwrap();
    let other = pinned(empty.path(), &scene.web, Forge::new().root());
    let error = other.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Untrusted, "{error}");
    assert!(fs_err::read_dir(empty.path()).unwrap().next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_root_the_first_one_is_kept_and_said() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    site.publish(&game(1), "1.0", 1);
    let player = Player::open(root.path(), &web.address);
    player.updater.update().await.unwrap();
    let codes: Vec<_> = player.told().into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["first-use"]);
    let impostor = Site::new();
    impostor.publish(&game(2), "2.0", 2);
    let elsewhere = Web::start(impostor.path()).await;
    let moved = Player::open(root.path(), &elsewhere.address);
    let error = moved.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Untrusted, "{error}");
    moved.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_was_taken_back_gives_way_to_an_older_one() {
    let scene = Scene::installed().await;
    let bad = scene.site.publish(&game(2), "2.0", 2);
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(2));
    let good = scene.site.publish(&game(1), "1.0", 1);
    scene.site.point_with(&good, |pointer| {
        pointer.withdrawn = vec![release(&bad).manifest.sha256];
    });
    let updated = scene.player.updater.update().await.unwrap();
    assert!(matches!(updated, UpdateOutcome::Updated(_)), "{updated:?}");
    scene.player.assert_has(&game(1));
    assert!(!scene.player.notices("withdrawn").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_keeps_those_outside_on_the_release_before() {
    let scene = Scene::installed().await;
    let before = scene.site.publish(&game(1), "1.0", 1);
    let next = scene.site.publish(&game(2), "2.0", 2);
    let roll_out = |percent| {
        scene.site.point_with(&next, |pointer| {
            pointer.rollout = Some(Rollout {
                percent: Percent::new(percent).unwrap(),
                previous: Some(release(&before)),
            });
        });
    };
    roll_out(0);
    let checked = scene.player.updater.check().await.unwrap();
    assert!(matches!(checked, CheckOutcome::UpToDate { .. }), "{checked:?}");
    roll_out(100);
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_channel_stops_no_other() {
    let scene = Scene::installed().await;
    scene.site.publish(&game(2), "2.0", 2);
    scene.site.change(|forge| {
        forge.role("nightly")["expires"] = in_days(-1).into();
        forge.bump("nightly");
        forge.publish();
    });
    scene.web.on(|path| match path.ends_with(".nightly.json") {
        true => Answer::Status(404),
        false => Answer::Serve,
    });
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(2));
    let channels = scene.player.updater.channels().await.unwrap();
    let available: Vec<_> = channels
        .channels
        .iter()
        .map(|c| (c.name.as_str(), c.available))
        .collect();
    assert_eq!(available, [("nightly", false), ("stable", true)]);
    assert!(!scene.player.notices("channel-refused").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_root_is_followed_and_the_old_keys_are_believed_no_more() {
    let scene = Scene::installed().await;
    let stolen = scene.site.root();
    scene.site.change(|forge| {
        forge.rotate_root(|forge| {
            forge
                .keys
                .insert("timestamp".to_owned(), vec![support::forge::Key::new()]);
        });
        forge.publish();
    });
    scene.site.publish(&game(2), "2.0", 2);
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(2));
    assert!(!scene.player.notices("new-root").is_empty());
    // An older launcher with the first root works on as well.
    let older = pinned(scene.root.path(), &scene.web, stolen);
    older.updater.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_for_a_newer_engine_is_refused_in_words() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    site.publish_with(&game(1), "1.0", 1, |_, manifest| {
        manifest.minimum_engine = Some("9999.0".parse().unwrap());
    });
    let player = pinned(root.path(), &web, site.root());
    let error = player.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::LauncherTooOld);
    assert!(error.to_string().contains("needs engine 9999.0"), "{error}");
}
