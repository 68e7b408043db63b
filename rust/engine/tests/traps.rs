// SPDX-License-Identifier: MIT
//! What real builds of V-Sekai did to launchers.
#![cfg(unix)]

mod support;

use std::os::unix::fs::MetadataExt as _;

use support::{Scene, game, noise};
use vsekai_engine::{ErrorCode, LaunchOptions};
use vsekai_formats::TreePath;

const SCRIPT: &[u8] = b"#!/bin/sh\nexit 0\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_linux_release_with_a_windows_program_leaves_the_old_version_in_place() {
    let scene = Scene::installed().await;
    let mut files = game(2);
    let mut program = b"MZ".to_vec();
    program.extend(noise(1, 5000));
    files.insert("Game.x86_64".to_owned(), (program, true));
    scene.site.publish(&files, "2.0", 2);
    let error = scene.player.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::WrongPlatform, "{error}");
    assert!(error.to_string().contains("Windows"), "{error}");
    scene.player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_published_without_its_execute_bit_starts_all_the_same() {
    let scene = Scene::published().await;
    let mut files = game(1);
    files.insert("Game.x86_64".to_owned(), (SCRIPT.to_vec(), false));
    scene.site.publish(&files, "1.0", 1);
    scene.player.updater.update().await.unwrap();
    let mut running = scene.player.updater.launch(&LaunchOptions::default()).unwrap();
    assert!(!running.wait().unwrap().crashed);
    assert!(scene.player.updater.verify_quick().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_tree_is_refused_and_empties_nothing() {
    let scene = Scene::installed().await;
    scene.site.publish_with(&game(2), "2.0", 2, |contents, _| {
        contents.entries = vsekai_formats::release::Entries::default();
    });
    let error = scene.player.updater.update().await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadRelease, "{error}");
    scene.player.assert_has(&game(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_belong_to_whoever_installs_them() {
    let scene = Scene::installed().await;
    let own = fs_err::metadata(scene.root.path()).unwrap();
    for (name, _) in game(1) {
        let data = fs_err::metadata(scene.player.current().join(&name)).unwrap();
        assert_eq!((data.uid(), data.gid()), (own.uid(), own.gid()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_another_name_is_the_one_that_is_started() {
    let scene = Scene::installed().await;
    let mut files = game(2);
    files.remove("Game.x86_64");
    files.insert("bin/v_sekai_linuxbsd".to_owned(), (SCRIPT.to_vec(), true));
    scene.site.publish_with(&files, "2.0", 2, |_, manifest| {
        manifest.launch.desktop.path = TreePath::parse("bin/v_sekai_linuxbsd").unwrap();
    });
    scene.player.updater.update().await.unwrap();
    let mut running = scene.player.updater.launch(&LaunchOptions::default()).unwrap();
    assert!(!running.wait().unwrap().crashed);
    assert!(!scene.player.current().join("Game.x86_64").exists());
}
