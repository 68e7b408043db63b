// SPDX-License-Identifier: MIT
//! Packages of another suite of the system's own mirror, without touching the system.
//!
//! A private apt state (own source list, lists, cache and package status) downloads packages and verifies
//! them with the system's keys; `dpkg -x` unpacks them into a folder. The mirror's address comes from the
//! system's configuration, so that proxies and local mirrors keep working.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{process, ui, workspace};

/// A suite that may carry what is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Suite {
    /// The name on the mirror.
    pub name: &'static str,
    /// The components to read, separated by spaces.
    pub components: &'static str,
}

/// Debian's development suites, newest first, then Ubuntu's.
pub const NEWEST: [Suite; 3] = [
    Suite {
        name: "sid",
        components: "main",
    },
    Suite {
        name: "forky",
        components: "main",
    },
    Suite {
        name: "devel",
        components: "main universe",
    },
];

/// Suites of some years ago, Debian's and Ubuntu's.
pub const OLDER: [Suite; 2] = [
    Suite {
        name: "bookworm",
        components: "main",
    },
    Suite {
        name: "noble",
        components: "main universe",
    },
];

/// A private apt state that reads one suite.
#[derive(Debug)]
pub struct Apt {
    root: PathBuf,
}

impl Apt {
    /// Opens a private state in the folder `root` on the first of `suites` that the system's mirrors have
    /// and that `accept` takes.
    pub fn open(root: &Path, suites: &[Suite], accept: impl Fn(&Self) -> Result<bool>) -> Result<Self> {
        let mirrors = mirrors()?;
        let mut first = None;
        for suite in suites {
            for mirror in &mirrors {
                match Self::read_suite(root, mirror, suite).and_then(|apt| Ok((accept(&apt)?, apt))) {
                    Ok((true, apt)) => return Ok(apt),
                    Ok((false, _)) => {}
                    Err(error) => first = first.or(Some(error)),
                }
            }
        }
        let names: Vec<_> = suites.iter().map(|suite| suite.name).collect();
        let message = format!(
            "none of the suites {} of the system's mirrors has what is wanted",
            names.join(", ")
        );
        Err(match first {
            Some(error) => error.context(message),
            None => anyhow::anyhow!(message),
        })
    }

    /// Returns the version of `package` that this suite offers, if any.
    pub fn version(&self, package: &str) -> Result<Option<String>> {
        let text = process::read(self.command("apt-cache").args(["madison", package]))?;
        // One line per source: "package | version | origin".
        Ok(text
            .lines()
            .find_map(|line| line.split('|').nth(1))
            .map(|version| version.trim().to_owned()))
    }

    /// Returns the names of the packages that match the regular expression `pattern`.
    pub fn search(&self, pattern: &str) -> Result<Vec<String>> {
        let text = process::read(
            self.command("apt-cache")
                .args(["search", "--names-only", pattern]),
        )?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect())
    }

    /// Downloads `packages` with everything they depend on and returns the package files.
    pub fn download_with_dependencies(&self, packages: &[&str]) -> Result<Vec<PathBuf>> {
        let mut command = self.command("apt-get");
        command
            .args(["install", "--yes", "--download-only"])
            .args(packages);
        process::read(&mut command).context("download packages")?;
        packages_in(&self.root.join("archives"))
    }

    /// Downloads `package` alone and returns its file.
    pub fn download(&self, package: &str) -> Result<PathBuf> {
        let folder = tempfile::tempdir_in(&self.root)
            .context("make a download folder")?
            .keep();
        process::read(
            self.command("apt-get")
                .args(["download", package])
                .current_dir(&folder),
        )
        .with_context(|| format!("download the package {package}"))?;
        package_in(&folder, package)
    }

    fn read_suite(root: &Path, mirror: &Mirror, suite: &Suite) -> Result<Self> {
        if root.exists() {
            fs_err::remove_dir_all(root)?;
        }
        for folder in ["lists/partial", "archives/partial"] {
            fs_err::create_dir_all(root.join(folder))?;
        }
        fs_err::write(root.join("status"), "")?;
        fs_err::write(root.join("sources.list"), mirror.source_line(suite))?;
        fs_err::write(root.join("apt.conf"), configuration(root))?;
        let apt = Self {
            root: root.to_path_buf(),
        };
        process::read(apt.command("apt-get").arg("update"))
            .with_context(|| format!("read the suite {} of the system's mirror", suite.name))?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = workspace::command(program);
        command
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command.arg("-c").arg(self.root.join("apt.conf"));
        command
    }
}

/// Downloads `package` of the system's own suite into the folder `root`, without installing it, and returns its
/// file.
pub fn download_own(package: &str, root: &Path) -> Result<PathBuf> {
    let folder = tempfile::tempdir_in(root)
        .context("make a download folder")?
        .keep();
    let download = || {
        let mut command = workspace::command("apt-get");
        // The sandbox user of apt cannot write into a cache folder inside a home folder.
        command.args(["-o", "APT::Sandbox::User=root", "download", package]);
        process::read(command.current_dir(&folder))
    };
    with_fresh_lists(download).with_context(|| format!("download the package {package}"))?;
    package_in(&folder, package)
}

