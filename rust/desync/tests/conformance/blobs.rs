// SPDX-License-Identifier: MIT
//! Files and their indexes: our commands with each other and with the real tools, in both directions.

use crate::common::{Place, casync, desync, noise, ours, ours_ok, pipe, real_ok};

/// A blob with a long run of zeros and a repetition.
fn blob() -> Vec<u8> {
    let part = noise(1, 700_000);
    [part.as_slice(), &vec![0; 1_000_000], &noise(2, 300_000), &part].concat()
}

fn assert_same(a: &str, b: &str) {
    assert!(
        fs_err::read(a).unwrap() == fs_err::read(b).unwrap(),
        "{a} and {b} differ"
    );
}

/// Makes an index of a file with this content, and a store of its chunks; returns the paths of file, store and index.
fn made(place: &Place, content: impl AsRef<[u8]>) -> [String; 3] {
    let (file, store) = (place.file("blob", content), place.folder("store"));
    let index = place.at("i.caibx");
    ours_ok(&["make", "-s", &store, &index, &file]);
    [file, store, index]
}

#[test]
fn a_file_comes_back_from_its_chunks() {
    let place = Place::new();
    let [file, store, index] = made(&place, blob());
    let output = place.at("out");
    ours_ok(&["extract", "-s", &store, &index, &output]);
    assert_same(&file, &output);
    ours_ok(&["verify", "-s", &store]);
    ours_ok(&["verify-index", &index, &file]);
}

#[test]
fn indexes_and_stores_are_desyncs_and_the_other_way_round() {
    let Some(desync) = desync() else { return };
    let place = Place::new();
    let file = place.file("blob", blob());
    let (ours_store, theirs_store) = (place.folder("ours"), place.folder("theirs"));
    let (ours_index, theirs_index) = (place.at("ours.caibx"), place.at("theirs.caibx"));
    for digest in ["sha512-256", "sha256"] {
        let digest = ["--digest", digest];
        ours_ok(
            &[
                &digest[..],
                &[
                    "make",
                    "--chunker",
                    "legacy",
                    "-s",
                    &ours_store,
                    &ours_index,
                    &file,
                ],
            ]
            .concat(),
        );
        real_ok(
            &desync,
            &[&digest[..], &["make", "-s", &theirs_store, &theirs_index, &file]].concat(),
        );
        assert_same(&ours_index, &theirs_index);
        let output = place.at("out");
        real_ok(
            &desync,
            &[&digest[..], &["extract", "-s", &ours_store, &ours_index, &output]].concat(),
        );
        assert_same(&file, &output);
        ours_ok(&["extract", "-s", &theirs_store, &theirs_index, &output]);
        assert_same(&file, &output);
        real_ok(
            &desync,
            &[&digest[..], &["verify-index", &ours_index, &file]].concat(),
        );
    }
}

#[test]
fn indexes_and_stores_are_casyncs_and_the_other_way_round() {
    let Some(casync) = casync() else { return };
    let place = Place::new();
    let file = place.file("blob", blob());
    let (ours_store, theirs_store) = (place.folder("ours"), place.at("theirs"));
    let (ours_index, theirs_index) = (place.at("ours.caibx"), place.at("theirs.caibx"));
    ours_ok(&[
        "make",
        "--chunker",
        "casync",
        "-s",
        &ours_store,
        &ours_index,
        &file,
    ]);
    real_ok(
        &casync,
        &["make", &format!("--store={theirs_store}"), &theirs_index, &file],
    );
    assert_same(&ours_index, &theirs_index);
    let output = place.at("out");
    real_ok(
        &casync,
        &["extract", &format!("--store={ours_store}"), &ours_index, &output],
    );
    assert_same(&file, &output);
    ours_ok(&["extract", "-s", &theirs_store, &theirs_index, &output]);
    assert_same(&file, &output);
}

