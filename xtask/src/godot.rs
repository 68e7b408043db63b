// SPDX-License-Identifier: MIT
//! Exporting Godot projects with the real export templates.
//!
//! A project is copied below `target/godot/` first. There the export preset is pointed at this machine's
//! templates, so that no machine path gets into the source tree, and Godot's import folder grows there.
//! A result is used again for as long as nothing that goes into it changes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::fs::{self, Fingerprint};
use crate::tools::Godot;
use crate::{process, ui, workspace};

/// What to export.
#[derive(Clone, Debug)]
pub struct Project {
    /// Names the folders below `target/godot/`.
    pub name: String,
    /// Folders that are laid over one another, the project itself first.
    pub layers: Vec<PathBuf>,
    /// Paths that the layers after the first take away.
    pub removed: Vec<PathBuf>,
    /// Files to put into the project: where from, and where to inside it.
    pub files: Vec<(PathBuf, PathBuf)>,
    /// The folder of the project whose files are shipped as they are, beside the program.
    pub extras: Option<PathBuf>,
    /// The name of the exported program.
    pub program: String,
    /// The export preset.
    pub preset: &'static str,
}

/// A finished export.
#[derive(Clone, Debug)]
pub struct Export {
    /// The folder that is shipped.
    pub folder: PathBuf,
    /// The program in it.
    pub program: PathBuf,
    /// The fingerprint of everything that went into it.
    pub stamp: String,
}

/// Exports `project` with its preset for this platform, unless the last export of the same content is still
/// there.
pub fn export(godot: &Godot, project: &Project) -> Result<Export> {
    let place = workspace::target_dir().join("godot").join(&project.name);
    fs_err::create_dir_all(&place)?;
    let lock = fs_err::File::create(place.join("lock"))?;
    lock.file()
        .lock()
        .with_context(|| format!("lock the export of {}", project.name))?;
    let folder = place.join("export");
    let stamp = stamp(godot, project)?;
    let export = Export {
        program: folder.join(&project.program),
        folder,
        stamp,
    };
    let stamp_file = place.join("stamp");
    if export.program.is_file() && fs_err::read_to_string(&stamp_file).is_ok_and(|old| old == export.stamp) {
        ui::note(format!("{}: unchanged since its last export", project.name));
        return Ok(export);
    }
    let staged = place.join("project");
    stage(godot, project, &staged)?;
    import(godot, &staged)?;
    let partial = place.join("export.partial");
    export_release(godot, project, &staged, &partial)?;
    if let Some(extras) = &project.extras {
        copy_extras(&staged.join(extras), &partial, project.preset)?;
    }
    // A kill between these steps must not leave an export under the fingerprint of another one.
    fs_err::write(&stamp_file, "")?;
    fs::remove_folder(&export.folder)?;
    fs_err::rename(&partial, &export.folder)?;
    fs_err::write(stamp_file, &export.stamp)?;
    ui::note(format!("{}: exported", project.name));
    Ok(export)
}

/// Imports a project's resources; without this a fresh project runs without its extensions.
pub fn import(godot: &Godot, project: &Path) -> Result<()> {
    let attempt = || {
        checked(
            command(&godot.editor)
                .args(["--headless", "--path"])
                .arg(project)
                .arg("--import"),
        )
    };
    attempt().or_else(|_| attempt()).context("import the project")
}

/// Returns a command that runs a Godot program with folders of its own for settings and user data.
#[must_use]
pub fn command(program: &Path) -> Command {
    let mut command = workspace::command(program);
    let home = workspace::target_dir().join("godot").join("home");
    for (variable, folder) in [
        ("XDG_DATA_HOME", "data"),
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_CACHE_HOME", "cache"),
    ] {
        command.env(variable, home.join(folder));
    }
    command
}

