// SPDX-License-Identifier: MIT
//! Many chunks in one answer: a shortcut that may fail in any way and costs nothing but time then.

mod support;

use support::web::{Answer, Batches};
use support::{Player, Scene, game};
use vsekai_engine::{Control, UpdateOutcome};

/// A player who asks for many chunks at once as soon as there are two to fetch.
fn eager(scene: &Scene) -> Player {
    Player::open_with(scene.root.path(), &scene.web.address, |config| {
        config.connections = 1
    })
}

fn asked_for_many(scene: &Scene) -> usize {
    let served = scene.web.served();
    served
        .iter()
        .filter(|path| path.ends_with("/chunks/fetch"))
        .count()
}

async fn chunks_of_the_game(scene: &Scene) -> usize {
    let vsekai_engine::CheckOutcome::Available { plan } = scene.player.updater.check().await.unwrap() else {
        panic!("nothing is installed")
    };
    let chunks = usize::try_from(plan.download_chunks).unwrap();
    assert!(chunks > 3);
    scene.web.reset();
    chunks
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_takes_one_request_for_all_its_chunks() {
    let scene = Scene::published().await;
    scene.web.batches(Batches::Honest);
    let player = eager(&scene);
    player.updater.update().await.unwrap();
    player.assert_has(&game(1));
    assert_eq!((asked_for_many(&scene), scene.web.chunks_served()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_route_chunks_come_one_by_one() {
    let scene = Scene::published().await;
    let chunks = chunks_of_the_game(&scene).await;
    let player = eager(&scene);
    player.updater.update().await.unwrap();
    player.assert_has(&game(1));
    assert_eq!(scene.web.chunks_served(), chunks);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_does_not_bring_comes_one_by_one() {
    for (how, left) in [
        (Batches::BreakOffAfter(0), None),
        (Batches::BreakOffAfter(2), Some(2)),
        (Batches::Damage(1), Some(1)),
        (Batches::Lack(2), Some(1)),
    ] {
        let scene = Scene::published().await;
        let chunks = chunks_of_the_game(&scene).await;
        scene.web.batches(how);
        let player = eager(&scene);
        player.updater.update().await.unwrap();
        player.assert_has(&game(1));
        let expected = match (how, left) {
            (Batches::BreakOffAfter(came), _) => chunks - came,
            (_, left) => left.unwrap_or(chunks),
        };
        assert_eq!(scene.web.chunks_served(), expected, "{how:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_a_break_is_not_fetched_again_by_the_next_run() {
    let scene = Scene::published().await;
    let chunks = chunks_of_the_game(&scene).await;
    scene.web.batches(Batches::BreakOffAfter(3));
    scene.web.on(|path| match path.starts_with("/store/") {
        true => Answer::Status(404),
        false => Answer::Serve,
    });
    assert!(eager(&scene).updater.update().await.is_err());
    scene.web.reset();
    scene.web.batches(Batches::Honest);
    let player = eager(&scene);
    let UpdateOutcome::Installed(done) = player.updater.update().await.unwrap() else {
        panic!("not installed")
    };
    player.assert_has(&game(1));
    assert_eq!(usize::try_from(done.chunks).unwrap(), chunks - 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_within_an_answer_keeps_what_came() {
    let scene = Scene::published().await;
    let chunks = chunks_of_the_game(&scene).await;
    scene.web.batches(Batches::BreakOffAfter(chunks - 1));
    scene.web.on(|path| match path.starts_with("/store/") {
        true => Answer::Stall,
        false => Answer::Serve,
    });
    let player = eager(&scene);
    let control: Control = player.updater.control();
    let updater = player.updater.clone();
    let running = tokio::spawn(async move { updater.update().await });
    while asked_for_many(&scene) == 0 {
        tokio::task::yield_now().await;
    }
    control.cancel();
    assert!(running.await.unwrap().is_err());
    scene.web.reset();
    let player = eager(&scene);
    player.updater.update().await.unwrap();
    player.assert_has(&game(1));
}
