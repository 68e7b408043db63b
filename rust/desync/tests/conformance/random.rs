// SPDX-License-Identifier: MIT
//! Random trees through our commands and the real ones.

use std::collections::BTreeMap;

use crate::common::{Place, casync, desync, listing, ours_ok, real_ok};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Node {
    File(Vec<u8>),
    Link(String),
    Folder(BTreeMap<String, Node>),
}

fn any_folder() -> impl Strategy<Value = BTreeMap<String, Node>> {
    let name = "[a-zA-Z0-9 ._~äß日-]{1,20}".prop_filter("dots", |name| !matches!(name.as_str(), "." | ".."));
    let leaf = prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..3000).prop_map(Node::File),
        1 => (any::<u8>(), 60_000usize..200_000).prop_map(|(byte, len)| {
            Node::File((0..len).map(|at| byte ^ ((at * at) >> 7) as u8).collect())
        }),
        1 => "[a-z./]{1,12}".prop_map(Node::Link),
    ];
    let node = leaf.prop_recursive(3, 30, 6, {
        let name = name.clone();
        move |inner| proptest::collection::btree_map(name.clone(), inner, 0..6).prop_map(Node::Folder)
    });
    proptest::collection::btree_map(name, node, 0..8)
}

fn build(path: &str, children: &BTreeMap<String, Node>) {
    fs_err::create_dir_all(path).unwrap();
    for (name, node) in children {
        let path = format!("{path}/{name}");
        match node {
            Node::File(content) => fs_err::write(path, content).unwrap(),
            Node::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            Node::Folder(children) => build(&path, children),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_survive_every_pair_of_tools(tree in any_folder()) {
        let place = Place::new();
        let source = place.at("tree");
        build(&source, &tree);
        let (store, index, archive) = (place.folder("store"), place.at("i.caidx"), place.at("a.catar"));
        ours_ok(&["tar", "-i", "-s", &store, "-m", "4:16:64", &index, &source]);
        ours_ok(&["tar", &archive, &source]);
        let target = place.at("ours");
        ours_ok(&["untar", "--no-same-owner", "-i", "-s", &store, &index, &target]);
        prop_assert_eq!(listing(&source), listing(&target));
        if let Some(desync) = desync() {
            let theirs = place.at("theirs.catar");
            real_ok(&desync, &["tar", &theirs, &source]);
            prop_assert!(fs_err::read(&theirs).unwrap() == fs_err::read(&archive).unwrap());
            let target = place.folder("desync");
            real_ok(&desync, &["untar", "--no-same-owner", "-i", "-s", &store, &index, &target]);
            prop_assert_eq!(listing(&source), listing(&target));
        }
        if let Some(casync) = casync() {
            let theirs = place.at("casync.catar");
            real_ok(&casync, &["make", &theirs, &source]);
            let target = place.at("from-casync");
            ours_ok(&["untar", "--no-same-owner", &theirs, &target]);
            prop_assert_eq!(listing(&source), listing(&target));
            let target = place.at("casync");
            real_ok(&casync, &["extract", &format!("--store={store}"), &index, &target]);
            prop_assert_eq!(listing(&source), listing(&target));
        }
    }
}