/// Returns the complaints in Godot's output. Godot's exit code says nothing about most of them.
#[must_use]
pub fn complaints(output: &str) -> Vec<&str> {
    output
        .lines()
        .filter(|line| COMPLAINTS.iter().any(|complaint| line.contains(complaint)))
        .collect()
}

fn stamp(godot: &Godot, project: &Project) -> Result<String> {
    let mut fingerprint = Fingerprint::default();
    fingerprint.text(STAMP_FORMAT);
    fingerprint.text(project.preset);
    fingerprint.text(&godot.version);
    fingerprint.text(&godot.template_release.to_string_lossy());
    for layer in &project.layers {
        fingerprint.folder(layer, &[".godot", "bin"])?;
    }
    for path in &project.removed {
        fingerprint.text(&path.to_string_lossy());
    }
    for (source, target) in &project.files {
        fingerprint.text(&target.to_string_lossy());
        fingerprint.file(source)?;
    }
    Ok(fingerprint.finish())
}

/// Puts the layers and files of `project` into the folder `staged`, whose export presets then name this machine's
/// templates.
pub fn stage(godot: &Godot, project: &Project, staged: &Path) -> Result<()> {
    clear(staged)?;
    for layer in &project.layers {
        fs::copy_over(layer, staged, &[".godot", "bin"])?;
    }
    for path in &project.removed {
        fs_err::remove_file(staged.join(path))?;
    }
    for (source, target) in &project.files {
        fs::replace_file(source, &staged.join(target))?;
    }
    // Exports for other systems take Godot's own templates, from where its editor puts them.
    if project.preset == PRESET {
        let presets = staged.join("export_presets.cfg");
        let text = fs_err::read_to_string(&presets)?;
        fs_err::write(presets, with_templates(&text, godot))?;
    }
    Ok(())
}

