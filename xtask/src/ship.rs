// SPDX-License-Identifier: MIT
//! The launcher as it is given to players: a folder that runs, and an archive of it with checksums.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::godot::{self, PRESET, WINDOWS_PRESET};
use crate::projects::{self, UPDATER};
use crate::tools::Godot;
use crate::{fs, icons, licences, process, ui, workspace};

/// A system that the launcher is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct System {
    /// As `cargo xtask export` calls it.
    name: &'static str,
    /// As releases and archives call it.
    platform: &'static str,
    /// Its export preset.
    preset: &'static str,
    /// The targets of Rust that its library is built for; `lipo` joins several into one file.
    rust: &'static [&'static str],
    /// The folder and name of its library in the project.
    library: &'static str,
    /// Godot's export template for it.
    template: &'static str,
    /// What is started.
    program: &'static str,
}

const SYSTEMS: [System; 4] = [
    System {
        name: "linux",
        platform: "linux-x86_64",
        preset: PRESET,
        rust: &["x86_64-unknown-linux-gnu"],
        library: "linux/libvsekai_godot.so",
        template: "linux_release.x86_64",
        program: projects::LAUNCHER_PROGRAM,
    },
    System {
        name: "linux-arm64",
        platform: "linux-arm64",
        preset: "Linux arm64",
        rust: &["aarch64-unknown-linux-gnu"],
        library: "linux-arm64/libvsekai_godot.so",
        template: "linux_release.arm64",
        program: projects::LAUNCHER_PROGRAM,
    },
    System {
        name: "windows",
        platform: "windows-x86_64",
        preset: WINDOWS_PRESET,
        rust: &["x86_64-pc-windows-msvc"],
        library: "windows/vsekai_godot.dll",
        template: "windows_release_x86_64.exe",
        program: "vsekai-launcher.exe",
    },
    System {
        name: "macos",
        platform: "macos-universal",
        preset: "macOS",
        rust: &["aarch64-apple-darwin", "x86_64-apple-darwin"],
        library: "macos/libvsekai_godot.dylib",
        template: "macos.zip",
        program: "V-Sekai Launcher.app",
    },
];

/// What is wanted for every system.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The title's root of trust; the launcher's configuration says what is trusted if there is none.
    pub root: Option<&'a Path>,
    /// A folder that is laid over the launcher's project: another game's `launcher.cfg`, `branding/` and
    /// `theme/palette.gd`.
    pub brand: Option<&'a Path>,
    /// Whether it is for players: built for release, and packed as small as it gets.
    pub release: bool,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Shipped {
    /// The folder that runs.
    pub folder: PathBuf,
    /// The archive of it; `SHA256SUMS` beside it has its digest.
    pub archive: PathBuf,
}

/// Makes the launcher that `order` describes for the system called `name`.
///
/// # Errors
/// There is no such system, or something that this takes is not on this machine; the error names all of it, and how to
/// get it.
pub fn ship(godot: &Godot, name: &str, order: Order<'_>) -> Result<Shipped> {
    let system = SYSTEMS.iter().find(|system| system.name == name);
    let system = system.with_context(|| format!("the launcher is made for no system called {name}"))?;
    let lacking = lacking(system, godot);
    if !lacking.is_empty() {
        bail!(
            "the launcher for {name} cannot be made on this machine; it takes\n- {}",
            lacking.join("\n- ")
        );
    }
    let library = build(system, order.release)?;
    let licences = projects::launcher_folder().join("bin/LICENSES.txt");
    fs_err::create_dir_all(projects::launcher_folder().join("bin"))?;
    fs_err::write(licences, licences::of_package(UPDATER.package)?)?;
    let mut project = projects::launcher_with(library, Path::new("bin").join(system.library));
    project.name = format!("ship-{name}");
    project.preset = system.preset;
    project.program = system.program.to_owned();
    if let Some(brand) = order.brand {
        project.name += "-branded";
        project.layers.push(std::path::absolute(brand)?);
    }
    if let Some(root) = order.root {
        projects::bind_to_root(&mut project, root)?;
    }
    let export = godot::export(godot, &project)?;
    pack(system, order, &export.folder)
}

