// SPDX-License-Identifier: MIT
//! Godot: the editor and its export templates, found or got.
//!
//! Debian's unstable suite packages both, but they want a newer C library than a stable system has. They get
//! a private root with all their libraries, and are changed to look for their loader and libraries there.
//! They are fit for building and testing on this machine; what players get is exported with Godot's own
//! templates, which are used wherever they are installed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::apt::{self, Apt};
use super::cache::{Cache, Record};
use crate::{process, ui, workspace};

/// A Godot editor with export templates of the same version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Godot {
    /// The editor.
    pub editor: PathBuf,
    /// The release export template for this machine's platform.
    pub template_release: PathBuf,
    /// The debug export template for this machine's platform.
    pub template_debug: PathBuf,
    /// What the editor says its version is.
    pub version: String,
}

impl Godot {
    /// Returns a Godot that is already here: the variable `GODOT`, the `PATH`, or the cache.
    pub fn find(cache: &Cache) -> Option<Self> {
        let named = std::env::var_os("GODOT").map(PathBuf::from);
        named
            .or_else(|| process::which("godot"))
            .and_then(with_templates)
            .or_else(|| from_cache(cache))
    }

    /// Returns a Godot that is already here, or gets one.
    pub fn get(cache: &Cache) -> Result<Self> {
        if let Some(found) = Self::find(cache) {
            return Ok(found);
        }
        if !cfg!(target_os = "linux") || !apt::is_available() {
            bail!("Godot {SERIES} with its export templates was not found; {HINT}");
        }
        ui::step(format!(
            "Getting Godot {SERIES} (once; about 220 MB to load, 900 MB on disk)"
        ));
        cache
            .get(KEY, make)
            .with_context(|| format!("get Godot {SERIES}; {HINT}"))?;
        from_cache(cache).context("the cached Godot cannot be read")
    }

    /// Returns where the editor keeps the export templates of its version, whether they are there or not.
    #[must_use]
    pub fn templates_folder(&self) -> Option<PathBuf> {
        templates_folder(&self.version)
    }
}

/// How to get Godot by hand.
pub const HINT: &str = "hint: install Godot 4.6 and, in its editor, Editor > Manage Export Templates; \
    then put it on PATH as `godot` or name it in the environment variable GODOT";

fn from_cache(cache: &Cache) -> Option<Godot> {
    Some(Godot {
        editor: cache.path(KEY, "editor")?,
        template_release: cache.path(KEY, "template-release")?,
        template_debug: cache.path(KEY, "template-debug")?,
        version: cache.record(KEY)?.version,
    })
}

fn with_templates(editor: PathBuf) -> Option<Godot> {
    let Ok(version) = version_of(&editor) else {
        ui::warn(format!("{} does not run, so it is not used", editor.display()));
        return None;
    };
    if !is_of_the_series(&version) {
        ui::warn(format!(
            "{} is Godot {version}, but {SERIES} is needed, so it is not used",
            editor.display()
        ));
        return None;
    }
    let Some((template_release, template_debug)) = templates_of(&version) else {
        ui::warn(format!(
            "Godot {version} has no export templates, so it is not used"
        ));
        return None;
    };
    Some(Godot {
        editor,
        template_release,
        template_debug,
        version,
    })
}

fn templates_of(version: &str) -> Option<(PathBuf, PathBuf)> {
    let standard = templates_folder(version).map(|folder| {
        let file = |kind: &str| folder.join(format!("linux_{kind}.{}", std::env::consts::ARCH));
        (file("release"), file("debug"))
    });
    let standard = standard.filter(|(release, debug)| release.is_file() && debug.is_file());
    // Debian's packages put them here.
    standard.or_else(|| process::which("godot-template-release").zip(process::which("godot-template-debug")))
}

fn templates_folder(version: &str) -> Option<PathBuf> {
    // "4.6.3.stable.official.0123abc" keeps its templates in "4.6.3.stable".
    let end = version.find(".stable").map(|at| at + ".stable".len())?;
    let data = std::env::var_os("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let data = data.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share")))?;
    Some(data.join("godot/export_templates").join(&version[..end]))
}

