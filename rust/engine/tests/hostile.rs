// SPDX-License-Identifier: MIT
//! Releases that try to write where they must not, or that contradict themselves.

mod support;

use std::path::Path;

use support::names::HOSTILE;
use support::site::Site;
use support::web::{Answer, Web};
use support::{Player, game, memory_folder};
use vsekai_engine::{ErrorCode, UserFiles};
use vsekai_formats::codec;
use vsekai_formats::release::{Entries, Pinned, ReleaseManifest, address};

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_refused_wherever_they_stand_and_nothing_is_written_outside() {
    let around = tempfile::tempdir().unwrap();
    let root = around.path().join("install");
    let site = Site::new();
    let web = Web::start(site.path()).await;
    let manifest = site.publish(&game(1), "1.0", 1);
    let mut tried = 0;
    for name in HOSTILE {
        for path in [
            name.to_string(),
            format!("data/{name}"),
            format!("{name}/x"),
            format!("/{name}"),
        ] {
            rename_a_file(&site, &manifest, &path);
            let player = Player::open(&root, &web.address);
            let error = player.updater.update().await.expect_err(&path);
            let refused = matches!(error.code(), ErrorCode::BadRelease | ErrorCode::Damaged);
            assert!(refused, "{path:?}: {error}");
            assert!(
                !error.to_string().chars().any(char::is_control),
                "{path:?} is printed raw: {error}"
            );
            tried += 1;
        }
    }
    for path in [
        ".vsekai/current.json",
        ".VSEKAI/x",
        "../../escape",
        "a/../../escape",
        "/etc/passwd",
        "data/EMPTY",
    ] {
        rename_a_file(&site, &manifest, path);
        Player::open(&root, &web.address)
            .updater
            .update()
            .await
            .expect_err(path);
        tried += 1;
    }
    let entries: Vec<_> = fs_err::read_dir(around.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        entries.is_empty() || entries == ["install"],
        "written outside: {entries:?}"
    );
    assert!(!root.join("versions").exists());
    println!("{tried} hostile names refused");
    assert!(tried >= 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_in_the_records_of_an_install_are_refused_by_every_operation() {
    let around = memory_folder();
    fs_err::write(around.path().join("victim"), b"untouched").unwrap();
    let (root, kept) = (around.path().join("install"), memory_folder());
    let site = Site::new();
    let web = Web::start(site.path()).await;
    let small = |seed: u64| {
        let mut files = game(seed);
        files.retain(|path, _| path == "Game.x86_64" || path.starts_with("data/") && !path.contains("level"));
        files
    };
    for version in 1..3 {
        site.publish(&small(version), &format!("{version}.0"), version);
        Player::open(&root, &web.address).updater.update().await.unwrap();
    }
    copy_tree(&root, &kept.path().join("install"));
    let before = outside(around.path(), &root);
    let to = around.path().join("elsewhere");
    let mut tried = 0;
    for name in HOSTILE {
        for path in [name.to_string(), format!("{name}/x")] {
            let lay_out = || {
                let _ = fs_err::remove_dir_all(&root);
                copy_tree(&kept.path().join("install"), &root);
                falsify_records(&root, |json| {
                    find(json, "data/empty")["path"] = path.as_str().into()
                });
            };
            lay_out();
            let player = Player::open(&root, &web.address);
            let updater = &player.updater;
            updater.verify().await.expect_err(&path);
            updater.repair().await.expect_err(&path);
            updater.rollback().await.expect_err(&path);
            // What is the player's cannot be told from what is not.
            updater.uninstall(UserFiles::Keep).await.expect_err(&path);
            updater.move_to(&to).await.expect_err(&path);
            fs_err::remove_dir_all(&to).unwrap();
            // An update builds a version of its own; what the records say is of no use to it.
            site.publish(&small(3), "3.0", 3);
            updater.update().await.unwrap();
            player.assert_has(&small(3));
            assert_eq!(outside(around.path(), &root), before, "{path:?}: written outside");
            lay_out();
            updater.uninstall(UserFiles::Delete).await.unwrap();
            assert_eq!(outside(around.path(), &root), before, "{path:?}: removed outside");
            tried += 7;
        }
    }
    println!("{tried} operations on records with hostile names: nothing believed, nothing written outside");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_of_installed_versions_are_refused_by_every_operation() {
    let around = memory_folder();
    let victim = around.path().join("victim");
    fs_err::create_dir_all(&victim).unwrap();
    fs_err::write(victim.join("file"), b"untouched").unwrap();
    let root = around.path().join("install");
    let site = Site::new();
    let web = Web::start(site.path()).await;
    site.publish(&game(1), "1.0", 1);
    Player::open(&root, &web.address).updater.update().await.unwrap();
    let record = root.join(".vsekai/current.json");
    let original: serde_json::Value = serde_json::from_slice(&read(&record)).unwrap();
    let before = outside(around.path(), &root);
    let names = HOSTILE.iter().map(|name| (*name).to_owned());
    let ways_out = ["../../victim", "../..", "a/b", "/etc"].map(str::to_owned);
    let victims = std::iter::once(victim.to_str().unwrap().to_owned());
    let mut tried = 0;
    for name in names.chain(ways_out).chain(victims) {
        for which in ["current", "previous"] {
            let mut json = original.clone();
            json[which] = original["current"].clone();
            json[which]["name"] = name.as_str().into();
            fs_err::write(&record, serde_json::to_vec(&json).unwrap()).unwrap();
            // It is refused when the folder is opened, or by whatever would use it.
            if let Some(player) = Player::try_open(&root, &web.address) {
                player.updater.status().expect_err(&name);
                player.updater.verify().await.expect_err(&name);
                player.updater.repair().await.expect_err(&name);
                player.updater.rollback().await.expect_err(&name);
                player.updater.update().await.expect_err(&name);
                player.updater.uninstall(UserFiles::Keep).await.expect_err(&name);
                player
                    .updater
                    .uninstall(UserFiles::Delete)
                    .await
                    .expect_err(&name);
                let to = around.path().join("elsewhere");
                player.updater.move_to(&to).await.expect_err(&name);
            }
            assert_eq!(outside(around.path(), &root), before, "{name:?}: changed outside");
            tried += 1;
        }
    }
    println!("{tried} records with hostile names of versions refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn things_planted_in_an_installed_tree_are_found_and_never_written_through() {
    let around = memory_folder();
    let victim = around.path().join("victim");
    fs_err::create_dir_all(&victim).unwrap();
    for file in ["Game.pck", "changed.txt", "big.bin"] {
        fs_err::write(victim.join(file), b"untouched").unwrap();
    }
    let (root, kept) = (around.path().join("install"), memory_folder());
    let site = Site::new();
    let web = Web::start(site.path()).await;
    let first = site.publish(&game(1), "1.0", 1);
    let second = site.publish(&game(2), "2.0", 2);
    site.point(&first);
    Player::open(&root, &web.address).updater.update().await.unwrap();
    copy_tree(&root, &kept.path().join("install"));
    let before = outside(around.path(), &root);
    let mut tried = 0;
    for place in PLACES {
        for plant in PLANTS {
            for operation in ["repair", "update"] {
                site.point(&first);
                fs_err::remove_dir_all(&root).unwrap();
                copy_tree(&kept.path().join("install"), &root);
                let player = Player::open(&root, &web.address);
                let planted = player.current().join(place);
                remove(&planted);
                plant(&planted, &victim);
                let report = player.updater.verify().await.unwrap();
                assert!(!report.is_intact(), "{place}: not found");
                if operation == "update" {
                    site.point(&second);
                    player.updater.update().await.unwrap();
                    player.assert_has(&game(2));
                } else {
                    player.updater.repair().await.unwrap();
                    player.assert_has(&game(1));
                    assert!(player.updater.verify().await.unwrap().is_intact());
                }
                assert_eq!(outside(around.path(), &root), before, "{place}: written through");
                tried += 1;
            }
        }
    }
    println!(
        "{tried} things planted in installed trees: all found, repaired or left behind, nothing written through"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_adopted_is_never_written_through_whatever_is_planted_in_it() {
    let around = memory_folder();
    let (root, copy, victim) = (
        around.path().join("install"),
        around.path().join("copy"),
        around.path().join("victim"),
    );
    fs_err::create_dir_all(&victim).unwrap();
    fs_err::write(victim.join("Game.pck"), b"untouched").unwrap();
    let site = Site::new();
    let web = Web::start(site.path()).await;
    site.publish(&game(1), "1.0", 1);
    let mut tried = 0;
    for place in PLACES {
        for plant in PLANTS {
            for folder in [&root, &copy] {
                let _ = fs_err::remove_dir_all(folder);
            }
            for (path, (bytes, _)) in game(1) {
                let path = copy.join(path);
                fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                fs_err::write(path, bytes).unwrap();
            }
            for name in HOSTILE.iter().filter(|name| can_exist(name)) {
                fs_err::write(copy.join("data").join(name), b"of any name").unwrap();
            }
            remove(&copy.join(place));
            plant(&copy.join(place), &victim);
            let before = outside(around.path(), &root);
            let player = Player::open(&root, &web.address);
            player.updater.adopt(&copy).await.unwrap();
            player.assert_has(&game(1));
            assert_eq!(outside(around.path(), &root), before, "{place}: written through");
            tried += 1;
        }
    }
    println!(
        "{tried} folders with planted things and hostile names adopted: the game is whole, nothing written through"
    );
}

/// Tells whether Linux takes a name for that of a file.
fn can_exist(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() < 256 && !name.contains(['/', '\0'])
}

/// Ways to plant something in the first place so that whoever follows it comes to the second.
const PLANTS: [fn(&Path, &Path); 6] = [
    |place, victim| link(victim, place),
    |place, victim| link(&victim.join(place.file_name().unwrap()), place),
    |place, _| link(Path::new("../.."), place),
    |place, _| link(place.file_name().unwrap().as_ref(), place),
    |place, _| fs_err::create_dir_all(place.join("deep/er")).unwrap(),
    |place, _| pipe(place),
];

/// Files and folders of a tree that things are planted in place of.
const PLACES: [&str; 5] = [
    "Game.pck",
    "data",
    "data/changed.txt",
    "moved/to-1/big.bin",
    "moved",
];

#[tokio::test(flavor = "multi_thread")]
async fn links_that_leave_the_release_are_refused() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    let manifest = site.publish(&game(1), "1.0", 1);
    for target in [
        "/etc/passwd",
        "..",
        "../x",
        "../../x",
        "a/../../x",
        "C:\\x",
        "",
        "a//b",
        "./x",
    ] {
        change_contents(&site, &manifest, |json| {
            let entry = find(json, "data/empty");
            *entry = serde_json::json!({ "path": "data/empty", "kind": "link", "target": target });
        });
        // From data/empty one step up is still inside.
        let allowed = ["..", "../x"].contains(&target);
        let error = Player::open(root.path(), &web.address)
            .updater
            .update()
            .await
            .expect_err(target);
        if !allowed {
            assert_eq!(error.code(), ErrorCode::BadRelease, "{target:?}: {error}");
        }
        assert!(!root.path().join("versions").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staging_folder_with_planted_links_is_not_written_through() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let outside = tempfile::tempdir().unwrap();
    let web = Web::start(site.path()).await;
    let manifest = site.publish(&game(1), "1.0", 1);
    let staging = root
        .path()
        .join(".vsekai/staging")
        .join(site.folder_name(&manifest));
    fs_err::create_dir_all(&staging).unwrap();
    fs_err::write(outside.path().join("victim"), b"untouched").unwrap();
    fs_err::os::unix::fs::symlink(outside.path(), staging.join("data")).unwrap();
    fs_err::os::unix::fs::symlink(outside.path().join("victim"), staging.join("Game.pck")).unwrap();
    let player = Player::open(root.path(), &web.address);
    player.updater.update().await.unwrap();
    player.assert_has(&game(1));
    assert_eq!(fs_err::read(outside.path().join("victim")).unwrap(), b"untouched");
    assert_eq!(fs_err::read_dir(outside.path()).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_files_that_contradicts_its_chunks_is_never_installed() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    site.publish_with(&game(1), "1.0", 1, |contents, _| {
        for position in 0..contents.entries.len() {
            let other = Pinned::of(b"something else").sha256;
            contents.entries.set_digest(position, other);
        }
    });
    let error = Player::open(root.path(), &web.address)
        .updater
        .update()
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::Damaged, "{error}");
    assert!(!root.path().join("versions").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_for_another_system_or_without_files_is_refused_in_words() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    let mut files = game(1);
    files.insert(
        "Game.x86_64".into(),
        (b"MZ\x90\0 a Windows program".to_vec(), true),
    );
    site.publish(&files, "1.0", 1);
    let error = Player::open(root.path(), &web.address)
        .updater
        .update()
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::WrongPlatform);
    assert!(error.to_string().contains("a Windows program"), "{error}");
    site.publish_with(&game(1), "2.0", 2, |contents, _| {
        contents.entries = Entries::default()
    });
    let error = Player::open(root.path(), &web.address)
        .updater
        .update()
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadRelease, "{error}");
    assert!(!root.path().join("versions").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_files_in_another_form_asks_for_a_newer_launcher_only_if_it_says_that_it_is_newer() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    let manifest = site.publish(&game(1), "1.0", 1);
    for (schema, code) in [
        (2, ErrorCode::LauncherTooOld),
        (1, ErrorCode::Damaged),
        (0, ErrorCode::Damaged),
    ] {
        change_contents(&site, &manifest, |json| {
            json["schema"] = schema.into();
            json["entries"] = serde_json::json!({ "data": { "empty": 0 } });
        });
        let player = Player::open(root.path(), &web.address);
        let error = player.updater.update().await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    assert!(!root.path().join("versions").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn web_pages_in_place_of_documents_are_refused_before_they_are_read_in_full() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    site.publish(&game(1), "1.0", 1);
    let page = b"<!DOCTYPE html><html>Please sign in to this network</html>".repeat(100_000);
    for document in [
        "timestamp.json",
        "snapshot.json",
        "stable@linux-x86_64.json",
        "stable@linux-x86_64@1.0.json",
        "contents.json.zst",
        ".caidx",
        ".cacnk",
    ] {
        let page = page.clone();
        web.on(move |path| match path.ends_with(document) {
            true => Answer::Bytes(page.clone()),
            false => Answer::Serve,
        });
        let player = Player::open(root.path(), &web.address);
        let error = player.updater.update().await.expect_err(document);
        let code = error.code();
        assert!(
            matches!(code, ErrorCode::Damaged | ErrorCode::Offline | ErrorCode::Refused),
            "{document}: {error}"
        );
    }
    assert!(!root.path().join("versions").exists());
}

/// Publishes the release again with the file `data/empty` under another name.
fn rename_a_file(site: &Site, manifest: &ReleaseManifest, path: &str) {
    change_contents(site, manifest, |json| {
        find(json, "data/empty")["path"] = path.into()
    });
}

fn find<'a>(json: &'a mut serde_json::Value, path: &str) -> &'a mut serde_json::Value {
    let entries = json["entries"].as_array_mut().unwrap();
    entries.iter_mut().find(|entry| entry["path"] == path).unwrap()
}

/// Publishes the release again with changed contents, correctly pinned.
fn change_contents(site: &Site, manifest: &ReleaseManifest, change: impl FnOnce(&mut serde_json::Value)) {
    let place = address::contents(&manifest.title, manifest.platform, &manifest.version);
    let original = site.path().join("original-contents");
    if !original.exists() {
        fs_err::copy(site.path().join(&place), &original).unwrap();
    }
    let stored = read(&original);
    let mut json = serde_json::from_slice(&codec::decompress(&stored, 1 << 24).unwrap()).unwrap();
    change(&mut json);
    let stored = codec::compress(&serde_json::to_vec(&json).unwrap(), 3).unwrap();
    let manifest = ReleaseManifest {
        contents: Pinned::of(&stored),
        ..manifest.clone()
    };
    site.write(&place, &stored);
    site.point(&manifest);
}

fn read(path: &Path) -> Vec<u8> {
    fs_err::read(path).unwrap()
}

/// Lists everything below `around` but what is in the install folder.
fn outside(around: &Path, root: &Path) -> std::collections::BTreeMap<std::path::PathBuf, String> {
    let mut found = support::listing(around);
    found.retain(|path, _| !path.starts_with(root));
    found
}

/// Changes the list of files of every installed version, with digests that fit all the way up.
fn falsify_records(root: &Path, change: impl Fn(&mut serde_json::Value)) {
    let record = root.join(".vsekai/current.json");
    let mut current: serde_json::Value = serde_json::from_slice(&read(&record)).unwrap();
    for which in ["current", "previous"] {
        let folder = root
            .join(".vsekai/releases")
            .join(current[which]["name"].as_str().unwrap());
        let (contents, manifest) = (folder.join("contents.json.zst"), folder.join("manifest.json"));
        let plain = codec::decompress(&read(&contents), 1 << 24).unwrap();
        let mut json = serde_json::from_slice(&plain).unwrap();
        change(&mut json);
        let stored = codec::compress(&serde_json::to_vec(&json).unwrap(), 3).unwrap();
        fs_err::write(&contents, &stored).unwrap();
        let mut json: serde_json::Value = serde_json::from_slice(&read(&manifest)).unwrap();
        json["contents"] = serde_json::to_value(Pinned::of(&stored)).unwrap();
        let bytes = serde_json::to_vec(&json).unwrap();
        fs_err::write(&manifest, &bytes).unwrap();
        current[which]["manifest"] = serde_json::to_value(Pinned::of(&bytes)).unwrap();
    }
    fs_err::write(record, serde_json::to_vec(&current).unwrap()).unwrap();
}

/// Copies a tree of folders, files and links with their modes.
fn copy_tree(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for entry in fs_err::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else if kind.is_symlink() {
            link(&fs_err::read_link(entry.path()).unwrap(), &target);
        } else {
            fs_err::copy(entry.path(), target).unwrap();
        }
    }
}

fn remove(path: &Path) {
    match path.is_dir() {
        true => fs_err::remove_dir_all(path).unwrap(),
        false => fs_err::remove_file(path).unwrap(),
    }
}

fn link(target: &Path, link: &Path) {
    fs_err::os::unix::fs::symlink(target, link).unwrap();
}

fn pipe(path: &Path) {
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    );
    made.unwrap();
}
