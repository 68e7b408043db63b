// SPDX-License-Identifier: MIT
//! Several addresses with the same releases, some of them stale, damaged or gone.
#![cfg(unix)]

mod support;

use support::web::{Answer, Batches, Web};
use support::{Player, Scene, game};
use vsekai_engine::ErrorCode;
use vsekai_store::Secret;

/// A mirror of the scene's publisher, and a player who knows it.
async fn with_mirror(scene: &Scene) -> Web {
    let mirror = Web::start(scene.site.path()).await;
    scene
        .player
        .updater
        .set_preference("mirrors", &mirror.address)
        .unwrap();
    mirror
}

fn remembered(scene: &Scene) -> bool {
    scene.root.path().join(".vsekai/mirror.json").exists()
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_a_stale_server_lacks_come_from_the_next_one() {
    let scene = Scene::published().await;
    let mirror = with_mirror(&scene).await;
    let mut asked = 0;
    scene.web.on(move |path| {
        asked += u32::from(path.starts_with("/store/"));
        match path.starts_with("/store/") && asked % 3 == 0 {
            true => Answer::Status(404),
            false => Answer::Serve,
        }
    });
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(1));
    assert!(mirror.chunks_served() > 3 && scene.web.chunks_served() > mirror.chunks_served());
    assert!(!remembered(&scene), "the server itself still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_done_even_if_the_address_that_worked_cannot_be_remembered() {
    let scene = Scene::installed().await;
    let _mirror = with_mirror(&scene).await;
    // A file never takes the place of a folder that holds something.
    let in_the_way = scene.root.path().join(".vsekai/mirror.json/something");
    fs_err::create_dir_all(in_the_way).unwrap();
    scene.site.publish(&game(2), "2.0", 2);
    scene.web.on(|_| Answer::Status(404));
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(2));
    assert_eq!(scene.player.states().last().unwrap(), "Idle");
    assert!(!scene.player.notices("not-remembered").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_no_mirror_has_all_of_is_refused_in_words_and_completed_later() {
    let scene = Scene::installed().await;
    let mirror = with_mirror(&scene).await;
    scene.site.publish(&game(2), "2.0", 2);
    let gone = |path: &str| match path.starts_with("/store/") {
        true => Answer::Status(404),
        false => Answer::Serve,
    };
    scene.web.on(gone);
    mirror.on(gone);
    let error = scene.player.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound, "{error}");
    let hint = error.hint().unwrap();
    assert!(
        hint.starts_with("No server has all of this release yet"),
        "{hint}"
    );
    scene.player.assert_has(&game(1));
    mirror.reset();
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_documents_and_chunks_are_asked_for_elsewhere() {
    let scene = Scene::published().await;
    let _mirror = with_mirror(&scene).await;
    scene.web.on(|_| Answer::FlipBit);
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(1));
    assert!(!scene.player.notices("address-failed").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_replaced_by_its_mirror_and_that_is_remembered() {
    let scene = Scene::installed().await;
    let mirror = with_mirror(&scene).await;
    scene.site.publish(&game(2), "2.0", 2);
    scene.web.on(|_| Answer::HangUp);
    scene.player.updater.update().await.unwrap();
    scene.player.assert_has(&game(2));
    assert!(remembered(&scene));
    // The next launcher asks the mirror first, and the server not at all.
    scene.web.reset();
    mirror.reset();
    let other = Player::open(scene.root.path(), &scene.web.address);
    other.updater.check().await.unwrap();
    // Nothing is new, so the timestamp is all it serves.
    assert_eq!((scene.web.served().len(), mirror.served().len()), (0, 1));
    // When the mirror is gone too, the server's turn comes again.
    mirror.on(|_| Answer::HangUp);
    other.updater.check().await.unwrap();
    assert!(!remembered(&scene));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_address_that_works_the_first_one_is_to_blame() {
    let scene = Scene::installed().await;
    let mirror = with_mirror(&scene).await;
    scene.web.on(|_| Answer::Status(404));
    mirror.on(|_| Answer::HangUp);
    let error = scene.player.updater.check().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::NotFound, "{error}");
    scene.player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_document_that_the_server_lacks_or_damages_comes_from_the_mirror() {
    for document in ["@1.0.json", "contents.json.zst", ".caidx"] {
        for fault in [Answer::Status(404), Answer::FlipBit] {
            let scene = Scene::published().await;
            let mirror = with_mirror(&scene).await;
            let told = fault.clone();
            scene.web.on(move |path| match path.ends_with(document) {
                true => fault.clone(),
                false => Answer::Serve,
            });
            scene.player.updater.update().await.unwrap();
            scene.player.assert_has(&game(1));
            let served = mirror.served();
            assert!(
                served.len() == 1 && served[0].ends_with(document),
                "{document} {told:?}: {served:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_chunks_at_once_come_from_the_mirror_where_the_server_does_not_give_them() {
    for how in [
        Batches::NotOffered,
        Batches::BreakOffAfter(0),
        Batches::BreakOffAfter(2),
    ] {
        let scene = Scene::published().await;
        let mirror = with_mirror(&scene).await;
        scene.web.batches(how);
        mirror.batches(Batches::Honest);
        let eager = Player::open_with(scene.root.path(), &scene.web.address, |config| {
            config.connections = 1
        });
        eager.updater.update().await.unwrap();
        eager.assert_has(&game(1));
        assert_eq!(mirror.served(), ["/api/v1/chunks/fetch"], "{how:?}");
        assert_eq!(
            scene.web.chunks_served(),
            0,
            "{how:?}: nothing was left to come one by one"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_server_refuses_is_not_kept_because_a_mirror_answers() {
    let scene = Scene::installed().await;
    let _mirror = with_mirror(&scene).await;
    let player = Player::open_with(scene.root.path(), &scene.web.address, |config| {
        config.read_token = Some(Secret::new("mistyped"));
    });
    scene.web.on(|_| Answer::Status(401));
    player.updater.check().await.unwrap();
    assert_eq!(player.updater.read_token_for(), None);
    scene.web.reset();
    player.updater.set_preference("mirrors", "none").unwrap();
    // What is kept may be damaged: then there is none, and a token that the server takes replaces it.
    fs_err::write(scene.root.path().join(".vsekai/read-token.json"), "{").unwrap();
    player.updater.check().await.unwrap();
    assert!(player.updater.read_token_for().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_given_later_counts_at_once_and_is_forgotten_whole() {
    let scene = Scene::published().await;
    let updater = &scene.player.updater;
    let kept = scene.root.path().join(".vsekai/read-token.json");
    scene.web.on(|_| Answer::Status(401));
    let error = updater.check().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Private, "{error}");
    assert!(!updater.status().unwrap().has_read_token);
    updater.give_read_token(Secret::new("mistyped"));
    assert_eq!(updater.check().await.unwrap_err().code(), ErrorCode::Private);
    assert!(updater.status().unwrap().has_read_token && !kept.exists());
    scene.web.reset();
    updater.give_read_token(Secret::new("right"));
    updater.check().await.unwrap();
    assert!(!kept.exists(), "a look leaves no folder behind");
    updater.update().await.unwrap();
    assert!(kept.exists(), "kept with what it was good for");
    updater.keep_read_token(None).unwrap();
    assert!(!kept.exists() && !updater.status().unwrap().has_read_token);
    updater.check().await.unwrap();
    assert!(!kept.exists(), "what was given is forgotten too");
}
