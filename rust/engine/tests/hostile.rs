// SPDX-License-Identifier: MIT
//! Releases that try to write where they must not, or that contradict themselves.

mod support;

use std::path::Path;

use support::site::Site;
use support::web::{Answer, Web};
use support::{Player, game};
use vsekai_engine::ErrorCode;
use vsekai_formats::codec;
use vsekai_formats::release::{EntryKind, Pinned, ReleaseManifest, address};

/// Components that some system reads otherwise than as the name of a file in this folder.
const HOSTILE: &[&str] = &[
    "",
    ".",
    "..",
    "...",
    " ",
    "a ",
    "a.",
    "a..",
    "a\\b",
    "\\",
    "C:",
    "c:evil",
    "a:b",
    "a::$DATA",
    "a<b",
    "a>b",
    "a|b",
    "a?b",
    "a*b",
    "a\"b",
    "a\u{0}b",
    "a\nb",
    "a\rb",
    "a\tb",
    "a\u{1b}[31mb",
    "a\u{7f}b",
    "a\u{85}b",
    "a\u{202e}b",
    "a\u{200b}b",
    "a\u{200d}b",
    "a\u{feff}b",
    "a\u{2066}b",
    "a\u{ad}b",
    "CON",
    "con",
    "Con.txt",
    "PRN",
    "aux.c",
    "NUL",
    "nul.tar.gz",
    "CLOCK$",
    "CONIN$",
    "conout$",
    "COM0",
    "com1",
    "COM9.log",
    "LPT1",
    "lpt9.x",
    "COM¹",
    "LPT²",
    "LPT³.txt",
    "PROGRA~1",
    "GIT~1",
    "A~9.TXT",
    "e\u{301}",
    "A\u{30a}",
    "NUL .txt",
    ".. ",
    "..\\..",
];

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
    let name = format!(
        "1.0-{}",
        &Pinned::of(&serde_json::to_vec(&manifest).unwrap())
            .sha256
            .to_string()[..8]
    );
    let staging = root.path().join(".vsekai/staging").join(name);
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
        for entry in &mut contents.entries {
            if let EntryKind::File { digest, .. } = &mut entry.kind {
                *digest = Pinned::of(b"something else").sha256;
            }
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
    site.publish_with(&game(1), "2.0", 2, |contents, _| contents.entries.clear());
    let error = Player::open(root.path(), &web.address)
        .updater
        .update()
        .await
        .unwrap_err();
    assert_eq!(error.code(), ErrorCode::BadRelease, "{error}");
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
