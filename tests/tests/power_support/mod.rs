// SPDX-License-Identifier: MIT
//! Lets the power go at every step of a recorded operation and looks at what is left.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use vsekai_engine::Updater;
use vsekai_formats::{ChunkId, DigestAlgorithm};
use vsekai_tests::player;
use vsekai_tests::power::disk::Disk;
use vsekai_tests::power::trace::{self, Action, Step};
use vsekai_tests::power::wear::Picture;
use vsekai_tests::tree::{self, Entry};
use vsekai_tests::world::{World, code_and_output};

/// A recorded operation and what may be found after a power cut.
pub struct Scenario {
    name: String,
    pub world: Arc<World>,
    pub before: Disk,
    pub steps: Vec<Step>,
    /// What may be installed; the last is what the operation is for.
    outcomes: Vec<Outcome>,
    /// Install folders, below the player's folder.
    places: Vec<&'static str>,
    /// The operation again.
    again: Vec<Word>,
    /// What must hold besides.
    also: Option<Arc<Check>>,
}

/// Says what is wrong with what is left of the player's folder.
type Check = dyn Fn(&Picture) -> Result<(), String> + Send + Sync;

/// A word of a command.
#[derive(Clone, Debug)]
enum Word {
    Text(String),
    /// A path below the player's folder.
    Place(PathBuf),
}

/// A version with all its files in an install folder, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    place: &'static str,
    version: Option<String>,
    files: BTreeMap<PathBuf, Entry>,
}

/// The install folder of most operations.
const INSTALL: &str = "install";

/// What the power cuts left.
#[derive(Debug, Default)]
pub struct Found {
    pub cuts: usize,
    states: HashMap<ChunkId, Result<usize, String>>,
    by_outcome: BTreeMap<usize, usize>,
    completed: usize,
    pub failures: Vec<String>,
}

impl Outcome {
    /// Nothing is installed.
    pub fn nothing() -> Self {
        Self {
            place: INSTALL,
            version: None,
            files: BTreeMap::new(),
        }
    }

    /// A version with the files in a folder.
    pub fn of(version: &str, folder: &Path) -> Self {
        Self {
            place: INSTALL,
            version: Some(version.to_owned()),
            files: tree::entries(folder),
        }
    }

    /// The same in another install folder of the player's.
    pub fn at(self, place: &'static str) -> Self {
        Self { place, ..self }
    }
}

impl Scenario {
    /// Runs `command` and records it.
    pub fn record(
        name: &str,
        strace: &Path,
        world: World,
        command: &Command,
        outcomes: Vec<Outcome>,
    ) -> Self {
        let before = Disk::of(&world.player_folder());
        let steps = trace::record(strace, &world.player_folder(), command);
        let again =
            command
                .get_args()
                .map(|word| match Path::new(word).strip_prefix(world.player_folder()) {
                    Ok(place) => Word::Place(place.to_owned()),
                    Err(_) => Word::Text(word.to_str().unwrap().to_owned()),
                });
        let mut places: Vec<&str> = outcomes.iter().map(|outcome| outcome.place).collect();
        places.dedup();
        Self {
            name: name.to_owned(),
            before,
            steps,
            outcomes,
            places,
            again: again.collect(),
            also: None,
            world: Arc::new(world),
        }
    }

    /// Demands more of what is left.
    pub fn also(self, check: impl Fn(&Picture) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self {
            also: Some(Arc::new(check)),
            ..self
        }
    }

    /// Returns the same operation, done otherwise.
    pub fn with_steps(&self, steps: Vec<Step>) -> Self {
        Self {
            name: self.name.clone(),
            world: self.world.clone(),
            before: self.before.clone(),
            steps,
            outcomes: self.outcomes.clone(),
            places: self.places.clone(),
            again: self.again.clone(),
            also: self.also.clone(),
        }
    }

    /// Fails unless every power cut leaves one of the outcomes.
    pub fn survives(&self, cuts: usize) {
        let asked = std::env::var("VSEKAI_TEST_POWER_CUTS").ok();
        let cuts = asked.map_or(cuts, |asked| asked.parse().unwrap());
        let found = self.try_power_cuts(cuts);
        println!(
            "{}: {} power cuts at {} steps, {} different states of the disk; outcomes {:?}, {} completed; {} torn, mixed or lost",
            self.name,
            found.cuts,
            self.steps.len() + 1,
            found.states.len(),
            found.by_outcome,
            found.completed,
            found.failures.len(),
        );
        let shown = found.failures.iter().take(5).cloned().collect::<Vec<_>>();
        assert!(found.failures.is_empty(), "{}", shown.join("\n"));
        assert!(found.by_outcome.len() == self.outcomes.len() && found.completed > 0);
    }