/// Returns what this machine lacks to make the launcher for `system`, each with the way to get it.
fn lacking(system: &System, godot: &Godot) -> Vec<String> {
    if is_host(system) {
        return Vec::new();
    }
    let targets = system.rust.iter().filter(|target| !has_rust_target(target));
    let mut lacking: Vec<String> = targets
        .map(|target| format!("the Rust target {target}, and a linker for it: rustup target add {target}"))
        .collect();
    if system.rust.len() > 1 && process::which(LIPO).is_none() {
        lacking.push(format!("{LIPO}, which is part of Xcode's command line tools"));
    }
    let template = godot
        .templates_folder()
        .map(|folder| folder.join(system.template));
    if !template.as_ref().is_some_and(|template| template.is_file()) {
        let place = template.map_or_else(|| system.template.to_owned(), |file| file.display().to_string());
        lacking.push(format!(
            "Godot's export template {place}: in the editor, Editor, Manage Export Templates"
        ));
    }
    lacking
}

/// Returns whether a plain build on this machine is the whole library for `system`.
fn is_host(system: &System) -> bool {
    system.rust.len() == 1 && workspace::platform().is_ok_and(|platform| platform == system.platform)
}

fn has_rust_target(target: &str) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]);
    process::read(&mut rustc).is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Builds the library for `system` and returns where it is.
fn build(system: &System, release: bool) -> Result<PathBuf> {
    let mut arguments = vec!["--package", UPDATER.package];
    if release {
        arguments.push("--release");
    }
    let profile = if release { "release" } else { "debug" };
    let file = Path::new(profile).join(Path::new(system.library).file_name().unwrap_or_default());
    let folder = workspace::target_dir();
    if is_host(system) {
        workspace::build(&arguments)?;
        return Ok(folder.join(file));
    }
    for target in system.rust {
        workspace::build(&[&arguments[..], &["--target", target]].concat())?;
    }
    let built: Vec<PathBuf> = system
        .rust
        .iter()
        .map(|target| folder.join(target).join(&file))
        .collect();
    if let [library] = &built[..] {
        return Ok(library.clone());
    }
    let joined = folder.join(system.platform).join(file);
    fs_err::create_dir_all(joined.parent().unwrap_or(&folder))?;
    let mut lipo = workspace::command(LIPO);
    process::run(lipo.arg("-create").args(&built).arg("-output").arg(&joined))?;
    Ok(joined)
}

/// Copies the export to where it is kept, with icons for Linux desktops, and packs it.
fn pack(system: &System, order: Order<'_>, export: &Path) -> Result<Shipped> {
    let name = format!(
        "vsekai-launcher-{}-{}",
        env!("CARGO_PKG_VERSION"),
        system.platform
    );
    let kind = match (order.release, order.brand) {
        (true, None) => "ship",
        (true, Some(_)) => "ship-branded",
        (false, None) => "ship-development",
        (false, Some(_)) => "ship-branded-development",
    };
    let place = workspace::target_dir().join(kind);
    let folder = place.join(&name);
    fs::remove_folder(&folder)?;
    fs::copy_over(export, &folder, &[])?;
    if system.platform.starts_with("linux") {
        write_icons(&branding(order), &folder)?;
    }
    let archive = place.join(format!("{name}.tar.zst"));
    let level = if order.release { ARCHIVE_LEVEL } else { QUICK_LEVEL };
    write_archive(&folder, &name, &archive, level)?;
    write_sums(&place)?;
    ui::note(format!("packed {name}"));
    Ok(Shipped { folder, archive })
}

/// Returns the folder of the icons.
fn branding(order: Order<'_>) -> PathBuf {
    let own = order.brand.map(|brand| brand.join("branding"));
    own.filter(|own| own.join("icon.ico").is_file() && own.join("icon.icns").is_file())
        .unwrap_or_else(|| projects::launcher_folder().join("branding"))
}

/// Writes each size of the icon to where Linux desktops look for it below a `share` folder.
fn write_icons(branding: &Path, folder: &Path) -> Result<()> {
    let mut pictures = icons::in_ico(&fs_err::read(branding.join("icon.ico"))?)?;
    let larger = icons::in_icns(&fs_err::read(branding.join("icon.icns"))?)?;
    let largest = pictures
        .iter()
        .map(|picture| picture.size)
        .max()
        .unwrap_or_default();
    pictures.extend(larger.into_iter().filter(|picture| picture.size > largest));
    for picture in pictures {
        let size = picture.size;
        let apps = folder.join(format!("share/icons/hicolor/{size}x{size}/apps"));
        fs_err::create_dir_all(&apps)?;
        fs_err::write(apps.join("org.vsekai.launcher.png"), picture.png)?;
    }
    Ok(())
}