#[test]
fn what_is_printed_is_what_desync_prints() {
    let Some(desync) = desync() else { return };
    let place = Place::new();
    let (file, store) = (place.file("blob", blob()), place.folder("store"));
    let (index, seed) = (place.at("i.caibx"), place.at("seed.caibx"));
    real_ok(&desync, &["make", "-s", &store, &index, &file]);
    let part = place.file("part", &blob()[..800_000]);
    real_ok(&desync, &["make", &seed, &part]);
    let sizes = place.at("sizes");
    real_ok(&desync, &["inspect-chunks", "-s", &store, &index, &sizes]);
    for line in [
        vec!["list-chunks", &index],
        vec!["chunk", &file],
        vec!["chunk", "-m", "4:8:16", "-S", "1000", &file],
        vec!["info", &index],
        vec!["info", "-s", &store, "-c", &store, "--seed", &seed, &index],
        vec![
            "info",
            "-f",
            "plain",
            "--chunks-info",
            &sizes,
            "--seed",
            &seed,
            &index,
        ],
        vec!["inspect-chunks", &index],
        vec!["inspect-chunks", "-s", &store, &index],
        vec!["cat", "-s", &store, "-o", "100000", "-l", "900000", &index],
    ] {
        let theirs = std::process::Command::new(&desync).args(&line).output().unwrap();
        assert!(theirs.status.success(), "{line:?}");
        let ours = ours(&line);
        assert!(
            ours.out == theirs.stdout,
            "{line:?}: {}\n{}",
            ours.text(),
            ours.err
        );
    }
}

#[test]
fn a_stored_file_that_is_longer_than_any_chunk_is_listed_with_its_length() {
    let place = Place::new();
    let [_, store, index] = made(&place, b"content");
    let id = ours_ok(&["list-chunks", &index]);
    let id = id.trim_end();
    let stored = format!("{store}/{}/{id}.cacnk", &id[..4]);
    fs_err::write(stored, vec![7; 300_000]).unwrap();
    let line = ["inspect-chunks", "-s", &store, &index];
    let listed = ours_ok(&line);
    assert!(listed.contains("\"compressed_size\": 300000"), "{listed}");
    if let Some(desync) = desync() {
        assert_eq!(listed, real_ok(&desync, &line));
    }
}

#[test]
fn a_part_beyond_the_end_is_a_failure() {
    let place = Place::new();
    let [_, store, index] = made(&place, b"content");
    assert_eq!(ours_ok(&["cat", "-s", &store, "-o", "3", &index]), "tent");
    assert_eq!(ours(&["cat", "-s", &store, "-o", "8", &index]).code, 1);
    let short = ours(&["cat", "-s", &store, "-o", "4", "-l", "4", &index]);
    assert_eq!((short.code, short.text()), (1, "ent".to_owned()));
}

#[test]
fn seeds_save_chunks_and_lying_seeds_are_noticed() {
    let place = Place::new();
    let (file, store) = (place.file("v2", blob()), place.folder("store"));
    let index = place.at("v2.caibx");
    ours_ok(&["make", "-s", &store, &index, &file]);
    let mut old = blob();
    old.truncate(1_900_000);
    let old_file = place.file("v1", &old);
    let old_index = place.at("v1.caibx");
    ours_ok(&["make", &old_index, &old_file]);
    let output = place.at("out");
    let line = [
        "extract",
        "--print-stats",
        "-s",
        &store,
        "--seed",
        &old_index,
        &index,
        &output,
    ];
    let stats: serde_json::Value = serde_json::from_str(&ours_ok(&line)).unwrap();
    assert_same(&file, &output);
    assert!(
        stats["chunks-from-seeds"].as_u64() > stats["chunks-from-store"].as_u64(),
        "{stats}"
    );
    fs_err::remove_file(&output).unwrap();
    let folder = place.at("");
    ours_ok(&["extract", "-s", &store, "--seed-dir", &folder, &index, &output]);
    assert_same(&file, &output);
    fs_err::remove_file(&output).unwrap();

    old[100] ^= 1;
    fs_err::write(&old_file, &old).unwrap();
    assert_eq!(ours(&line).code, 1);
    assert!(!std::path::Path::new(&output).exists());
    for flag in ["--skip-invalid-seeds", "--regenerate-invalid-seeds"] {
        ours_ok(&[&line[..], &[flag]].concat());
        assert_same(&file, &output);
    }
}

#[test]
fn in_place_only_what_is_wrong_is_written() {
    let place = Place::new();
    let [file, store, index] = made(&place, blob());
    let mut damaged = blob();
    damaged[5] ^= 1;
    for (content, from_store) in [
        (blob(), 0),
        (damaged, 1),
        ([blob(), b"more".to_vec()].concat(), 0),
        (blob()[..2_699_000].to_vec(), 1),
    ] {
        let output = place.file("out", &content);
        let line = ["extract", "-k", "--print-stats", "-s", &store, &index, &output];
        let stats: serde_json::Value = serde_json::from_str(&ours_ok(&line)).unwrap();
        assert_eq!(stats["chunks-from-store"], from_store, "{stats}");
        assert_same(&file, &output);
    }
}

