// SPDX-License-Identifier: MIT
//! Lists a folder and refuses, in words, whatever cannot be installed on every player's machine.
//!
//! Links are recorded, never followed. Of each file only the first bytes are read here, to tell programs
//! from data; [`crate::build()`] reads the rest and notices if a file is no longer the one listed.

use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use vsekai_formats::name::{self, NameError, TreePath};
use vsekai_formats::release::{Launch, Platform, Program, ProgramFormat};
use walkdir::{DirEntry, WalkDir};

use crate::error::During;
use crate::program;
use crate::source::FileStamp;
use crate::{Cancel, PublishError};

/// What the folder is meant to be.
#[derive(Clone, Debug)]
pub struct ScanOptions {
    /// The platform the build is for.
    pub platform: Platform,
    /// The start program; found if there is exactly one candidate.
    pub program: Option<TreePath>,
    /// Arguments of the start program.
    pub arguments: Vec<String>,
    /// The program of "Play in VR"; the start program if only `vr_arguments` are given.
    pub vr_program: Option<TreePath>,
    /// Arguments of the program of "Play in VR".
    pub vr_arguments: Vec<String>,
}

impl ScanOptions {
    /// Returns options for a build whose only program is found by itself.
    pub fn new(platform: Platform) -> Self {
        Self {
            platform,
            program: None,
            arguments: Vec::new(),
            vr_program: None,
            vr_arguments: Vec::new(),
        }
    }
}

/// Returns a path below a build's folder as people type it: with `./` before it, a slash behind it, or the system's own
/// separators.
///
/// # Errors
/// No build can have such a path.
pub fn path_as_typed(text: &str) -> Result<TreePath, NameError> {
    let text = if cfg!(windows) {
        text.replace('\\', "/")
    } else {
        text.to_owned()
    };
    let text = text.strip_prefix("./").unwrap_or(&text);
    TreePath::parse(text.strip_suffix('/').unwrap_or(text))
}

/// A folder that can be published.
#[derive(Clone, Debug)]
pub struct ScannedTree {
    /// The folder.
    pub root: PathBuf,
    /// The platform the build is for.
    pub platform: Platform,
    /// What the folder holds, in the order of [`vsekai_formats::release::Contents`].
    pub entries: Vec<ScannedEntry>,
    /// The programs to start.
    pub launch: Launch,
}

/// One entry of a [`ScannedTree`].
#[derive(Clone, Debug)]
pub struct ScannedEntry {
    /// Where it lies below the root.
    pub path: TreePath,
    /// What it is.
    pub kind: ScannedKind,
}

/// What a [`ScannedEntry`] is.
#[derive(Clone, Debug)]
pub enum ScannedKind {
    /// A folder.
    Folder,
    /// A regular file.
    File(ScannedFile),
    /// A symbolic link that stays inside the tree.
    Link {
        /// Its target, with `/` between names.
        target: String,
    },
}

/// A file as it was when the folder was listed.
#[derive(Clone, Debug)]
pub struct ScannedFile {
    /// Length in bytes.
    pub size: u64,
    /// Whether it may be started once installed.
    pub executable: bool,
    /// What its first bytes say it is.
    pub format: ProgramFormat,
    /// Whether it starts like a Godot pack.
    pub(crate) pack: bool,
    /// Tells whether it is still the same file.
    pub(crate) stamp: FileStamp,
}

impl ScannedTree {
    /// Returns the number of files.
    pub fn files(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| matches!(entry.kind, ScannedKind::File(_)))
            .count()
    }

    /// Returns the bytes of all files.
    pub fn bytes(&self) -> u64 {
        let size = |entry: &ScannedEntry| match &entry.kind {
            ScannedKind::File(file) => file.size,
            _ => 0,
        };
        self.entries.iter().map(size).sum()
    }
}

/// Lists `root` and checks that it can be published.
///
/// A file is executable if its mode says so, if it is a Linux or macOS program, or if it is a start program;
/// so a build that went through a system without modes is repaired. Where the system running this has no
/// modes, scripts are executable too.
///
/// # Errors
/// The first thing found that cannot be published; [`PublishError::hint`] says what to do about it.
pub fn scan(root: &Path, options: &ScanOptions, cancel: &Cancel) -> Result<ScannedTree, PublishError> {
    let not_a_folder = || PublishError::NotAFolder {
        path: root.to_owned(),
    };
    match fs_err::metadata(root) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(not_a_folder()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(not_a_folder()),
        Err(error) => return Err(error).during("scan the folder"),
    }
    let mut entries = walk(root, options.platform, cancel)?;
    name::check_collisions(entries.iter().map(|entry| &entry.path))?;
    look_into_files(root, &mut entries, cancel)?;
    if !entries
        .iter()
        .any(|entry| matches!(entry.kind, ScannedKind::File(_)))
    {
        return Err(PublishError::EmptyTree {
            path: root.to_owned(),
        });
    }
    let launch = choose_programs(root, &entries, options)?;
    for program in [Some(&launch.desktop), launch.vr.as_ref()].into_iter().flatten() {
        if let Some(ScannedKind::File(file)) = program::find_mut(&mut entries, &program.path) {
            file.executable = true;
        }
    }
    Ok(ScannedTree {
        root: root.to_owned(),
        platform: options.platform,
        entries,
        launch,
    })
}

