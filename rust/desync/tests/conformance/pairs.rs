// SPDX-License-Identifier: MIT
//! Every command beside the real tools' on the same random data: the same output, the same files, the same stores.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use proptest::prelude::*;

use crate::common::{Place, casync, desync, listing, noise, ours, ours_ok, real_ok};

/// Data with pieces that come again and runs of zeros, of any length.
fn any_blob() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => (0u64..6, 1usize..90_000).prop_map(|(seed, len)| noise(seed, len)),
        1 => (1usize..120_000).prop_map(|len| vec![0; len]),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Two tools, each with a store and an index of its own in a folder.
struct Pair<'a> {
    desync: &'a Path,
    digest: &'a str,
    sizes: &'a str,
    place: Place,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    Theirs,
}

use Whose::{Ours, Theirs};

impl Whose {
    fn name(self, of: &str) -> String {
        match self {
            Ours => format!("ours-{of}"),
            Theirs => format!("theirs-{of}"),
        }
    }

    fn other(self) -> Self {
        match self {
            Ours => Theirs,
            Theirs => Ours,
        }
    }
}

impl Pair<'_> {
    /// A path that belongs to one of the tools.
    fn at(&self, whose: Whose, of: &str) -> String {
        self.place.at(&whose.name(of))
    }

    fn folder(&self, whose: Whose, of: &str) -> String {
        self.place.folder(&whose.name(of))
    }

    fn run(&self, whose: Whose, line: &[&str]) -> String {
        let line = [&["--digest", self.digest][..], line].concat();
        match whose {
            Ours => ours_ok(&line),
            Theirs => real_ok(self.desync, &line),
        }
    }

    /// Runs a command that must fail.
    fn fails(&self, whose: Whose, line: &[&str]) {
        let line = [&["--digest", self.digest][..], line].concat();
        let failed = match whose {
            Ours => ours(&line).code == 1,
            Theirs => {
                let output = std::process::Command::new(self.desync).args(&line).output();
                output.unwrap().status.code() == Some(1)
            }
        };
        assert!(failed, "{whose:?} {line:?}");
    }

    /// Cuts a file, as the real tool does.
    fn cut(&self, whose: Whose, command: &str, line: &[&str]) -> String {
        let mut words = vec![command, "-m", self.sizes];
        if whose == Ours {
            words.extend(["--chunker", "legacy"]);
        }
        words.extend(line);
        self.run(whose, &words)
    }

    /// Runs a command that prints with both tools on the same files.
    fn prints(&self, line: &[&str]) {
        assert_eq!(self.run(Ours, line), self.run(Theirs, line), "{line:?}");
    }

    /// Checks that both tools' files or stores of this name are the same.
    fn same(&self, of: &str) {
        let (ours, theirs) = (self.at(Ours, of), self.at(Theirs, of));
        match Path::new(&ours).is_dir() {
            true => assert_eq!(chunks(&ours), chunks(&theirs), "{of}"),
            false => assert!(
                fs_err::read(ours).unwrap() == fs_err::read(theirs).unwrap(),
                "{of}"
            ),
        }
    }
}

/// The chunks of a store; their stored bytes may differ.
fn chunks(store: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in fs_err::read_dir(store).unwrap() {
        for entry in fs_err::read_dir(folder.unwrap().path()).unwrap() {
            found.insert(entry.unwrap().file_name().into_string().unwrap());
        }
    }
    found
}