#[test]
fn a_failed_extract_leaves_the_old_file() {
    let place = Place::new();
    let (file, store) = (place.file("blob", blob()), place.folder("store"));
    let index = place.at("i.caibx");
    ours_ok(&["make", &index, &file]);
    let output = place.file("dir/out", b"old");
    let outcome = ours(&["extract", "-s", &store, &index, &output]);
    assert_eq!(outcome.code, 1, "{}", outcome.err);
    assert_eq!(fs_err::read(&output).unwrap(), b"old");
    assert_eq!(fs_err::read_dir(place.at("dir")).unwrap().count(), 1);
}

#[test]
fn an_interrupted_command_ends_with_130_and_publishes_nothing() {
    let place = Place::new();
    let [file, store, index] = made(&place, blob());
    let output = place.at("out");
    let cancel = vsekai_desync::Cancel::default();
    cancel.cancel();
    let new = place.at("new.caibx");
    for line in [
        vec!["extract", "-s", &store, &index, &output],
        vec!["make", "-s", &store, &new, &file],
        vec!["verify-index", &index, &file],
        vec!["chop", "-s", &store, &index, &file],
        vec!["verify", "-s", &store],
    ] {
        let outcome = crate::common::ours_with(&line, b"", &cancel);
        assert_eq!(outcome.code, 130, "{line:?}: {}", outcome.err);
    }
    assert!(!std::path::Path::new(&output).exists() && !std::path::Path::new(&new).exists());
}

#[test]
fn chop_and_cache_copy_exactly_the_chunks_of_an_index() {
    let place = Place::new();
    let file = place.file("blob", blob());
    let (index, a, b, c) = (
        place.at("i.caibx"),
        place.folder("a"),
        place.folder("b"),
        place.folder("c"),
    );
    ours_ok(&["make", &index, &file]);
    ours_ok(&["chop", "-s", &a, &index, &file]);
    ours_ok(&["cache", "-s", &a, "-c", &b, &index]);
    let output = place.at("out");
    ours_ok(&["extract", "-s", &b, &index, &output]);
    assert_same(&file, &output);
    let list = place.file("ids", ours_ok(&["list-chunks", &index]).as_bytes());
    ours_ok(&["cache", "-s", &a, "-c", &c, "--ignore-chunks", &list, &index]);
    ours_ok(&["chop", "-s", &c, "--ignore", &index, &index, &file]);
    assert_eq!(fs_err::read_dir(&c).unwrap().count(), 0);
    let other = place.file("other", noise(9, 2_700_000));
    assert_eq!(ours(&["chop", "-s", &c, &index, &other]).code, 1);
    assert_eq!(ours(&["verify-index", &index, &other]).code, 1);
}

#[test]
fn damaged_chunks_are_reported_and_repaired() {
    let place = Place::new();
    let [file, store, index] = made(&place, blob());
    let ids = ours_ok(&["list-chunks", &index]);
    let id = ids.lines().next().unwrap();
    let chunk = format!("{store}/{}/{id}.cacnk", &id[..4]);
    fs_err::write(&chunk, b"broken").unwrap();
    let outcome = ours(&["verify", "-s", &store]);
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains(id), "{}", outcome.err);
    assert_eq!(ours(&["extract", "-s", &store, &index, &place.at("out")]).code, 1);
    assert_eq!(ours(&["verify", "-r", "-s", &store]).code, 0);
    assert!(!std::path::Path::new(&chunk).exists());
    ours_ok(&["make", "-s", &store, &index, &file]);
    ours_ok(&["verify", "-s", &store]);
}

#[test]
fn chunks_of_unusual_size_are_verified_too() {
    let place = Place::new();
    let content = [vec![0; 4 << 20], noise(1, 4 << 20), noise(2, 3 << 20)].concat();
    let (file, store, index) = (
        place.file("blob", content),
        place.folder("store"),
        place.at("i.caibx"),
    );
    ours_ok(&["make", "-m", "4096:4096:4096", "-s", &store, &index, &file]);
    ours_ok(&["verify", "-s", &store]);
    let ids = ours_ok(&["list-chunks", &index]);
    let path = |id: &str| format!("{store}/{}/{id}.cacnk", &id[..4]);
    let [zeros, first, second] = ids.lines().collect::<Vec<_>>()[..] else {
        panic!("{ids}");
    };
    // The right size and the wrong content.
    fs_err::copy(path(first), path(zeros)).unwrap();
    let outcome = ours(&["verify", "-s", &store]);
    assert_eq!(outcome.code, 1);
    // Once, whatever a first look at it found.
    let told = outcome.err.lines().filter(|line| line.contains(zeros)).count();
    assert_eq!(
        (told, outcome.err.contains(second)),
        (1, false),
        "{}",
        outcome.err
    );
    ours_ok(&["verify", "-r", "-s", &store]);
    let there = [zeros, first, second].map(|id| std::path::Path::new(&path(id)).exists());
    assert_eq!(there, [false, true, true]);
}

