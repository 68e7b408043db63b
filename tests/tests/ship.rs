// SPDX-License-Identifier: MIT
//! `cargo xtask export linux`: the archive that players get, and another game's launcher made the same way.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod godot_support;

use std::path::PathBuf;
use std::process::Command;

use godot_support::{assert_clean, build_extension, find_godot};
use vsekai_tests::tree::{assert_same, holds};
use vsekai_tests::world::{TITLE, World, code_and_output};
use xtask::ship::{Order, ship};
use xtask::{process, projects, workspace};

#[test]
fn another_games_launcher_comes_out_of_its_archive_and_installs_that_game() {
    let Some(godot) = find_godot() else { return };
    build_extension();
    let (world, build) = World::with_first_version();
    let brand = make_brand(&world);
    let order = Order {
        root: Some(&world.server().root()),
        brand: Some(&brand),
        release: false,
    };
    let shipped = ship(&godot, "linux", order).unwrap();
    let place = shipped.archive.parent().unwrap();
    process::read(
        Command::new("sha256sum")
            .args(["--check", "--quiet", "SHA256SUMS"])
            .current_dir(place),
    )
    .unwrap();
    let unpacked = world.path("unpacked");
    fs_err::create_dir(&unpacked).unwrap();
    process::read(
        Command::new("tar")
            .arg("--zstd")
            .arg("-xf")
            .arg(&shipped.archive)
            .current_dir(&unpacked),
    )
    .unwrap();
    let folder = unpacked.join(shipped.folder.file_name().unwrap());
    for size in [16, 24, 32, 48, 64, 128, 256, 512, 1024] {
        let icon = format!("share/icons/hicolor/{size}x{size}/apps/org.vsekai.launcher.png");
        assert!(folder.join(&icon).is_file(), "{icon}");
    }

    assert!(
        !folder.join("vsekai-launcher.cmd").exists(),
        "a script of Windows"
    );

    let script = |words: &[&str]| {
        let mut command = xtask::godot::command(&folder.join("vsekai-launcher.sh"));
        workspace::forget_settings(&mut command);
        command.args(words).env("XDG_DATA_HOME", world.path("data"));
        command
    };
    let (code, help) = code_and_output(&mut script(&["--help"]));
    assert_eq!(code, 0, "{help}");
    assert!(help.starts_with("Install, update and start"), "{help}");
    let (code, output) = code_and_output(&mut script(&["install"]));
    assert_eq!(code, 0, "{output}");
    assert_clean(&output);
    let versions = world.path("data/V-Sekai").join(TITLE).join("versions");
    let installed = fs_err::read_dir(versions)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    assert_same(&build, &installed);
    let (code, output) = code_and_output(&mut script(&["trust", "show"]));
    assert_eq!(code, 0, "{output}");

    let pack = folder.join(projects::LAUNCHER_PROGRAM).with_extension("pck");
    assert!(holds(&pack, "Another Game"), "the pack has the other game's name");
    assert!(!holds(&pack, "V-Sekai Launcher\"\nwebsite"), "and not this one's");
}

#[test]
fn the_pack_for_every_system_is_made_on_any_machine() {
    let Some(godot) = find_godot() else { return };
    build_extension();
    let folder = tempfile::tempdir().unwrap();
    xtask::godot::stage(&godot, &projects::launcher(), folder.path()).unwrap();
    // A library lies beside the pack, not in it, so that any file does for one that is built elsewhere.
    for library in [
        "linux-arm64/libvsekai_godot.so",
        "windows/vsekai_godot.dll",
        "macos/libvsekai_godot.dylib",
    ] {
        let library = folder.path().join("bin").join(library);
        fs_err::create_dir_all(library.parent().unwrap()).unwrap();
        fs_err::write(library, "").unwrap();
    }
    xtask::godot::import(&godot, folder.path()).unwrap();
    for preset in ["Linux", "Linux arm64", "Windows", "macOS"] {
        let pack = folder.path().join(preset).with_extension("pck");
        let mut command = xtask::godot::command(&godot.editor);
        command.args(["--headless", "--path"]).arg(folder.path());
        command.args(["--export-pack", preset]).arg(&pack);
        let (code, output) = code_and_output(&mut command);
        assert_eq!(code, 0, "{preset}:\n{output}");
        assert_clean(&output);
        assert!(holds(&pack, "launcher.cfg"), "{preset}: the configuration");
        assert!(holds(&pack, "ui/shell.gdc"), "{preset}: the window");
        assert!(!holds(&pack, "tests/scenes.gdc"), "{preset}: no tests");
    }
}

/// Makes the folder of a brand: one file, and a theme.
fn make_brand(world: &World) -> PathBuf {
    let brand = world.path("brand");
    fs_err::create_dir_all(brand.join("theme")).unwrap();
    let config = format!(
        "[update]\n\nserver_url=\"{}\"\ntitle=\"{TITLE}\"\nchannel=\"stable\"\ntrusted_root=\"\"\ninstall_dir=\"\"\n\n\
         [product]\n\ngame_name=\"Another Game\"\nlauncher_name=\"Another Launcher\"\n",
        world.server().address()
    );
    fs_err::write(brand.join("launcher.cfg"), config).unwrap();
    let palette = projects::launcher_folder().join("theme/palette.gd");
    let palette = fs_err::read_to_string(palette).unwrap();
    let green = palette.replace("#731C1C", "#1C731C");
    assert_ne!(green, palette, "the palette has the maroon of V-Sekai");
    fs_err::write(brand.join("theme/palette.gd"), green).unwrap();
    brand
}