fn check_blob(pair: &Pair<'_>, blob: &[u8]) {
    let file = pair.place.file("blob", blob);
    let half = pair.place.file("half", &blob[..blob.len() / 2]);
    for whose in [Ours, Theirs] {
        let (store, index) = (pair.folder(whose, "store"), pair.at(whose, "i.caibx"));
        pair.cut(whose, "make", &["-s", &store, &index, &file]);
        pair.cut(whose, "make", &[&pair.at(whose, "half.caibx"), &half]);
    }
    for of in ["store", "i.caibx", "half.caibx"] {
        pair.same(of);
    }
    assert_eq!(
        pair.cut(Ours, "chunk", &[&file]),
        pair.cut(Theirs, "chunk", &[&file])
    );

    let (store, index) = (pair.at(Theirs, "store"), pair.at(Theirs, "i.caibx"));
    let (seed, end) = (pair.at(Theirs, "half.caibx"), (blob.len() / 3).to_string());
    pair.prints(&["list-chunks", &index]);
    pair.prints(&["info", "-s", &store, "-c", &store, "--seed", &seed, &index]);
    pair.prints(&["info", "-f", "plain", &index]);
    if !blob.is_empty() {
        pair.prints(&["inspect-chunks", &index]);
        pair.prints(&["inspect-chunks", "-s", &store, &index]);
    }

    for whose in [Ours, Theirs] {
        // Each tool with what the other one made.
        let (store, index) = (pair.at(whose.other(), "store"), pair.at(whose.other(), "i.caibx"));
        pair.run(whose, &["verify", "-s", &store]);
        pair.run(whose, &["verify-index", &index, &file]);
        pair.run(whose, &["cat", "-s", &store, &index, &pair.at(whose, "cat")]);
        let (part, output) = (["-o", &end, "-l", &end], pair.at(whose, "part"));
        pair.run(
            whose,
            &[&["cat", "-s", &store], &part[..], &[&index, &output]].concat(),
        );
        pair.run(whose, &["extract", "-s", &store, &index, &pair.at(whose, "out")]);
        let seed = format!("{}:{half}", pair.at(whose.other(), "half.caibx"));
        let (cache, seeded) = (pair.folder(whose, "cache"), pair.at(whose, "seeded"));
        let from = ["--seed", &seed, "-c", &cache, "-s", &store];
        pair.run(whose, &[&["extract"], &from[..], &[&index, &seeded]].concat());
        let in_place = pair.place.file(&whose.name("in-place"), &blob[blob.len() / 3..]);
        pair.run(whose, &["extract", "-k", "-s", &store, &index, &in_place]);
        pair.run(
            whose,
            &["chop", "-s", &pair.folder(whose, "chopped"), &index, &file],
        );
        let (copy, less) = (pair.folder(whose, "copy"), pair.folder(whose, "less"));
        pair.run(whose, &["cache", "-s", &store, "-c", &copy, &index]);
        let ignore = pair.at(whose.other(), "half.caibx");
        pair.run(
            whose,
            &["cache", "--ignore", &ignore, "-s", &store, "-c", &less, &index],
        );
        let ids = pair.run(whose, &["list-chunks", &ignore]);
        let (ids, rest) = (
            pair.place.file(&whose.name("ids"), ids),
            pair.folder(whose, "rest"),
        );
        let leave = ["--ignore-chunks", &ids];
        pair.run(
            whose,
            &[&["chop", "-s", &rest], &leave[..], &[&index, &file]].concat(),
        );
    }
    for of in [
        "cat", "part", "out", "seeded", "in-place", "chopped", "copy", "less", "rest",
    ] {
        pair.same(of);
    }
    for of in ["cat", "out", "seeded", "in-place"] {
        assert!(fs_err::read(pair.at(Ours, of)).unwrap() == blob, "{of}");
    }

    let Some(first) = chunks(&store).into_iter().next() else {
        return;
    };
    for whose in [Ours, Theirs] {
        let (store, index) = (pair.at(whose, "store"), pair.at(whose, "i.caibx"));
        let damaged = pair
            .place
            .file(&format!("{}/{}/{first}", whose.name("store"), &first[..4]), "x");
        // Not extract: desync makes chunks of zeros without reading them.
        let none = pair.folder(whose, "none");
        pair.fails(whose, &["cache", "-s", &store, "-c", &none, &index]);
        pair.run(whose, &["verify", "-r", "-s", &store]);
        assert!(!Path::new(&damaged).exists(), "{whose:?}");
        let mut wrong = blob.to_vec();
        wrong[blob.len() / 2] ^= 1;
        pair.fails(whose, &["verify-index", &index, &pair.place.file("wrong", wrong)]);
        pair.run(
            whose,
            &["prune", "-y", "-s", &store, &pair.at(whose, "half.caibx")],
        );
    }
    pair.same("store");
}

fn check_blob_of_casync(casync: &Path, blob: &[u8]) {
    let place = Place::new();
    let file = place.file("blob", blob);
    let (store, theirs) = (place.folder("store"), place.at("casync"));
    let (index, their_index) = (place.at("i.caibx"), place.at("casync.caibx"));
    let cut = ["--chunker", "casync", "-m", "4:16:64"];
    ours_ok(&[&["make"], &cut[..], &["-s", &store, &index, &file]].concat());
    let (sizes, their_store) = ("--chunk-size=4096:16384:65536", format!("--store={theirs}"));
    real_ok(casync, &["make", sizes, &their_store, &their_index, &file]);
    assert!(fs_err::read(&index).unwrap() == fs_err::read(&their_index).unwrap());
    let (a, b) = (place.at("a"), place.at("b"));
    real_ok(casync, &["extract", &format!("--store={store}"), &index, &a]);
    assert!(fs_err::read(a).unwrap() == blob);
    if !blob.is_empty() {
        ours_ok(&["verify", "-s", &theirs]);
        ours_ok(&["extract", "-s", &theirs, &their_index, &b]);
        assert!(fs_err::read(b).unwrap() == blob);
    }
}

/// The folder a file is in, its content, permissions, time and attribute.
type File = (u8, Vec<u8>, u32, i64, Option<Vec<u8>>);

fn any_files() -> impl Strategy<Value = Vec<File>> {
    let content = proptest::collection::vec(any::<u8>(), 0..2000);
    let modes = prop_oneof![
        Just(0o644u32),
        Just(0o755),
        Just(0o4711),
        Just(0o600),
        Just(0o1444)
    ];
    let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40));
    let file = (0u8..4, content, modes, -2_000_000_000i64..4_000_000_000, value);
    proptest::collection::vec(file, 0..12)
}