#[test]
fn an_index_with_small_chunks_takes_no_large_ones() {
    let place = Place::new();
    let [file, store, index] = made(&place, blob());
    let output = place.at("out");
    let mut bytes = fs_err::read(&index).unwrap();
    // What it allows: 128 MiB.
    bytes[40..48].copy_from_slice(&(128u64 << 20).to_le_bytes());
    fs_err::write(&index, &bytes).unwrap();
    ours_ok(&["extract", "-s", &store, &index, &output]);
    assert_same(&file, &output);
    let ids = ours_ok(&["list-chunks", &index]);
    let id = ids.lines().next().unwrap();
    let bomb = vsekai_formats::codec::compress(&vec![0; 64 << 20], 3).unwrap();
    fs_err::write(format!("{store}/{}/{id}.cacnk", &id[..4]), bomb).unwrap();
    let outcome = ours(&["extract", "-s", &store, &index, &output]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.err.contains("holds more than 262144 bytes"),
        "{}",
        outcome.err
    );
}

#[test]
fn prune_keeps_what_indexes_need_and_asks_first() {
    let place = Place::new();
    let store = place.folder("store");
    let (one, two) = (
        place.file("one", noise(1, 400_000)),
        place.file("two", noise(2, 400_000)),
    );
    let (one_index, two_index) = (place.at("one.caibx"), place.at("two.caibx"));
    ours_ok(&["make", "-s", &store, &one_index, &one]);
    ours_ok(&["make", "-s", &store, &two_index, &two]);
    let cancel = vsekai_desync::Cancel::default();
    for answer in [&b""[..], b"n\n", b"\n"] {
        let outcome = crate::common::ours_with(&["prune", "-s", &store, &one_index], answer, &cancel);
        assert_eq!(outcome.code, 1);
    }
    let output = place.at("out");
    ours_ok(&["extract", "-s", &store, &two_index, &output]);
    let outcome = crate::common::ours_with(&["prune", "-s", &store, &one_index], b"y\n", &cancel);
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    ours_ok(&["extract", "-s", &store, &one_index, &output]);
    assert_eq!(ours(&["extract", "-s", &store, &two_index, &output]).code, 1);
    assert_same(&one, &output);
}

#[test]
fn standard_streams_stand_in_for_indexes() {
    let place = Place::new();
    let (file, store) = (place.file("blob", blob()), place.folder("store"));
    let made = ours(&["make", "-s", &store, "-", &file]);
    assert_eq!(made.code, 0, "{}", made.err);
    let cancel = vsekai_desync::Cancel::default();
    let listed = crate::common::ours_with(&["list-chunks", "-"], &made.out, &cancel);
    assert!(listed.text().lines().count() > 10);
}

#[test]
fn pipes_and_devices_are_written_to_and_not_replaced() {
    let place = Place::new();
    let (file, store) = (place.file("blob", blob()), place.folder("store"));
    let (index, pipe, null) = (place.at("i.caibx"), pipe(place.at("pipe")), place.at("null"));
    ours_ok(&["make", "-s", &store, &index, &file]);
    std::os::unix::fs::symlink("/dev/null", &null).unwrap();
    for line in [
        vec!["cat", "-s", &store, &index, "OUTPUT"],
        vec!["make", "-s", &store, "OUTPUT", &file],
        vec!["inspect-chunks", &index, "OUTPUT"],
    ] {
        let run = |output: &str| {
            let words = line.iter().map(|word| match *word {
                "OUTPUT" => output,
                other => other,
            });
            ours_ok(&words.collect::<Vec<_>>())
        };
        let plain = place.at("plain");
        run(&plain);
        let reading = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs_err::read(pipe).unwrap()
        });
        run(&pipe);
        assert!(
            reading.join().unwrap() == fs_err::read(&plain).unwrap(),
            "{line:?}"
        );
        run(&null);
    }
    let (open, handle) = (tempfile::NamedTempFile::new().unwrap(), place.at("handle"));
    let fd = std::os::fd::AsRawFd::as_raw_fd(&open);
    std::os::unix::fs::symlink(format!("/dev/fd/{fd}"), &handle).unwrap();
    ours_ok(&["cat", "-s", &store, &index, &handle]);
    let len = fs_err::metadata(&file).unwrap().len();
    assert_eq!(open.as_file().metadata().unwrap().len(), len);
    assert_same(&file, open.path().to_str().unwrap());
    for output in [&null, &pipe, &handle] {
        let refused = ours(&["extract", "-s", &store, &index, output]);
        assert_eq!(refused.code, 1);
        assert!(refused.err.contains("cannot be replaced"), "{}", refused.err);
    }
    for link in [&null, &handle] {
        assert!(fs_err::symlink_metadata(link).unwrap().is_symlink());
    }
}