    /// Lets the power go about `cuts` times, as often at each step.
    pub fn try_power_cuts(&self, cuts: usize) -> Found {
        let found = Mutex::new(Found::default());
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| {
            for worker in 0..workers {
                let found = &found;
                scope.spawn(move || self.work(worker, workers, cuts, found));
            }
        });
        found.into_inner().unwrap()
    }

    /// Replays the operation and tries every cut that falls to this worker.
    fn work(&self, worker: usize, workers: usize, cuts: usize, found: &Mutex<Found>) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let places = self.steps.len() + 1;
        let seeds = cuts.div_ceil(places) as u64;
        let (mut disk, mut reported) = (self.before.clone(), false);
        for place in 0..places {
            if place % workers == worker {
                for seed in 0..=seeds {
                    // The first of each step is a killed program: nothing is lost.
                    let seed = if seed == 0 {
                        0
                    } else {
                        place as u64 * 1_000_003 + seed
                    };
                    let picture = disk.after_power_cut(seed);
                    let outcome = self.judge_once(&runtime, &picture, reported, found);
                    let step = self.steps.get(place).map(|step| &step.action);
                    self.note(found, outcome, || {
                        format!("before step {place} {step:?} with seed {seed}")
                    });
                }
            }
            if let Some(step) = self.steps.get(place) {
                disk.apply(place, step);
                reported |= matches!(&step.action, Action::Say(line) if is_report(line));
            }
        }
    }

    fn note(&self, found: &Mutex<Found>, outcome: Result<usize, String>, at: impl Fn() -> String) {
        let mut found = found.lock().unwrap();
        found.cuts += 1;
        match outcome {
            Ok(outcome) => *found.by_outcome.entry(outcome).or_default() += 1,
            Err(reason) => {
                let mut at = at();
                at.truncate(300);
                found.failures.push(format!("{}: {at}: {reason}", self.name));
            }
        }
    }

    /// Judges a state of the disk, each but once.
    fn judge_once(
        &self,
        runtime: &tokio::runtime::Runtime,
        picture: &Picture,
        reported: bool,
        found: &Mutex<Found>,
    ) -> Result<usize, String> {
        let id = digest(picture);
        let known = found.lock().unwrap().states.get(&id).cloned();
        let outcome = match known {
            Some(known) => known,
            None => {
                let outcome = runtime.block_on(self.judge(picture, id, found));
                found.lock().unwrap().states.insert(id, outcome.clone());
                outcome
            }
        };
        match outcome {
            Ok(outcome) if reported && outcome + 1 != self.outcomes.len() => {
                Err("what was reported as done is lost".to_owned())
            }
            other => other,
        }
    }

    /// Lays a state out and asks the engine what it makes of it. Returns which outcome it is.
    async fn judge(&self, picture: &Picture, id: ChunkId, found: &Mutex<Found>) -> Result<usize, String> {
        let memory = tree::memory_folder();
        let folder = memory.path().join("player");
        picture.lay_out(&folder);
        self.rename_paths(&folder);
        self.also.as_ref().map_or(Ok(()), |also| also(picture))?;
        let outcome = self.outcome(&folder, picture)?;
        for place in self.places.iter().filter(|place| is_installed(&folder, place)) {
            let checked = open(&folder.join(place))?.verify().await;
            let report = checked.map_err(|error| error.to_string())?;
            if !report.is_intact() && outcome + 1 == self.outcomes.len() {
                return Err(format!("the new version does not verify: {:?}", report.damaged));
            }
        }
        // Not every state: this is a process each time.
        let first = found.lock().unwrap().states.len() < FIRST_COMPLETED;
        if first || id.as_bytes()[0].is_multiple_of(COMPLETED_OF) {
            self.complete(&folder, outcome)?;
            found.lock().unwrap().completed += 1;
        }
        Ok(outcome)
    }

    /// Lets records that name folders of the recorded operation name those in `folder`.
    fn rename_paths(&self, folder: &Path) {
        let recorded = self.world.player_folder();
        let (recorded, here) = (recorded.to_str().unwrap(), folder.to_str().unwrap());
        for place in &self.places {
            for record in ["moving.json", "moved.json"] {
                let path = folder.join(place).join(".vsekai").join(record);
                if let Ok(text) = fs_err::read_to_string(&path) {
                    fs_err::write(path, text.replace(recorded, here)).unwrap();
                }
            }
        }
    }

    /// Returns which outcome is laid out in `folder`: of two installs at two places the one that came first.
    fn outcome(&self, folder: &Path, picture: &Picture) -> Result<usize, String> {
        let mut found = Vec::new();
        for place in &self.places {
            let status = open(&folder.join(place))?.status();
            let Some(installed) = status.map_err(|error| error.to_string())?.installed else {
                continue;
            };
            let seen = Outcome {
                place,
                version: Some(installed.version.to_string()),
                files: picture.below(&Path::new(place).join("versions").join(&installed.name)),
            };
            let outcome = self.outcomes.iter().position(|outcome| *outcome == seen);
            found.push(outcome.ok_or_else(|| self.describe(&seen))?);
        }
        let nothing = || {
            let at = self.outcomes.iter().position(|outcome| outcome.version.is_none());
            at.ok_or_else(|| self.describe(&Outcome::nothing()))
        };
        found.into_iter().min().map_or_else(nothing, Ok)
    }

    /// Runs the operation again and expects it to end as it should have.
    fn complete(&self, folder: &Path, outcome: usize) -> Result<(), String> {
        let Word::Text(verb) = &self.again[0] else {
            panic!("a command begins with a verb")
        };
        let is_done = outcome + 1 == self.outcomes.len();
        if is_done && ["rollback", "adopt"].contains(&verb.as_str()) {
            // Again would be back and forth, or is refused.
            return Ok(());
        }
        let mut command = vsekai_tests::world::vsekai();
        for word in &self.again {
            match word {
                Word::Text(text) => command.arg(text),
                Word::Place(place) => command.arg(folder.join(place)),
            };
        }
        let (code, output) = code_and_output(&mut command);
        let nothing_to_do = is_done && code == NOTHING_INSTALLED;
        if code != 0 && !nothing_to_do {
            return Err(format!("the next {verb} failed: {output}"));
        }
        let left = Picture(tree::entries(folder));
        self.also.as_ref().map_or(Ok(()), |also| also(&left))?;
        match self.outcome(folder, &left)? + 1 == self.outcomes.len() {
            true => Ok(()),
            false => Err(format!("the next {verb} did not complete it")),
        }
    }

    fn describe(&self, seen: &Outcome) -> String {
        let same = self
            .outcomes
            .iter()
            .find(|outcome| outcome.version == seen.version);
        let Some(wanted) = same else {
            return format!("unexpected version {:?}", seen.version);
        };
        let differs = |path: &&PathBuf| seen.files.get(*path) != wanted.files.get(*path);
        let all = wanted.files.keys().chain(seen.files.keys());
        let paths: Vec<_> = all.filter(differs).take(5).collect();
        format!("{:?} with other files: {paths:?}", seen.version)
    }
}

