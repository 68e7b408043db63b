// SPDX-License-Identifier: MIT
//! The licences of the crates inside the launcher's library, for players to read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use spdx::{Expression, ParseMode};

use crate::{process, workspace};

/// Returns the names, licences and licence texts of every crate that the package `root` is built from. Texts
/// that several crates share stand there once. Crates that come without a text get that of the licences they name.
///
/// # Errors
/// A crate has no text and names no licence that is known.
pub fn of_package(root: &str) -> Result<String> {
    let arguments = ["metadata", "--format-version", "1"];
    let output = process::read(&mut workspace::cargo(&arguments)).context("list the crates")?;
    let metadata: Metadata = serde_json::from_str(&output).context("read the list of crates")?;
    let reached = metadata.reached_from(root);
    let mut packages: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|package| reached.contains(package.id.as_str()) && package.source.is_some())
        .collect();
    packages.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    Ok([summary(&packages), texts(&packages)?].concat())
}

fn summary(packages: &[&Package]) -> String {
    let mut text = String::from("Rust crates in the launcher's library\n\n");
    for package in packages {
        let licence = package.license.as_deref().unwrap_or("see its text");
        let home = package.repository.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "- {} {} ({licence}) {home}\n",
            package.name, package.version
        ));
    }
    text
}

fn texts(packages: &[&Package]) -> Result<String> {
    let mut owners: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let folder = package
            .manifest_path
            .parent()
            .context("a crate without a folder")?;
        let mut found = licence_files(folder)?;
        if found.is_empty() {
            found = standard_texts(package)?;
        }
        for text in found {
            owners.entry(text).or_default().insert(&package.name);
        }
    }
    let mut sections: Vec<(String, String)> = owners
        .into_iter()
        .map(|(text, names)| (names.into_iter().collect::<Vec<_>>().join(", "), text))
        .collect();
    sections.sort();
    let written = sections
        .iter()
        .map(|(names, text)| format!("\n\n{names}\n\n{}\n", text.trim_end()));
    Ok(written.collect())
}

/// Returns the texts of all licences that `package` names, as SPDX has them.
fn standard_texts(package: &Package) -> Result<Vec<String>> {
    let (name, version) = (&package.name, &package.version);
    let expression = package.license.as_deref().unwrap_or_default();
    let parsed = Expression::parse_mode(expression, ParseMode::LAX);
    let parsed =
        parsed.with_context(|| format!("{name} {version} has no licence text and names no licence"))?;
    let named = parsed.requirements().map(|found| {
        let id = found.req.license.id();
        let id = id.with_context(|| format!("{name} {version} has no text of its licence {expression:?}"))?;
        Ok(id.text().replace("\r\n", "\n"))
    });
    named.collect()
}

fn licence_files(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_ascii_uppercase();
        let is_notice = NOTICES.iter().any(|start| name.starts_with(start));
        if is_notice && entry.file_type()?.is_file() {
            let bytes = fs_err::read(entry.path())?;
            texts.push(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"));
        }
    }
    Ok(texts)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

impl Metadata {
    /// Returns the ids of what `root` is built from; tools that only build or test it are left out.
    fn reached_from(&self, root: &str) -> BTreeSet<&str> {
        let nodes: BTreeMap<&str, &Node> = self
            .resolve
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node))
            .collect();
        let start = self.packages.iter().find(|package| package.name == root);
        let mut open: Vec<&str> = start.map(|package| package.id.as_str()).into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(id) = open.pop() {
            if reached.insert(id)
                && let Some(node) = nodes.get(id)
            {
                open.extend(
                    node.deps
                        .iter()
                        .filter(|dep| dep.is_normal())
                        .map(|dep| dep.pkg.as_str()),
                );
            }
        }
        reached
    }
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    repository: Option<String>,
    source: Option<String>,
    manifest_path: std::path::PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

impl Dependency {
    fn is_normal(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.is_none())
    }
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

/// What files with licences and notices begin with, in capitals.
const NOTICES: [&str; 5] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE"];

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, license: Option<&str>) -> Package {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            repository: None,
            source: None,
            manifest_path: "Cargo.toml".into(),
        }
    }

    #[test]
    fn every_crate_in_what_is_shipped_has_a_licence_text_and_none_of_ours_is_named() {
        for shipped in [
            "vsekai-godot",
            "vsekai-godot-editor",
            "vsekai-cli",
            "vsekai-server",
        ] {
            let text = of_package(shipped).unwrap();
            let (names, texts) = text.split_once("\n\n\n").unwrap();
            let paragraphs = texts.split("\n\n").map(str::trim);
            let headings: BTreeSet<&str> = paragraphs
                .filter(|paragraph| !paragraph.contains('\n'))
                .flat_map(|heading| heading.split(", "))
                .collect();
            for line in names.lines().filter_map(|line| line.strip_prefix("- ")) {
                let name = line.split(' ').next().unwrap();
                assert!(
                    headings.contains(name),
                    "{shipped}: there is no licence text for {name}"
                );
                assert!(!name.starts_with("vsekai"), "{shipped}: {name} is ours");
            }
        }
    }

    #[test]
    fn godots_bindings_are_named_with_their_licence() {
        let text = of_package("vsekai-godot").unwrap();
        assert!(text.contains("- godot 0.5"), "{text}");
        assert!(text.contains("Mozilla Public License Version 2.0"));
    }

    #[test]
    fn a_crate_without_a_text_gets_those_of_the_licences_it_names_or_is_refused() {
        let both = standard_texts(&package("both", Some("MIT OR Apache-2.0"))).unwrap();
        assert!(both[0].contains("Permission is hereby granted") && both[1].contains("Apache License"));
        for wrong in [None, Some("LicenseRef-Own"), Some("see the web page")] {
            let error = standard_texts(&package("odd", wrong)).unwrap_err();
            assert!(error.to_string().contains("odd 1.0.0"), "{error}");
        }
    }
}