fn walk(root: &Path, platform: Platform, cancel: &Cancel) -> Result<Vec<ScannedEntry>, PublishError> {
    let walker = WalkDir::new(root)
        .min_depth(1)
        .follow_links(false)
        .sort_by_file_name();
    let mut entries = Vec::new();
    for found in walker {
        cancel.check()?;
        let found = found.map_err(std::io::Error::from).during("scan the folder")?;
        let path = tree_path(root, found.path())?;
        let kind = classify(&found, &path, platform)?;
        entries.push(ScannedEntry { path, kind });
    }
    Ok(entries)
}

fn classify(found: &DirEntry, path: &TreePath, platform: Platform) -> Result<ScannedKind, PublishError> {
    let kind = found.file_type();
    if kind.is_dir() {
        return Ok(ScannedKind::Folder);
    }
    if kind.is_symlink() {
        return classify_link(found.path(), path, platform);
    }
    if !kind.is_file() {
        return Err(PublishError::SpecialFile {
            path: path.to_string(),
            what: special_name(kind),
        });
    }
    let metadata = found
        .metadata()
        .map_err(std::io::Error::from)
        .during("scan the folder")?;
    Ok(ScannedKind::File(ScannedFile {
        size: metadata.len(),
        executable: mode_allows_start(&metadata),
        format: ProgramFormat::Unknown,
        pack: false,
        stamp: FileStamp::of(&metadata),
    }))
}

fn classify_link(link: &Path, path: &TreePath, platform: Platform) -> Result<ScannedKind, PublishError> {
    if platform == Platform::WindowsX86_64 {
        return Err(PublishError::LinkOnWindows {
            path: path.to_string(),
        });
    }
    let target = fs_err::read_link(link).during("read a link")?;
    let target = target.to_str().ok_or_else(|| PublishError::NotUnicode {
        path: link.to_owned(),
    })?;
    let target = if cfg!(windows) {
        target.replace('\\', "/")
    } else {
        target.to_owned()
    };
    name::check_link_target(path.borrowed(), &target).map_err(|_| PublishError::BadLink {
        path: path.to_string(),
        target: target.escape_debug().to_string(),
    })?;
    Ok(ScannedKind::Link { target })
}

fn tree_path(root: &Path, path: &Path) -> Result<TreePath, PublishError> {
    let below = path.strip_prefix(root).map_err(|_| PublishError::NotUnicode {
        path: path.to_owned(),
    })?;
    let mut text = String::new();
    for component in below.components() {
        let name = component.as_os_str().to_str();
        let name = name.ok_or_else(|| PublishError::NotUnicode {
            path: path.to_owned(),
        })?;
        if !text.is_empty() {
            text.push('/');
        }
        text.push_str(name);
    }
    Ok(TreePath::parse(&text)?)
}

fn look_into_files(root: &Path, entries: &mut [ScannedEntry], cancel: &Cancel) -> Result<(), PublishError> {
    entries.par_iter_mut().try_for_each(|entry| {
        cancel.check()?;
        let ScannedKind::File(file) = &mut entry.kind else {
            return Ok(());
        };
        let head = read_head(&root.join(entry.path.as_str()))?;
        file.pack = head.starts_with(b"GDPC");
        file.format = ProgramFormat::of(&head);
        file.executable |= match file.format {
            ProgramFormat::ElfX86_64
            | ProgramFormat::ElfArm64
            | ProgramFormat::ElfOther
            | ProgramFormat::MachO => true,
            ProgramFormat::Script => !cfg!(unix),
            ProgramFormat::Windows | ProgramFormat::Unknown => false,
        };
        Ok(())
    })
}

fn read_head(path: &Path) -> Result<Vec<u8>, PublishError> {
    let mut head = Vec::with_capacity(HEAD_BYTES as usize);
    let file = fs_err::File::open(path).during("look into a file")?;
    file.take(HEAD_BYTES)
        .read_to_end(&mut head)
        .during("look into a file")?;
    Ok(head)
}

fn choose_programs(
    root: &Path,
    entries: &[ScannedEntry],
    options: &ScanOptions,
) -> Result<Launch, PublishError> {
    let path = match &options.program {
        Some(path) => program::check(root, entries, path, options.platform)?,
        None => program::find(root, entries, options.platform)?,
    };
    let vr = match &options.vr_program {
        Some(vr) => Some(program::check(root, entries, vr, options.platform)?),
        None if !options.vr_arguments.is_empty() => Some(path.clone()),
        None => None,
    };
    Ok(Launch {
        desktop: Program {
            path,
            arguments: options.arguments.clone(),
        },
        vr: vr.map(|path| Program {
            path,
            arguments: options.vr_arguments.clone(),
        }),
    })
}

#[cfg(unix)]
fn mode_allows_start(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn mode_allows_start(_metadata: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn special_name(kind: std::fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        kind if kind.is_socket() => "a socket",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_block_device() || kind.is_char_device() => "a device",
        _ => "neither file nor folder",
    }
}

#[cfg(not(unix))]
fn special_name(_kind: std::fs::FileType) -> &'static str {
    "neither file nor folder"
}

/// Enough for [`ProgramFormat::of`].
const HEAD_BYTES: u64 = 64;