const ATTRIBUTE: &str = "user.note";

fn build(root: &str, files: &[File]) {
    fs_err::create_dir_all(root).unwrap();
    for (number, (folder, content, mode, time, attribute)) in files.iter().enumerate() {
        let folder = format!("{root}/{folder}");
        fs_err::create_dir_all(&folder).unwrap();
        let path = format!("{folder}/{number} é");
        fs_err::write(&path, content).unwrap();
        if let Some(value) = attribute {
            // Not every file system has attributes.
            let flags = rustix::fs::XattrFlags::empty();
            let _ = rustix::fs::setxattr(&path, ATTRIBUTE, value, flags);
        }
        let time = rustix::fs::Timespec {
            tv_sec: *time,
            tv_nsec: 987_654_321,
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        rustix::fs::utimensat(rustix::fs::CWD, &path, &times, rustix::fs::AtFlags::empty()).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(*mode)).unwrap();
    }
}

/// What a tree has: its listing, and its files' attributes if they are to be looked at.
fn found(root: &str, attributes: bool) -> (Vec<String>, Vec<Vec<u8>>) {
    let lines = listing(root);
    let values = lines.iter().filter(|_| attributes).map(|line| {
        let path = line.split(" file ").next().unwrap();
        let mut value = [0; 64];
        let len = rustix::fs::lgetxattr(format!("{root}/{path}"), ATTRIBUTE, &mut value[..]).unwrap_or(0);
        value[..len].to_vec()
    });
    let values = values.collect();
    (lines, values)
}

fn check_tree(pair: &Pair<'_>, files: &[File]) {
    let tree = pair.place.at("tree");
    build(&tree, files);
    // Only root can give files away, and both tools set attributes only where they set owners.
    let as_root = rustix::process::geteuid().is_root();
    let untar = match as_root {
        true => &["untar"][..],
        false => &["untar", "--no-same-owner"],
    };
    for whose in [Ours, Theirs] {
        let (store, index) = (pair.folder(whose, "store"), pair.at(whose, "i.caidx"));
        pair.run(whose, &["tar", &pair.at(whose, "catar"), &tree]);
        pair.run(whose, &["tar", "--no-time", &pair.at(whose, "bare"), &tree]);
        pair.cut(whose, "tar", &["-i", "-s", &store, &index, &tree]);
    }
    for of in ["catar", "bare", "i.caidx", "store"] {
        pair.same(of);
    }
    for whose in [Ours, Theirs] {
        let (store, index) = (pair.at(whose.other(), "store"), pair.at(whose.other(), "i.caidx"));
        let (a, b) = (pair.folder(whose, "a"), pair.folder(whose, "b"));
        let archive = pair.at(whose.other(), "catar");
        pair.run(whose, &[untar, &[&archive, &a]].concat());
        let cache = pair.folder(whose, "cache");
        let from = ["-i", "-s", &store, "-c", &cache];
        pair.run(whose, &[untar, &from[..], &[&index, &b]].concat());
        for target in [&a, &b] {
            assert_eq!(found(&tree, as_root), found(target, as_root), "{whose:?}");
        }
    }
    pair.same("cache");
    // desync's times of all but files are padded with spaces.
    let files_of = |listed: String| -> Vec<String> {
        let files = listed.lines().filter(|line| line.contains(" type=file "));
        files.map(str::to_owned).collect()
    };
    let (store, index) = (pair.at(Theirs, "store"), pair.at(Theirs, "i.caidx"));
    let archive = pair.at(Theirs, "catar");
    for line in [
        &["mtree", &archive][..],
        &["mtree", &tree],
        &["mtree", "-i", "-s", &store, &index],
    ] {
        let (ours, theirs) = (pair.run(Ours, line), pair.run(Theirs, line));
        assert_eq!(ours.lines().count(), theirs.lines().count(), "{line:?}");
        assert_eq!(files_of(ours), files_of(theirs), "{line:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn every_command_does_to_a_file_what_desyncs_does(
        blob in any_blob(),
        digest in prop_oneof![Just("sha512-256"), Just("sha256")],
        sizes in prop_oneof![Just("16:64:256"), Just("4:16:64"), Just("1:4:16"), Just("8:8:8")],
    ) {
        if let Some(desync) = desync() {
            let place = Place::new();
            check_blob(&Pair { desync: &desync, digest, sizes, place }, &blob);
        }
        if let Some(casync) = casync() {
            check_blob_of_casync(&casync, &blob);
        }
    }

    #[test]
    fn every_command_does_to_a_tree_what_desyncs_does(files in any_files()) {
        if let Some(desync) = desync() {
            let place = Place::new();
            let pair = Pair { desync: &desync, digest: "sha512-256", sizes: "1:4:16", place };
            check_tree(&pair, &files);
        }
    }
}
