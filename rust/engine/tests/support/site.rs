// SPDX-License-Identifier: MIT
//! Publishes trees as static files.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fs_err as fs;
use vsekai_formats::index::Index;
use vsekai_formats::layout::{Layout, Slice};
use vsekai_formats::release::{
    ChannelPointer, Contents, Entries, Entry, EntryKind, Launch, Pinned, Platform, Program, ReleaseManifest,
    ReleaseRef, ReleaseSize, SCHEMA, Slug, Version, address,
};
use vsekai_formats::{ChunkId, DigestAlgorithm, TreePath, codec, flags};

use super::Files;
use super::forge::Forge;

/// Where the signed metadata lies.
const TUF: &str = "titles/game/tuf";
/// Bytes of every chunk but the last.
const CHUNK: usize = 32 * 1024;

/// A folder of static files that a web server serves.
pub struct Site {
    folder: tempfile::TempDir,
    forge: Mutex<Forge>,
}

impl Site {
    pub fn new() -> Self {
        Self {
            folder: super::memory_folder(),
            forge: Mutex::new(Forge::new()),
        }
    }

    /// Returns the root that players pin.
    pub fn root(&self) -> Vec<u8> {
        self.forge.lock().unwrap().root()
    }

    /// Changes the signed metadata and serves it.
    pub fn change(&self, change: impl FnOnce(&mut Forge)) {
        let mut forge = self.forge.lock().unwrap();
        change(&mut forge);
        forge.write(&self.path().join(TUF));
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns where a chunk lies.
    pub fn chunk(&self, id: ChunkId) -> PathBuf {
        self.path().join("store").join(id.store_path(".cacnk"))
    }

    /// Publishes `files` as `version` and points the channel `stable` at it.
    pub fn publish(&self, files: &Files, version: &str, sequence: u64) -> ReleaseManifest {
        self.publish_with(files, version, sequence, |_, _| {})
    }

    /// The same, the contents and the manifest changed before they are pinned.
    pub fn publish_with(
        &self,
        files: &Files,
        version: &str,
        sequence: u64,
        change: impl FnOnce(&mut Contents, &mut ReleaseManifest),
    ) -> ReleaseManifest {
        let mut contents = contents(files);
        let layout = Layout::of(contents.clone().into()).unwrap();
        let catar = catar(&contents, &layout, files);
        let (index, stored_sizes) = self.store(&catar);
        contents.stored_sizes = stored_sizes;
        let mut manifest = manifest(&contents, version, sequence);
        change(&mut contents, &mut manifest);
        self.write_release(&contents, &index, manifest)
    }

    /// Points the channel at a release.
    pub fn point(&self, manifest: &ReleaseManifest) {
        self.point_with(manifest, |_| {});
    }

    /// The same, the pointer changed before it is signed.
    pub fn point_with(&self, manifest: &ReleaseManifest, change: impl FnOnce(&mut ChannelPointer)) {
        self.point_at(manifest, &json(manifest), change);
    }

    /// The same with `bytes` served as the manifest, whatever they are.
    pub fn point_at(
        &self,
        manifest: &ReleaseManifest,
        bytes: &[u8],
        change: impl FnOnce(&mut ChannelPointer),
    ) {
        let mut pointer = ChannelPointer {
            schema: SCHEMA,
            title: manifest.title.clone(),
            channel: "stable".parse().unwrap(),
            platform: manifest.platform,
            release: ReleaseRef {
                manifest: Pinned::of(bytes),
                ..release(manifest)
            },
            rollout: None,
            withdrawn: vec![],
            pinned: false,
        };
        change(&mut pointer);
        let place = format!("stable@{}", manifest.platform);
        self.change(|forge| {
            forge.put_target("stable", &format!("{place}@{}.json", manifest.version), bytes);
            forge.put_target("stable", &format!("{place}.json"), &json(&pointer));
            forge.publish();
        });
    }

    /// Returns the name of the folder that a release is installed in.
    pub fn folder_name(&self, manifest: &ReleaseManifest) -> String {
        let digest = release(manifest).manifest.sha256.to_string();
        format!("{}-{}", manifest.version, &digest[..8])
    }

    pub fn write(&self, place: &str, bytes: &[u8]) {
        let path = self.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn store(&self, catar: &[u8]) -> (Index, Vec<u32>) {
        let digest = DigestAlgorithm::Sha512_256;
        let mut index = Index::new(
            flags::for_catar(digest),
            digest,
            (1024, CHUNK as u64, CHUNK as u64),
        );
        let (mut sizes, mut seen) = (Vec::new(), HashSet::new());
        for chunk in catar.chunks(CHUNK) {
            let id = ChunkId::of(digest, chunk);
            index.push(id, chunk.len() as u32);
            if seen.insert(id) {
                let stored = codec::compress(chunk, 3).unwrap();
                sizes.push(stored.len() as u32);
                self.write(&format!("store/{}", id.store_path(".cacnk")), &stored);
            }
        }
        (index, sizes)
    }

    fn write_release(
        &self,
        contents: &Contents,
        index: &Index,
        mut manifest: ReleaseManifest,
    ) -> ReleaseManifest {
        let stored = codec::compress(&json(contents), 3).unwrap();
        let index = index.to_bytes();
        manifest.contents = Pinned::of(&stored);
        manifest.index = Pinned::of(&index);
        let (title, platform, version) = (&manifest.title, manifest.platform, &manifest.version);
        self.write(&address::contents(title, platform, version), &stored);
        self.write(
            &format!("index/{}", address::index_name(title, platform, version)),
            &index,
        );
        self.point(&manifest);
        manifest
    }
}

/// Returns how a channel names a release.
pub fn release(manifest: &ReleaseManifest) -> ReleaseRef {
    ReleaseRef {
        version: manifest.version.clone(),
        sequence: manifest.sequence,
        manifest: Pinned::of(&json(manifest)),
    }
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn contents(files: &Files) -> Contents {
    let mut entries: BTreeMap<Vec<String>, Entry> = BTreeMap::new();
    for (path, (bytes, executable)) in files {
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        for depth in 1..parts.len() {
            let folder = parts[..depth].to_vec();
            let path = TreePath::parse(&folder.join("/")).unwrap();
            entries.insert(
                folder,
                Entry {
                    path,
                    kind: EntryKind::Folder,
                },
            );
        }
        let digest = ChunkId::of(DigestAlgorithm::Sha512_256, bytes);
        let kind = EntryKind::File {
            size: bytes.len() as u64,
            executable: *executable,
            digest,
        };
        entries.insert(
            parts,
            Entry {
                path: TreePath::parse(path).unwrap(),
                kind,
            },
        );
    }
    Contents {
        schema: SCHEMA,
        entries: Entries::of(entries.values()).unwrap(),
        stored_sizes: vec![],
    }
}

fn catar(contents: &Contents, layout: &Layout, files: &Files) -> Vec<u8> {
    let mut catar = Vec::new();
    for slice in layout.slices(0..layout.total_len()) {
        match slice {
            Slice::Literal(bytes) => catar.extend(bytes),
            Slice::File { entry, offset, len } => {
                let bytes = &files[&contents.entries.get(entry).unwrap().path.to_string()].0;
                catar.extend_from_slice(&bytes[offset as usize..(offset + len) as usize]);
            }
        }
    }
    catar
}

fn manifest(contents: &Contents, version: &str, sequence: u64) -> ReleaseManifest {
    let pin = Pinned::of(b"");
    let program = Program {
        path: TreePath::parse("Game.x86_64").unwrap(),
        arguments: vec![],
    };
    ReleaseManifest {
        schema: SCHEMA,
        title: "game".parse::<Slug>().unwrap(),
        platform: Platform::LinuxX86_64,
        version: version.parse::<Version>().unwrap(),
        sequence,
        index: pin.clone(),
        contents: pin,
        launch: Launch {
            desktop: program,
            vr: None,
        },
        size: ReleaseSize {
            files: contents.files().count() as u64,
            ..ReleaseSize::default()
        },
        notes: format!("What is new in {version}"),
        minimum_launcher: None,
        minimum_engine: None,
        user_paths: vec![],
    }
}