#[test]
fn a_link_to_an_output_is_kept_but_by_extract_as_with_desync() {
    let place = Place::new();
    let (file, store) = (place.file("blob", blob()), place.folder("store"));
    let (index, link, output) = (place.at("i.caibx"), place.at("link"), place.at("output"));
    ours_ok(&["make", "-s", &store, &index, &file]);
    std::os::unix::fs::symlink("output", &link).unwrap();
    let is_link = || fs_err::symlink_metadata(&link).unwrap().is_symlink();
    for old in [None, Some(b"old")] {
        if let Some(old) = old {
            fs_err::write(&output, old).unwrap();
        }
        ours_ok(&["cat", "-s", &store, &index, &link]);
        assert!(is_link());
        assert_same(&file, &output);
        ours_ok(&["make", &link, &file]);
        assert!(is_link());
        assert_same(&index, &output);
        fs_err::remove_file(&output).unwrap();
    }
    ours_ok(&["extract", "-s", &store, &index, &link]);
    assert!(!is_link());
    assert_same(&file, &link);
}

#[test]
fn an_index_is_read_from_a_pipe_and_by_any_name() {
    let place = Place::new();
    let file = place.file("blob", blob());
    let (index, pipe) = (place.at("game: v1\\2.caibx"), pipe(place.at("pipe")));
    ours_ok(&["make", &index, &file]);
    let listed = ours_ok(&["list-chunks", &index]);
    let writing = std::thread::spawn({
        let (pipe, bytes) = (pipe.clone(), fs_err::read(&index).unwrap());
        move || fs_err::write(pipe, bytes).unwrap()
    });
    assert_eq!(ours_ok(&["list-chunks", &pipe]), listed);
    writing.join().unwrap();
}

#[test]
fn a_pipe_is_not_chunked_and_nothing_of_it_gets_lost() {
    let place = Place::new();
    let (store, index, pipe) = (place.folder("store"), place.at("i.caibx"), pipe(place.at("pipe")));
    for line in [
        vec!["make", &index, &pipe],
        vec!["make", "-s", &store, &index, &pipe],
    ] {
        let writing = std::thread::spawn({
            let pipe = pipe.clone();
            // Nobody reads it to its end.
            move || fs_err::write(pipe, blob()).unwrap_err()
        });
        let refused = ours(&line);
        assert_eq!(refused.code, 1, "{line:?}");
        assert!(refused.err.contains(&pipe), "{}", refused.err);
        writing.join().unwrap();
    }
    assert!(!std::path::Path::new(&index).exists());
}

