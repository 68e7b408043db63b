// SPDX-License-Identifier: MIT
//! A small publisher, a static web server with faults, and a player, for tests of the engine.
//!
//! The publisher cuts at fixed sizes and knows nothing of the real one: the engine must install from any
//! valid index.

#![allow(dead_code, reason = "each test file uses its own part of this module")]

#[path = "../../../trust/tests/support/forge.rs"]
pub mod forge;
pub mod names;
pub mod site;
pub mod web;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use fs_err as fs;
use vsekai_engine::{EngineError, Event, InstallConfig, Updater};
use vsekai_formats::release::Platform;

/// The files of a tree by path; `true` for executable ones.
pub type Files = BTreeMap<String, (Vec<u8>, bool)>;

/// Returns `len` bytes that depend on `seed` and do not compress.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(step).take(len).collect()
}

/// A tree with what games have: a program, a big file, many small ones, empty ones, nesting, a link.
pub fn game(seed: u64) -> Files {
    let mut files = Files::new();
    let mut elf = vec![0x7f, b'E', b'L', b'F'];
    elf.resize(18, 0);
    elf.extend([0x3e, 0]);
    elf.extend(noise(1, 90_000));
    files.insert("Game.x86_64".into(), (elf, true));
    let mut pack = noise(2, 700_000);
    pack[300_000..320_000].copy_from_slice(&noise(seed + 100, 20_000));
    files.insert("Game.pck".into(), (pack, false));
    for i in 0..40 {
        files.insert(
            format!("data/level{}/part{i:02}.txt", i % 4),
            (noise(i, 1500), false),
        );
    }
    files.insert("data/changed.txt".into(), (noise(seed + 7, 3000), false));
    files.insert("data/empty".into(), (vec![], false));
    files.insert(format!("data/only-in-{seed}"), (noise(seed, 2000), false));
    files.insert(format!("moved/to-{seed}/big.bin"), (noise(55, 150_000), false));
    files
}

/// Returns a folder that is removed when dropped, in memory where the system has such a place: nothing there
/// waits for a disk.
pub fn memory_folder() -> tempfile::TempDir {
    let made = tempfile::tempdir_in("/dev/shm");
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

/// Numbers that look random, the same ones for the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A tree whose names and contents overlap with those of other seeds, so that there is something to share.
pub fn random_tree(seed: u64) -> Files {
    let mut dice = Dice(seed * 7919 + 1);
    let mut files = Files::new();
    let mut program = vec![0x7f, b'E', b'L', b'F'];
    program.resize(18, 0);
    program.extend([0x3e, 0]);
    program.extend(noise(dice.below(3), 5000));
    files.insert("Game.x86_64".into(), (program, true));
    for _ in 0..dice.below(25) {
        let depth = dice.below(4);
        let folders: String = (0..depth).map(|_| format!("d{}/", dice.below(3))).collect();
        // A name is either always a file or always a folder: "d…" or "f…".
        let path = format!("{folders}f{}", dice.below(12));
        let len = match dice.below(6) {
            0 => 0,
            1 => dice.below(120_000) as usize,
            _ => dice.below(3000) as usize,
        };
        files.insert(path, (noise(dice.below(20), len), dice.below(5) == 0));
    }
    files
}

/// What lies below `root`: kind, mode, content or target of everything, nothing followed.
pub fn listing(root: &Path) -> BTreeMap<std::path::PathBuf, String> {
    let (mut found, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let (path, kind) = {
                let entry = entry.unwrap();
                (entry.path(), entry.file_type().unwrap())
            };
            let what = match kind {
                kind if kind.is_dir() => {
                    open.push(path.clone());
                    String::new()
                }
                kind if kind.is_file() => format!("{:?}", fs::read(&path).unwrap()),
                _ => format!("{kind:?} {:?}", fs::read_link(&path).ok()),
            };
            let mode = fs::symlink_metadata(&path).unwrap().permissions();
            found.insert(path, format!("{mode:?} {what}"));
        }
    }
    found
}

/// Makes the disk fail to read the file: the system has nothing to give at the beginning of the one that it leads to now.
#[cfg(target_os = "linux")]
pub fn make_unreadable(file: &Path) {
    let _ = fs::remove_file(file);
    std::os::unix::fs::symlink("/proc/self/mem", file).unwrap();
}

/// The names of what lies in `folder`, in order.
pub fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A player's folder and what the engine told about it.
pub struct Player {
    pub updater: Arc<Updater>,
    pub events: Arc<Mutex<Vec<Event>>>,
    heard: Arc<tokio::sync::Notify>,
}

impl Player {
    /// Opens `root` against `server`.
    pub fn open(root: &Path, server: &str) -> Self {
        Self::open_with(root, server, |_| {})
    }

    /// The same, nothing where the engine will not open it.
    pub fn try_open(root: &Path, server: &str) -> Option<Self> {
        Self::opened(root, server, |_| {}).ok()
    }

    /// The same with other settings.
    pub fn open_with(root: &Path, server: &str, change: impl FnOnce(&mut InstallConfig)) -> Self {
        Self::opened(root, server, change).unwrap()
    }

