// SPDX-License-Identifier: MIT
//! A release with the same files, programs and places of the player's as the installed one: the tree stays where it is.

mod support;

use fs_err as fs;
use support::{Scene, game, names_in};
use vsekai_engine::{CheckOutcome, UpdateOutcome};
use vsekai_formats::TreePath;

impl Scene {
    /// Publishes the first version's files once more, as `number.0`, and takes them.
    async fn name_anew(&self, number: u64) {
        self.site.publish(&game(1), &format!("{number}.0"), number);
        let updated = self.player.updater.update().await.unwrap();
        let UpdateOutcome::Updated(done) = updated else {
            panic!("not updated")
        };
        assert_eq!((done.chunks, done.reused_bytes), (0, done.installed_bytes));
    }

    fn versions(&self) -> Vec<String> {
        let versions = self.player.updater.versions().unwrap();
        versions.iter().map(|view| view.version.to_string()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_takes_no_space_and_leaves_the_tree_where_it_is() {
    let scene = Scene::installed().await;
    let tree = scene.player.current();
    fs::write(tree.join("mine.txt"), "the player's").unwrap();
    scene.name_anew(2).await;
    let plan = scene.player.plans().pop().unwrap();
    let costs = (plan.download_bytes, plan.write_bytes, plan.disk_bytes);
    assert_eq!(costs, (0, 0, 0), "{plan:?}");
    let differences = (
        plan.files_added,
        plan.files_changed,
        plan.files_removed,
        plan.files_moved,
    );
    assert_eq!(differences, (0, 0, 0, 0), "{plan:?}");
    assert_eq!(scene.player.current(), tree);
    assert_eq!(fs::read(tree.join("mine.txt")).unwrap(), b"the player's");
    fs::remove_file(tree.join("mine.txt")).unwrap();
    scene.player.assert_has(&game(1));

    let status = scene.player.updater.status().unwrap();
    assert_eq!(status.notes, "What is new in 2.0");
    assert_eq!(scene.versions(), ["2.0"]);
    let checked = scene.player.updater.check().await.unwrap();
    assert!(matches!(checked, CheckOutcome::UpToDate { version } if version.as_str() == "2.0"));
    for report in [
        scene.player.updater.verify().await.unwrap(),
        scene.player.updater.verify_quick().await.unwrap(),
    ] {
        assert!(report.is_intact(), "{report:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_before_stays_the_one_to_go_back_to() {
    let scene = Scene::installed().await;
    scene.site.publish(&game(2), "2.0", 2);
    scene.player.updater.update().await.unwrap();
    scene.site.publish(&game(2), "3.0", 3);
    scene.player.updater.update().await.unwrap();
    assert_eq!(scene.versions(), ["3.0", "1.0"]);
    let back = scene.player.updater.rollback().await.unwrap();
    assert_eq!(
        (back.from_version.as_str(), back.version.as_str(), back.newer),
        ("3.0", "1.0", false)
    );
    scene.player.assert_has(&game(1));
    let forth = scene.player.updater.rollback().await.unwrap();
    assert_eq!((forth.version.as_str(), forth.newer), ("3.0", true));
    scene.player.assert_has(&game(2));
    assert_eq!(scene.player.updater.status().unwrap().notes, "What is new in 3.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_repaired_updated_and_moved_under_its_new_name() {
    let scene = Scene::installed().await;
    scene.name_anew(2).await;
    fs::remove_file(scene.player.current().join("data/changed.txt")).unwrap();
    let repaired = scene.player.updater.repair().await.unwrap();
    assert_eq!(repaired.done.unwrap().version.as_str(), "2.0");
    scene.player.assert_has(&game(1));
    assert_eq!(scene.versions(), ["2.0"]);
    scene.name_anew(3).await;
    let elsewhere = support::memory_folder();
    let to = elsewhere.path().join("game");
    scene.player.updater.move_to(&to).await.unwrap();
    let moved = support::Player::open(&to, &scene.web.address);
    moved.assert_has(&game(1));
    assert_eq!(moved.updater.status().unwrap().notes, "What is new in 3.0");
    scene.site.publish(&game(4), "4.0", 4);
    moved.updater.update().await.unwrap();
    moved.assert_has(&game(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_come_and_go_leave_nothing_behind() {
    let scene = Scene::installed().await;
    let documents = scene.root.path().join(".vsekai/releases");
    for number in 2..12 {
        scene.name_anew(number).await;
        let release = documents.join(&names_in(&documents)[0]);
        assert!(names_in(&release).len() <= 5, "{:?}", names_in(&release));
    }
    assert_eq!(names_in(&documents).len(), 1);
    for number in 12..15 {
        scene.site.publish(&game(number), &format!("{number}.0"), number);
        scene.player.updater.update().await.unwrap();
    }
    let kept = names_in(&scene.root.path().join("versions"));
    assert_eq!((names_in(&documents), kept.len()), (kept, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_tree_is_built_anew() {
    let scene = Scene::installed().await;
    let tree = scene.player.current();
    fs::remove_file(tree.join("data/changed.txt")).unwrap();
    fs::remove_dir_all(tree.join("data/level1")).unwrap();
    scene.site.publish(&game(1), "2.0", 2);
    scene.player.updater.update().await.unwrap();
    assert_ne!(scene.player.current(), tree);
    scene.player.assert_has(&game(1));
    assert_eq!(scene.versions(), ["2.0", "1.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_started_otherwise_or_leaves_more_to_the_player_is_another_version() {
    let scene = Scene::installed().await;
    scene.site.publish_with(&game(1), "2.0", 2, |_, manifest| {
        manifest.launch.desktop.arguments = vec!["--new".to_owned()];
    });
    scene.player.updater.update().await.unwrap();
    assert_eq!(scene.versions(), ["2.0", "1.0"]);
    scene.site.publish_with(&game(1), "3.0", 3, |_, manifest| {
        manifest.launch.desktop.arguments = vec!["--new".to_owned()];
        manifest.user_paths = vec![TreePath::parse("mods").unwrap()];
    });
    scene.player.updater.update().await.unwrap();
    assert_eq!(scene.versions()[..2], ["3.0", "2.0"]);
    scene.player.assert_has(&game(1));
}