#[test]
fn programs_follow_the_progress_as_they_follow_desyncs() {
    let place = Place::new();
    let [file, store, index] = made(&place, blob());
    let output = place.at("out");
    place.file("tree/file", blob());
    let (tree, archive, target) = (place.at("tree"), place.at("t.caidx"), place.at("target"));
    ours_ok(&["tar", "-i", "-s", &store, &archive, &tree]);
    let (catar, tar) = (place.at("t.catar"), place.at("t.tar"));
    ours_ok(&["tar", &catar, &tree]);
    let (chopped, cache) = (place.folder("chopped"), place.folder("cache"));
    let as_tar = ["untar", "--output-format", "gnu-tar"];
    for (label, line) in [
        ("Chunking ", vec!["make", &index, &file]),
        ("Chunking ", vec!["make", "-s", &store, &index, &file]),
        (
            "Attempt 1: Assembling ",
            vec!["extract", "-s", &store, &index, &output],
        ),
        ("", vec!["chop", "-s", &chopped, &index, &file]),
        ("", vec!["cache", "-s", &store, "-c", &cache, &index]),
        ("", vec!["verify-index", &index, &file]),
        (
            "Unpacking ",
            vec!["untar", "--no-same-owner", "-i", "-s", &store, &archive, &target],
        ),
        ("Unpacking ", vec!["untar", "--no-same-owner", &catar, &target]),
        ("Unpacking ", [&as_tar[..], &[&catar, &tar]].concat()),
        (
            "Unpacking ",
            [&as_tar[..], &["-i", "-s", &store, &archive, &tar]].concat(),
        ),
    ] {
        let variable = "DESYNC_ENABLE_PARSABLE_PROGRESS";
        let followed = crate::common::ours_where(variable, "1", &line);
        assert_eq!(followed.code, 0, "{}", followed.err);
        let (first, last) = (format!("{label}   0.00%\n"), format!("\n{label} 100.00% "));
        let err = &followed.err;
        assert!(
            err.starts_with(&first) && err.contains(&last),
            "{line:?}: {err:?}"
        );
        assert!(err.ends_with("s\n\n"), "{line:?}: {err:?}");
        if let Some(desync) = desync() {
            let mut theirs = std::process::Command::new(desync);
            let theirs = theirs.args(&line).env(variable, "1").output().unwrap();
            let theirs = String::from_utf8(theirs.stderr).unwrap();
            assert!(theirs.contains(&first) && theirs.contains(&last), "{theirs:?}");
        }
        assert_eq!(ours(&line).err, "", "{line:?}");
    }
    let failed = crate::common::ours_where(
        "DESYNC_PROGRESSBAR_ENABLED",
        "1",
        &["extract", "-s", &place.folder("empty"), &index, &output],
    );
    assert_eq!(failed.code, 1);
    assert!(
        failed.err.starts_with("\rAttempt 1: Assembling ["),
        "{}",
        failed.err
    );
    assert!(failed.err.contains("\nError: "), "{}", failed.err);
}

#[test]
fn what_has_no_known_length_is_followed_in_bytes() {
    let place = Place::new();
    let (store, pipe, target) = (place.folder("store"), pipe(place.at("pipe")), place.at("target"));
    place.file("tree/file", blob());
    let (tree, index, catar) = (place.at("tree"), place.at("t.caidx"), place.at("t.catar"));
    ours_ok(&["tar", &catar, &tree]);
    let writing = std::thread::spawn({
        let (pipe, bytes) = (pipe.clone(), fs_err::read(&catar).unwrap());
        move || fs_err::write(pipe, bytes).unwrap()
    });
    for (label, line) in [
        ("Packing ", vec!["tar", "-i", "-s", &store, &index, &tree]),
        ("Unpacking ", vec!["untar", "--no-same-owner", &pipe, &target]),
    ] {
        let followed = crate::common::ours_where("DESYNC_ENABLE_PARSABLE_PROGRESS", "1", &line);
        assert_eq!(followed.code, 0, "{}", followed.err);
        // 700,000 bytes twice, 1,300,000 others, and a little for the archive.
        let (first, last) = (
            format!("{label}    0.0 MiB 0s\n"),
            format!("\n{label}    2.6 MiB "),
        );
        let err = &followed.err;
        assert!(err.starts_with(&first) && err.contains(&last), "{err:?}");
        assert!(err.ends_with("s\n\n"), "{err:?}");
    }
    writing.join().unwrap();
}

#[test]
fn the_configuration_is_written_for_its_owner_alone() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Place::new();
    let source = place.file(
        "c.json",
        br#"{"store-options":{"http://h/*":{"uncompressed":true}}}"#,
    );
    let printed = ours_ok(&["config", "--config", &source]);
    assert!(printed.contains("\"uncompressed\": true"), "{printed}");
    ours_ok(&["config", "-w", "--config", &source]);
    assert_eq!(fs_err::metadata(&source).unwrap().mode() & 0o777, 0o600);
    assert_eq!(ours_ok(&["config", "--config", &source]), printed);
    let link = place.at("link.json");
    std::os::unix::fs::symlink("c.json", &link).unwrap();
    ours_ok(&["config", "-w", "--config", &link]);
    assert!(fs_err::symlink_metadata(&link).unwrap().is_symlink());
    let missing = place.at("none");
    assert_eq!(ours(&["config", "--config", &missing]).code, 1);
}