    fn opened(
        root: &Path,
        server: &str,
        change: impl FnOnce(&mut InstallConfig),
    ) -> Result<Self, EngineError> {
        let events = Arc::new(Mutex::new(Vec::new()));
        let mut config = InstallConfig::new(root, Platform::LinuxX86_64);
        config.server = Some(server.to_owned());
        config.title = Some("game".parse().unwrap());
        config.channel = Some("stable".parse().unwrap());
        config.connections = 4;
        change(&mut config);
        let (kept, heard) = (events.clone(), Arc::new(tokio::sync::Notify::new()));
        let told = heard.clone();
        let observer = move |event: Event| {
            kept.lock().unwrap().push(event);
            told.notify_one();
        };
        let updater = Arc::new(Updater::open(config, Arc::new(observer))?);
        Ok(Self {
            updater,
            events,
            heard,
        })
    }

    /// Returns the states heard of, in order.
    pub fn states(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let states = events.iter().filter_map(|event| match event {
            Event::State {
                state,
                phase: Some(phase),
            } => Some(format!("{state:?}.{phase:?}")),
            Event::State { state, phase: None } => Some(format!("{state:?}")),
            _ => None,
        });
        states.collect()
    }

    /// Returns the plans heard of, in order.
    pub fn plans(&self) -> Vec<vsekai_engine::PlanSummary> {
        let events = self.events.lock().unwrap();
        let plans = events.iter().filter_map(|event| match event {
            Event::Plan(plan) => Some(plan.clone()),
            _ => None,
        });
        plans.collect()
    }

    /// Returns the notices heard of, code and message, in order.
    pub fn told(&self) -> Vec<(&'static str, String)> {
        let events = self.events.lock().unwrap();
        let told = events.iter().filter_map(|event| match event {
            Event::Notice { code, message } => Some((code.as_str(), message.clone())),
            _ => None,
        });
        told.collect()
    }

    /// Returns what was told under `code`, in order.
    pub fn notices(&self, code: &str) -> Vec<String> {
        let told = self.told().into_iter();
        told.filter(|(told, _)| *told == code)
            .map(|(_, message)| message)
            .collect()
    }

    /// Waits until the engine has told of `state`.
    pub async fn reaches(&self, state: &str) {
        while !self.states().iter().any(|told| told == state) {
            self.heard.notified().await;
        }
    }

    /// Returns the folder of the current version.
    pub fn current(&self) -> std::path::PathBuf {
        let status = self.updater.status().unwrap();
        status.root.join("versions").join(status.installed.unwrap().name)
    }

    /// Asserts that the current version is exactly `files`.
    pub fn assert_has(&self, files: &Files) {
        assert_eq!(read_tree(&self.current()), *files);
    }
}

/// A publisher, a server and a player.
pub struct Scene {
    pub first: vsekai_formats::release::ReleaseManifest,
    pub site: site::Site,
    pub root: tempfile::TempDir,
    pub web: web::Web,
    pub player: Player,
}

impl Scene {
    /// Version 1.0 is published, nothing is installed.
    pub async fn published() -> Self {
        let (site, root) = (site::Site::new(), memory_folder());
        let web = web::Web::start(site.path()).await;
        let first = site.publish(&game(1), "1.0", 1);
        let player = Player::open(root.path(), &web.address);
        Self {
            first,
            site,
            root,
            web,
            player,
        }
    }

    /// Version 1.0 is published and installed.
    pub async fn installed() -> Self {
        let scene = Self::published().await;
        scene.player.updater.update().await.unwrap();
        scene
    }
}

/// A publisher with many random trees, a server, and a player who has the first of them and takes older ones too.
pub struct Forest {
    pub trees: Vec<Files>,
    pub manifests: Vec<vsekai_formats::release::ReleaseManifest>,
    pub site: Arc<site::Site>,
    pub web: web::Web,
    pub root: tempfile::TempDir,
    pub player: Player,
}

impl Forest {
    pub async fn of(trees: u64) -> Self {
        let (site, root) = (Arc::new(site::Site::new()), memory_folder());
        let web = web::Web::start(site.path()).await;
        let trees: Vec<Files> = (0..trees).map(random_tree).collect();
        let numbered = trees.iter().zip(1..);
        let manifests: Vec<_> = numbered
            .map(|(tree, number)| site.publish(tree, &format!("v{number}"), number))
            .collect();
        let player = Player::open_with(root.path(), &web.address, |config| config.allow_downgrade = true);
        site.point(&manifests[0]);
        player.updater.update().await.unwrap();
        Self {
            trees,
            manifests,
            site,
            web,
            root,
            player,
        }
    }
}

/// Reads a tree back.
pub fn read_tree(root: &Path) -> Files {
    fn walk(root: &Path, folder: &Path, files: &mut Files) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                walk(root, &entry.path(), files);
            } else if kind.is_file() {
                use std::os::unix::fs::PermissionsExt as _;
                let name = entry
                    .path()
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                let executable = entry.metadata().unwrap().permissions().mode() & 0o111 != 0;
                files.insert(name, (fs::read(entry.path()).unwrap(), executable));
            }
        }
    }
    let mut files = Files::new();
    walk(root, root, &mut files);
    files
}
