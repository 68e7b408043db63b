// SPDX-License-Identifier: MIT
//! The texts of the publisher's dock: whatever it shows is there in every language.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use xtask::{addons, fs, workspace};

const LANGUAGES: [&str; 2] = ["es", "ja"];
const SHOWN: [&str; 5] = [
    "text",
    "title",
    "tooltip_text",
    "placeholder_text",
    "accessibility_name",
];
/// What shows how something is written, the same in every language.
const EXAMPLES: [&str; 6] = [
    "my-game",
    "stable",
    "https://updates.example.org",
    "…",
    "1.0.0",
    "mods\nsettings.cfg",
];

#[test]
fn every_text_of_the_dock_is_there_in_every_language() {
    let mut texts = texts_of_scene(&sources(&addon(), "tscn"));
    texts.extend(texts_of_scripts(&sources(&addon(), "gd")));
    texts.extend(texts_of_tables(
        &fs_err::read_to_string(addon().join("words.gd")).unwrap(),
    ));
    assert!(texts.len() > 80, "{texts:?}");
    for language in LANGUAGES {
        let known = messages(language);
        for text in &texts {
            let translated = known.get(text).is_some_and(|message| !message.is_empty());
            assert!(translated, "{language} lacks {text:?}");
        }
    }
}

#[test]
fn every_translation_is_of_use_and_has_the_places_for_values() {
    let library = workspace::root().join("rust/godot-editor/src");
    let sources =
        [(addon(), "tscn"), (addon(), "gd"), (library, "rs")].map(|(folder, kind)| sources(&folder, kind));
    let sources = sources.concat();
    for language in LANGUAGES {
        for (text, message) in messages(language) {
            assert!(
                sources.contains(&format!("\"{text}\"")),
                "{language}: {text:?} is shown nowhere"
            );
            assert_eq!(places(&message), places(&text), "{language}: {text:?}");
        }
    }
}

/// Returns the texts that nodes show by themselves.
fn texts_of_scene(scene: &str) -> BTreeSet<String> {
    let starts = SHOWN.map(|name| format!("\n{name} = \""));
    let texts = starts.iter().flat_map(|start| scene.split(start).skip(1));
    let texts = texts.map(|rest| literal(rest).0).filter(|text| !text.is_empty());
    texts
        .filter(|text| !EXAMPLES.contains(text))
        .map(str::to_owned)
        .collect()
}

/// Returns the texts that scripts say.
fn texts_of_scripts(scripts: &str) -> BTreeSet<String> {
    let scripts = scripts.replace(['\n', '\t'], "");
    let mut texts = BTreeSet::new();
    for rest in scripts.split("say(\"").skip(1) {
        texts.insert(literal(rest).0.to_owned());
    }
    for rest in scripts.split("say_many(\"").skip(1) {
        let (one, rest) = literal(rest);
        let (_, many) = rest.split_once('"').unwrap();
        texts.extend([one, literal(many).0].map(str::to_owned));
    }
    texts
}

/// Returns the texts in the tables of what a script may say.
fn texts_of_tables(script: &str) -> BTreeSet<String> {
    let tables = script.split("Dictionary[String, String] = {").skip(1);
    let tables = tables.map(|rest| rest.split_once('}').unwrap().0);
    let entries = tables.flat_map(|table| table.split("\": \"").skip(1));
    entries.map(|rest| literal(rest).0.to_owned()).collect()
}

/// Splits a text behind a quotation mark at the one that ends it.
fn literal(rest: &str) -> (&str, &str) {
    rest.split_once('"').unwrap()
}

/// Returns the translations of a language by the English texts.
fn messages(language: &str) -> BTreeMap<String, String> {
    let file = addon().join("i18n").join(language).with_extension("po");
    let mut messages = BTreeMap::new();
    let mut keys = Vec::new();
    for line in fs_err::read_to_string(file).unwrap().lines() {
        let Some((word, text)) = line.split_once(' ') else {
            continue;
        };
        let text = text.trim_matches('"').to_owned();
        match word {
            "msgid" => keys = vec![text],
            "msgid_plural" => keys.push(text),
            // A language with one form for all numbers has it for both texts.
            _ if word.starts_with("msgstr") && !keys[0].is_empty() => {
                messages.extend(keys.iter().map(|key| (key.clone(), text.clone())));
                keys.drain(..keys.len() - 1);
            }
            _ => {}
        }
    }
    messages
}

fn places(text: &str) -> BTreeSet<&str> {
    let starts = text.match_indices('{').map(|(start, _)| start);
    starts.map(|start| &text[start..start + 3]).collect()
}

/// Returns the files of a kind below `folder`, one behind the other, with each string on one line.
fn sources(folder: &Path, kind: &str) -> String {
    let files = fs::files(folder, &[]).unwrap();
    let files = files
        .iter()
        .filter(|file| file.extension().is_some_and(|found| found == kind));
    let text: String = files
        .map(|file| fs_err::read_to_string(folder.join(file)).unwrap())
        .collect();
    text.split("\\\n").map(str::trim_start).collect()
}

fn addon() -> PathBuf {
    addons::publisher_project().join("addons/vsekai_publisher")
}