/// Unpacks package files into the folder `root`.
pub fn unpack(packages: &[PathBuf], root: &Path) -> Result<()> {
    fs_err::create_dir_all(root)?;
    for package in packages {
        process::read(workspace::command("dpkg").arg("-x").arg(package).arg(root))
            .with_context(|| format!("unpack {}", package.display()))?;
    }
    Ok(())
}

/// Returns whether this system has apt.
#[must_use]
pub fn is_available() -> bool {
    process::which("apt-get").is_some() && process::which("dpkg").is_some()
}

/// Installs packages of the system's own suite. Needs root, otherwise the error says what to type.
pub fn install(packages: &[&str]) -> Result<()> {
    let hint = format!("sudo apt-get install {}", packages.join(" "));
    if !is_available() {
        bail!(
            "{} not found; install it with your system's package manager",
            packages.join(", ")
        );
    }
    if !process::is_root() {
        bail!("{} not found; hint: {hint}", packages.join(", "));
    }
    ui::note(format!(
        "installing {} from the system's packages",
        packages.join(", ")
    ));
    let install = || {
        let mut command = workspace::command("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages);
        process::read(&mut command)
    };
    with_fresh_lists(install).with_context(|| format!("hint: {hint}"))
}

/// Does `work`, and once more with fresh package lists if it fails: a machine may never have read them.
fn with_fresh_lists(work: impl Fn() -> Result<String>) -> Result<()> {
    if work().is_err() {
        process::read(workspace::command("apt-get").arg("update"))?;
        work()?;
    }
    Ok(())
}

/// Returns the configuration that is read after the system's own.
fn configuration(root: &Path) -> String {
    let root = root.display();
    let mut text = String::new();
    // What the system does after its own updates is none of this state's business.
    for hook in [
        "APT::Update::Post-Invoke",
        "APT::Update::Post-Invoke-Success",
        "DPkg::Post-Invoke",
    ] {
        text.push_str(&format!("#clear {hook};\n"));
    }
    for (option, value) in [
        ("Dir::Etc::sourcelist", format!("{root}/sources.list")),
        ("Dir::Etc::sourceparts", "/dev/null".into()),
        ("Dir::Etc::preferences", "/dev/null".into()),
        ("Dir::Etc::preferencesparts", "/dev/null".into()),
        ("Dir::State::Lists", format!("{root}/lists")),
        // An empty status: nothing counts as installed, so that all dependencies are downloaded.
        ("Dir::State::status", format!("{root}/status")),
        ("Dir::Cache", format!("{root}")),
        ("Dir::Cache::archives", format!("{root}/archives")),
        ("APT::Install-Recommends", "false".into()),
        ("APT::Keep-Downloaded-Packages", "true".into()),
        // The sandbox user of apt cannot read a cache folder inside a home folder.
        ("APT::Sandbox::User", "root".into()),
        ("Acquire::Retries", "3".into()),
        ("Acquire::Languages", "none".into()),
        // An index that cannot be read is a failure, not a warning.
        ("APT::Update::Error-Mode", "any".into()),
    ] {
        text.push_str(&format!("{option} \"{value}\";\n"));
    }
    text
}

struct Mirror {
    site: String,
    signed_by: String,
}

impl Mirror {
    fn source_line(&self, suite: &Suite) -> String {
        // A key that stands in the configuration itself has several lines; the keyring folder has it too.
        let options = match self.signed_by.as_str() {
            path if path.starts_with('/') && !path.contains(char::is_whitespace) => {
                format!("[signed-by={path}] ")
            }
            _ => String::new(),
        };
        format!("deb {options}{} {} {}\n", self.site, suite.name, suite.components)
    }
}

fn mirrors() -> Result<Vec<Mirror>> {
    if !is_available() {
        bail!("this system has no apt");
    }
    let format = "$(RELEASE)|$(SITE)|$(SIGNED_BY)";
    let text = process::read(workspace::command("apt-get").args([
        "indextargets",
        "--format",
        format,
        "Created-By: Packages",
    ]))
    .context("ask apt for the system's mirrors")?;
    let mut mirrors: Vec<Mirror> = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, '|');
        let (Some(release), Some(site)) = (fields.next(), fields.next()) else {
            continue;
        };
        let known = mirrors.iter().any(|mirror| mirror.site == site);
        if !known && !site.is_empty() && !release.contains("-security") {
            mirrors.push(Mirror {
                site: site.to_owned(),
                signed_by: fields.next().unwrap_or_default().to_owned(),
            });
        }
    }
    if mirrors.is_empty() {
        bail!("apt names no mirror; hint: run `apt-get update` once");
    }
    Ok(mirrors)
}

fn package_in(folder: &Path, package: &str) -> Result<PathBuf> {
    let file = packages_in(folder)?.pop();
    file.with_context(|| format!("the package {package} was not downloaded"))
}

fn packages_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut packages = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            packages.push(path);
        }
    }
    packages.sort();
    Ok(packages)
}