/// Empties the staged project, but keeps what Godot has imported: it imports again only what changed.
fn clear(staged: &Path) -> Result<()> {
    fs_err::create_dir_all(staged)?;
    for entry in fs_err::read_dir(staged)? {
        let entry = entry?;
        if entry.file_name() == ".godot" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs_err::remove_dir_all(entry.path())?;
        } else {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Points the Linux presets in `text` at this machine's templates and architecture.
fn with_templates(text: &str, godot: &Godot) -> String {
    let mut is_linux = false;
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some(platform) = line.strip_prefix("platform=") {
            is_linux = platform.trim_matches('"') == "Linux";
        }
        let key = line.split('=').next().unwrap_or_default();
        let value = match key {
            "custom_template/release" => Some(godot.template_release.display().to_string()),
            "custom_template/debug" => Some(godot.template_debug.display().to_string()),
            "binary_format/architecture" => Some(architecture().to_owned()),
            _ => None,
        };
        lines.push(match value {
            Some(value) if is_linux => {
                format!("{key}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
            }
            _ => line.to_owned(),
        });
    }
    lines.join("\n") + "\n"
}

fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

fn export_release(godot: &Godot, project: &Project, staged: &Path, target: &Path) -> Result<()> {
    let attempt = || -> Result<()> {
        fs::remove_folder(target)?;
        fs_err::create_dir_all(target)?;
        let program = target.join(&project.program);
        let mut command = command(&godot.editor);
        command
            .args(["--headless", "--path"])
            .arg(staged)
            .args(["--export-release", project.preset])
            .arg(&program);
        // A headless export may fall over while it leaves, with everything written: the files decide.
        let result = checked(&mut command);
        let pack = program.with_extension("pck");
        if is_complete(project, &program, &pack) {
            return result.or_else(|error| {
                if error.is::<Complaints>() {
                    Err(error)
                } else {
                    Ok(())
                }
            });
        }
        result?;
        bail!("{} or {} is missing", program.display(), pack.display())
    };
    attempt()
        .or_else(|_| attempt())
        .with_context(|| format!("export {}", project.name))
}

fn is_complete(project: &Project, program: &Path, pack: &Path) -> bool {
    match project.preset {
        PRESET => process::is_executable(program) && fs_err::metadata(pack).is_ok_and(|pack| pack.len() > 0),
        // Bundles have their pack inside, and not every system knows what can be executed on another.
        _ => program.exists(),
    }
}

fn checked(command: &mut Command) -> Result<()> {
    let output = process::capture(command, Some(LIMIT))?;
    let text = process::text(&output);
    let found = complaints(&text);
    if !found.is_empty() {
        return Err(Complaints(found.join("\n")).into());
    }
    if !output.status.success() {
        bail!(
            "{} ended with {}:\n{}",
            process::describe(command),
            output.status,
            process::last_lines(&text)
        );
    }
    Ok(())
}

fn copy_extras(extras: &Path, target: &Path, preset: &str) -> Result<()> {
    for file in fs::files(extras, &[])? {
        if is_for(&file, preset) {
            fs::replace_file(&extras.join(&file), &target.join(&file))?;
        }
    }
    Ok(())
}

/// Returns whether what lies beside the program goes along to the system of `preset`: a script is for one shell.
fn is_for(file: &Path, preset: &str) -> bool {
    let is_windows = preset == WINDOWS_PRESET;
    match file.extension().and_then(OsStr::to_str) {
        Some("cmd") => is_windows,
        Some("sh") => !is_windows,
        _ => file.file_name().is_some_and(|name| name != ".gdignore"),
    }
}

/// Godot wrote of a failure, whatever its exit code was.
#[derive(Debug)]
struct Complaints(String);

impl std::fmt::Display for Complaints {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Godot complains:\n{}", self.0)
    }
}

impl std::error::Error for Complaints {}

/// The preset of projects for this machine.
pub const PRESET: &str = "Linux";
/// The preset of the launcher for Windows.
pub const WINDOWS_PRESET: &str = "Windows";
const LIMIT: Duration = Duration::from_secs(300);
const STAMP_FORMAT: &str = "3";
const COMPLAINTS: [&str; 9] = [
    "SCRIPT ERROR:",
    "Parse Error:",
    "Can't open dynamic library",
    "Error loading extension",
    "Error loading GDExtension",
    "library found for GDExtension",
    "Failed to load script",
    "Failed loading resource",
    "panicked at",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_go_into_linux_presets_alone() {
        let godot = Godot {
            editor: "/e".into(),
            template_release: "/r".into(),
            template_debug: "/d".into(),
            version: "4.6".into(),
        };
        let text = "[preset.0]\nplatform=\"Linux\"\n[preset.0.options]\ncustom_template/release=\"\"\n\
            [preset.1]\nplatform=\"Windows Desktop\"\n[preset.1.options]\ncustom_template/release=\"\"\n";
        let expected = "[preset.0]\nplatform=\"Linux\"\n[preset.0.options]\ncustom_template/release=\"/r\"\n\
            [preset.1]\nplatform=\"Windows Desktop\"\n[preset.1.options]\ncustom_template/release=\"\"\n";
        assert_eq!(with_templates(text, &godot), expected);
    }

    #[test]
    fn a_script_goes_to_the_system_whose_shell_runs_it() {
        let goes =
            |file: &str| ["Linux", WINDOWS_PRESET, "macOS"].map(|preset| is_for(Path::new(file), preset));
        assert_eq!(goes("launcher.sh"), [true, false, true]);
        assert_eq!(goes("launcher.cmd"), [false, true, false]);
        assert_eq!(goes("deep/LICENSE.txt"), [true; 3]);
        assert_eq!(goes(".gdignore"), [false; 3]);
    }

    #[test]
    fn complaints_are_found_whatever_the_exit_code() {
        let output = "Godot Engine\nSCRIPT ERROR: Parse Error: nothing\nWARNING: fine\n";
        assert_eq!(complaints(output), ["SCRIPT ERROR: Parse Error: nothing"]);
    }
}
