// SPDX-License-Identifier: MIT
//! Changed manifests, indexes and chunks: none is accepted.

mod support;

use support::site::Site;
use support::web::{Answer, Web};
use support::{Files, Player, noise};
use vsekai_formats::release::Pinned;
use vsekai_formats::{ChunkId, DigestAlgorithm, codec};
use vsekai_store::{Chunk, StoreFormat};

const DIGEST: DigestAlgorithm = DigestAlgorithm::Sha512_256;

#[tokio::test(flavor = "multi_thread")]
async fn no_changed_byte_of_a_manifest_or_index_is_accepted() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    let mut program = b"\x7fELF".to_vec();
    program.resize(18, 0);
    program.extend([0x3e, 0]);
    site.publish(
        &Files::from([("Game.x86_64".to_owned(), (program, true))]),
        "1.0",
        1,
    );
    let player = Player::open_with(root.path(), &web.address, |config| {
        config.trusted_root = Some(site.root());
    });
    player.updater.check().await.unwrap();
    let (mut tried, mut accepted) = (0, 0);
    for ending in ["stable@linux-x86_64@1.0.json", ".caidx"] {
        let bytes = served(&web, site.path(), ending);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << (place % 8);
            web.on(move |path| match path.ends_with(ending) {
                true => Answer::Bytes(changed.clone()),
                false => Answer::Serve,
            });
            accepted += u32::from(player.updater.check().await.is_ok());
            tried += 1;
        }
    }
    println!("{tried} changed bytes of a manifest and an index, accepted: {accepted}");
    assert_eq!(accepted, 0);
    assert!(tried > 500);
}

#[test]
fn no_changed_bit_of_a_hundred_chunks_makes_another_chunk() {
    let chunks = chunks();
    let (mut tried, mut accepted) = (0, 0);
    for (id, stored) in &chunks {
        for place in 0..stored.len() {
            for bit in 0..8 {
                let mut changed = stored.clone();
                changed[place] ^= 1 << bit;
                accepted += u32::from(is_accepted(*id, changed));
                tried += 1;
            }
        }
    }
    println!(
        "{tried} changed bits of {} chunks, accepted: {accepted}",
        chunks.len()
    );
    assert_eq!(accepted, 0);
}

#[test]
fn no_random_edit_is_accepted() {
    let chunks = chunks();
    let document = noise(77, 900);
    let pin = Pinned::of(&document);
    let mut accepted = 0;
    for round in 0..10_000_u64 {
        let dice = noise(round + 1, 16);
        let pick = |place: usize, below: usize| {
            (usize::from(dice[place]) << 8 | usize::from(dice[place + 1])) % below
        };
        let (id, stored) = &chunks[pick(0, chunks.len())];
        let of_document = dice[2].is_multiple_of(4);
        let original = if of_document { &document } else { stored };
        let mut changed = original.clone();
        match dice[3] % 5 {
            0 => changed[pick(4, original.len())] ^= dice[6] | 1,
            1 => changed.truncate(pick(4, original.len())),
            2 => changed.extend(&dice[..=pick(4, 15)]),
            3 => changed = chunks[pick(4, chunks.len())].1.clone(),
            _ => changed = codec::compress(&noise(round + 5000, 200), 3).unwrap(),
        }
        if changed == *original {
            continue;
        }
        accepted += u32::from(match of_document {
            true => pin.matches(&changed),
            false => is_accepted(*id, changed),
        });
    }
    println!("10000 random edits, accepted: {accepted}");
    assert_eq!(accepted, 0);
}

/// A hundred chunks by id, as they are stored.
fn chunks() -> Vec<(ChunkId, Vec<u8>)> {
    let plain = (0..100).map(|seed| {
        // Half of them compress, half do not.
        let mut bytes = noise(seed, 120);
        bytes.extend(if seed % 2 == 0 {
            vec![b'a'; 120]
        } else {
            noise(seed + 900, 120)
        });
        bytes
    });
    plain
        .map(|plain| (ChunkId::of(DIGEST, &plain), codec::compress(&plain, 3).unwrap()))
        .collect()
}

/// Tells whether changed bytes pass for the chunk although they hold something else.
fn is_accepted(id: ChunkId, stored: Vec<u8>) -> bool {
    let decoded = Chunk::decode("a hostile store", id, StoreFormat::default(), stored.into());
    decoded.is_ok_and(|chunk| ChunkId::of(DIGEST, chunk.plain()) != id)
}

/// Returns the file that was served under a name with this ending.
fn served(web: &Web, folder: &std::path::Path, ending: &str) -> Vec<u8> {
    let path = web
        .served()
        .into_iter()
        .find(|path| path.ends_with(ending))
        .unwrap();
    fs_err::read(folder.join(path.trim_start_matches('/'))).unwrap()
}