/// Tells whether a line says that the operation is done.
fn is_report(line: &str) -> bool {
    ["\"UpdateSuccessful\"", "\"RolledBack\"", "\"result\""]
        .iter()
        .any(|mark| line.contains(mark))
}

fn is_installed(folder: &Path, place: &str) -> bool {
    folder.join(place).join(".vsekai/current.json").exists()
}

fn open(install: &Path) -> Result<Updater, String> {
    player::open(install).map_err(|error| error.to_string())
}

fn digest(picture: &Picture) -> ChunkId {
    let mut all = Vec::new();
    for (path, entry) in &picture.0 {
        all.extend_from_slice(path.as_os_str().as_encoded_bytes());
        match entry {
            Entry::Folder => all.push(0),
            Entry::Link(target) => all.extend_from_slice(target.as_os_str().as_encoded_bytes()),
            Entry::File { executable, content } => {
                all.extend([1, u8::from(*executable)]);
                all.extend_from_slice(&content.len().to_le_bytes());
                all.extend_from_slice(content);
            }
        }
        all.push(0xff);
    }
    ChunkId::of(DigestAlgorithm::Sha512_256, &all)
}

/// So many states are brought to their end by the next run.
const FIRST_COMPLETED: usize = 10;

/// Exit code of operations on an install that is not there.
const NOTHING_INSTALLED: i32 = 7;

/// And one of so many of the others.
const COMPLETED_OF: u8 = 64;