fn version_of(editor: &Path) -> Result<String> {
    let mut command = workspace::command(editor);
    command.args(["--headless", "--version"]);
    let output = process::capture(&mut command, Some(Duration::from_secs(60)))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text
        .lines()
        .map(str::trim)
        .rfind(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    version
        .map(str::to_owned)
        .with_context(|| format!("{} names no version", editor.display()))
}

fn is_of_the_series(version: &str) -> bool {
    version
        .strip_prefix(SERIES)
        .is_some_and(|rest| rest.starts_with(['.', '-', '+']))
}

/// Fills `folder`: `root/` has the unpacked packages, `bin/` the changed programs.
fn make(folder: &Path) -> Result<Record> {
    let patchelf = patchelf(folder)?;
    let state = folder.join("apt");
    let apt = Apt::open(&state, &apt::NEWEST, |apt| {
        Ok(apt.version("godot")?.is_some_and(|v| is_of_the_series(&v)))
    })?;
    ui::note("loading the packages");
    let packages = apt.download_with_dependencies(&PACKAGES)?;
    ui::note(format!("unpacking {} packages", packages.len()));
    let root = folder.join("root");
    apt::unpack(&packages, &root)?;
    fs_err::remove_dir_all(&state)?;
    ui::note("adapting the programs to their folder");
    adapt_libraries(&patchelf, &root)?;
    let mut paths = BTreeMap::new();
    for (name, program) in PROGRAMS {
        paths.insert(name.to_owned(), adapt_program(&patchelf, folder, &root, program)?);
    }
    let editor = paths
        .get("editor")
        .map(|path| folder.join(path))
        .context("no editor among the programs")?;
    let version = version_of(&editor).context("start the editor")?;
    Ok(Record { version, paths })
}

/// Returns the path of the changed copy of `program`, relative to `folder`.
///
/// The loader is set in the program instead of running the loader with the program as its argument: Godot
/// finds itself through `/proc/self/exe`. `LD_LIBRARY_PATH` would reach the games that Godot starts.
fn adapt_program(patchelf: &Path, folder: &Path, root: &Path, program: &str) -> Result<PathBuf> {
    let source = root.join("usr/bin").join(program);
    let relative = Path::new("bin").join(program);
    let target = folder.join(&relative);
    fs_err::create_dir_all(folder.join("bin"))?;
    fs_err::copy(fs_err::canonicalize(&source)?, &target)?;
    let libraries = libraries_of(root)?;
    let loader = fs_err::canonicalize(libraries.join(loader_name()?))?;
    let search = format!("{0}:{0}/pulseaudio", libraries.display());
    let mut command = workspace::command(patchelf);
    command
        .arg("--set-interpreter")
        .arg(loader)
        .args(["--force-rpath", "--set-rpath", &search])
        .arg(&target);
    process::read(&mut command)?;
    Ok(relative)
}

/// A library with a search path of its own does not look into the private root; gives it one that does.
fn adapt_libraries(patchelf: &Path, root: &Path) -> Result<()> {
    for library in shared_objects(&libraries_of(root)?)? {
        let Ok(search) = process::read(workspace::command(patchelf).arg("--print-rpath").arg(&library))
        else {
            continue;
        };
        if search.trim().is_empty() {
            continue;
        }
        let mut command = workspace::command(patchelf);
        if search.contains("pulseaudio") {
            command.args(["--force-rpath", "--set-rpath", "$ORIGIN:$ORIGIN/pulseaudio"]);
        } else {
            command.arg("--remove-rpath");
        }
        process::read(command.arg(&library))?;
    }
    Ok(())
}

fn shared_objects(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let is_library = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains(".so"));
        if entry.file_type()?.is_dir() && path.file_name().is_some_and(|name| name == "pulseaudio") {
            found.extend(shared_objects(&path)?);
        } else if entry.file_type()?.is_file() && is_library {
            found.push(path);
        }
    }
    Ok(found)
}

fn libraries_of(root: &Path) -> Result<PathBuf> {
    let folder = root
        .join("usr/lib")
        .join(format!("{}-linux-gnu", std::env::consts::ARCH));
    if !folder.is_dir() {
        bail!("the packages have no folder {}", folder.display());
    }
    Ok(folder)
}

fn loader_name() -> Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("ld-linux-x86-64.so.2"),
        "aarch64" => Ok("ld-linux-aarch64.so.1"),
        other => bail!("the loader's name is not known for {other}"),
    }
}

/// Returns the system's `patchelf`, or one of the system's own suite unpacked in the folder.
fn patchelf(folder: &Path) -> Result<PathBuf> {
    if let Some(found) = process::which("patchelf") {
        return Ok(found);
    }
    let place = folder.join("patchelf");
    fs_err::create_dir_all(&place)?;
    process::read(
        workspace::command("apt-get")
            .args(["download", "patchelf"])
            .current_dir(&place),
    )
    .context("download patchelf; hint: sudo apt-get install patchelf")?;
    let mut packages = Vec::new();
    for entry in fs_err::read_dir(&place)? {
        packages.push(entry?.path());
    }
    apt::unpack(&packages, &place)?;
    Ok(place.join("usr/bin/patchelf"))
}

const SERIES: &str = "4.6";
const KEY: &str = "godot-4.6-1";
const PACKAGES: [&str; 6] = [
    "godot",
    "godot-template-release",
    "godot-template-debug",
    "libgl1",
    "libegl1",
    "libgl1-mesa-dri",
];
const PROGRAMS: [(&str, &str); 3] = [
    ("editor", "godot"),
    ("template-release", "godot-template-release"),
    ("template-debug", "godot-template-debug"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wanted_series_is_taken() {
        assert!(is_of_the_series("4.6.3.stable.official.0123abc"));
        assert!(is_of_the_series("4.6.3+ds-3"));
        assert!(!is_of_the_series("4.60.stable"));
        assert!(!is_of_the_series("4.5.1.stable"));
    }

    #[test]
    fn templates_lie_in_the_folder_of_the_plain_version() {
        let folder = templates_folder("4.6.3.stable.official.0123abc").unwrap();
        assert!(folder.ends_with("godot/export_templates/4.6.3.stable"));
        assert_eq!(templates_folder("4.6.dev"), None);
    }
}