/// Packs `folder` as `top`, with execute bits and nothing else of this machine: the same files give the same
/// archive.
fn write_archive(folder: &Path, top: &str, archive: &Path, level: i32) -> Result<()> {
    let partial = archive.with_extension("partial");
    let output = fs_err::File::create(&partial)?;
    let mut packed = tar::Builder::new(zstd::Encoder::new(output, level)?);
    for file in fs::files(folder, &[])? {
        let path = folder.join(&file);
        let content = fs_err::File::open(&path)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(content.metadata()?.len());
        header.set_mode(if process::is_executable(&path) {
            0o755
        } else {
            0o644
        });
        header.set_mtime(0);
        packed.append_data(&mut header, Path::new(top).join(&file), content)?;
    }
    packed.into_inner()?.finish()?.sync_all()?;
    fs_err::rename(partial, archive)?;
    Ok(())
}

/// Writes the digests of all archives in `place`, as `sha256sum --check` reads them.
fn write_sums(place: &Path) -> Result<()> {
    let mut sums = String::new();
    for file in fs::files(place, &[])? {
        let name = file.display().to_string();
        if file.components().count() == 1 && name.ends_with(".tar.zst") {
            let digest = Sha256::digest(fs_err::read(place.join(&file))?);
            let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            sums += &format!("{digest}  {name}\n");
        }
    }
    fs_err::write(place.join("SHA256SUMS"), sums)?;
    Ok(())
}

/// Joins libraries for several processors.
const LIPO: &str = "lipo";
/// zstd level of archives: made once, fetched by everybody.
const ARCHIVE_LEVEL: i32 = 19;
/// zstd level of archives that nobody fetches.
const QUICK_LEVEL: i32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_system_has_its_preset_and_library_and_every_preset_a_system() {
        let presets = fs_err::read_to_string(workspace::root().join("export_presets.cfg")).unwrap();
        let description = projects::launcher_folder().join("vsekai.gdextension");
        let description = fs_err::read_to_string(description).unwrap();
        for system in SYSTEMS {
            assert!(presets.contains(&format!("\nname=\"{}\"\n", system.preset)));
            assert!(description.contains(&format!("res://bin/{}\"", system.library)));
        }
        assert_eq!(presets.matches("\nname=").count(), SYSTEMS.len());
        let whole = |line: &str| presets.matches(line).count();
        assert_eq!(
            whole("binary_format/embed_pck=false"),
            3,
            "packs lie beside programs; bundles have them inside"
        );
        assert_eq!(whole("embed_pck=true"), 0);
        assert_eq!(whole("exclude_filter=\"tests/*\""), SYSTEMS.len());
    }

    #[test]
    fn what_another_system_takes_is_named_with_the_way_to_get_it() {
        let godot = Godot {
            editor: "/e".into(),
            template_release: "/r".into(),
            template_debug: "/d".into(),
            version: "4.6.3.stable.none".to_owned(),
        };
        for system in SYSTEMS.iter().filter(|system| !is_host(system)) {
            let lacking = lacking(system, &godot).join("\n");
            assert!(lacking.contains("Manage Export Templates"), "{lacking}");
            assert!(lacking.contains(system.template), "{lacking}");
            for target in system.rust.iter().filter(|target| !has_rust_target(target)) {
                assert!(lacking.contains(&format!("rustup target add {target}")));
            }
        }
    }

    #[test]
    fn an_archive_keeps_execute_bits_and_is_the_same_for_the_same_files() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs_err::create_dir_all(tree.join("sub")).unwrap();
        fs_err::copy(std::env::current_exe().unwrap(), tree.join("program")).unwrap();
        fs_err::write(tree.join("sub/text"), "text").unwrap();
        let archives = ["one", "two"].map(|name| folder.path().join(format!("{name}.tar.zst")));
        for archive in &archives {
            write_archive(&tree, "top", archive, QUICK_LEVEL).unwrap();
        }
        let bytes = archives.map(|archive| fs_err::read(archive).unwrap());
        assert!(bytes[0] == bytes[1]);
        let mut archive = tar::Archive::new(zstd::Decoder::new(bytes[0].as_slice()).unwrap());
        let modes: Vec<(PathBuf, u32)> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.path().unwrap().into_owned(), entry.header().mode().unwrap()))
            .collect();
        assert_eq!(
            modes,
            [("top/program".into(), 0o755), ("top/sub/text".into(), 0o644)]
        );
        write_sums(folder.path()).unwrap();
        let sums = fs_err::read_to_string(folder.path().join("SHA256SUMS")).unwrap();
        assert_eq!(sums.lines().count(), 2);
    }
}
