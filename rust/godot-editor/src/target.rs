// SPDX-License-Identifier: MIT
//! Where to publish and with what: the properties of `VSekaiPublisher`, checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vsekai_engine::read_token;
use vsekai_formats::TreePath;
use vsekai_formats::release::{Platform, Slug, Version};
use vsekai_publish::{ReleaseInfo, ScanOptions, Server, Signing};
use vsekai_store::Secret;
use vsekai_trust::publisher::{KeyError, KeyFolder, Passphrase, Validity};

use crate::failure::{CHOOSE_TOKEN, Failure};

/// What was typed and chosen.
#[derive(Clone, Default)]
pub struct Fields {
    /// Base address of the server.
    pub server_url: String,
    /// The title.
    pub title: String,
    /// The channel.
    pub channel: String,
    /// The platform of the build.
    pub platform: String,
    /// The program to start, below the build's folder; found by itself if empty.
    pub program: String,
    /// Files and folders below the build's folder that are the player's once they are there.
    pub user_paths: Vec<String>,
    /// The oldest update engine that can install the build; any if empty.
    pub minimum_engine: String,
    /// The folder of the title's keys.
    pub keys_folder: String,
    /// The file with the server's write token; none if empty.
    pub token_file: String,
    /// The folder of the Godot project, where no secret may lie.
    pub project_folder: String,
    /// Agrees to a server on another machine without encryption.
    pub allow_http: bool,
    /// Opens the keys; never written anywhere.
    pub passphrase: Option<Passphrase>,
    /// What a player of a private channel has; none if empty.
    pub read_token: String,
}

/// Where to publish, and with what.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server, with its token.
    pub server: Server,
    /// The title.
    pub title: Slug,
    /// The channel.
    pub channel: Slug,
    /// The keys.
    pub signing: Signing,
}

impl Fields {
    /// Checks everything that publishing needs; reads the token, but nothing from the network.
    ///
    /// # Errors
    /// Something is missing or makes no sense, or a secret lies in the project.
    pub fn target(&self) -> Result<Target, Failure> {
        let address = self.server_url.trim();
        if address.is_empty() {
            return Err(Failure::input(
                "no server is named",
                "Start the local server, or type the address of another",
            ));
        }
        let keys = self.secret_path("folder of keys", &self.keys_folder)?;
        let keys =
            keys.ok_or_else(|| Failure::input("no folder of keys is named", "Choose the title's keys"))?;
        let token = match self.secret_path("file with the write token", &self.token_file)? {
            Some(file) => Some(write_token(&file)?),
            None => None,
        };
        Ok(Target {
            server: Server {
                token,
                allow_http: self.allow_http,
                ..Server::new(address)
            },
            title: self.title()?,
            channel: slug("channel", &self.channel)?,
            signing: self.signing(KeyFolder::new(keys)),
        })
    }

    /// Returns what a player of a private channel has; none if nothing was typed.
    ///
    /// # Errors
    /// It cannot be a token. Nothing but such a player's way is concerned.
    pub fn read_token(&self) -> Result<Option<Secret>, Failure> {
        let typed = Some(self.read_token.trim()).filter(|token| !token.is_empty());
        Ok(typed.map(read_token::parse).transpose()?)
    }

    /// Returns the title.
    ///
    /// # Errors
    /// It is no name for a title.
    pub fn title(&self) -> Result<Slug, Failure> {
        slug("title", &self.title)
    }

    /// Returns what is said about a release with this version and these notes.
    ///
    /// # Errors
    /// The version, the title, a user path or the oldest updater makes no sense.
    pub fn release_info(&self, label: &str, notes: String) -> Result<ReleaseInfo, Failure> {
        let paths = self.user_paths.iter().map(|path| path.trim());
        let paths = paths.filter(|path| !path.is_empty()).map(tree_path);
        let engine = Some(self.minimum_engine.as_str()).filter(|engine| !engine.trim().is_empty());
        Ok(ReleaseInfo {
            title: self.title()?,
            version: version("version", label)?,
            notes,
            minimum_launcher: None,
            minimum_engine: engine
                .map(|engine| version("oldest updater", engine))
                .transpose()?,
            user_paths: paths.collect::<Result<_, _>>()?,
        })
    }

    /// Returns what the build's folder is meant to be.
    ///
    /// # Errors
    /// The platform or the path of the program makes no sense.
    pub fn scan_options(&self) -> Result<ScanOptions, Failure> {
        let program = Some(self.program.trim()).filter(|program| !program.is_empty());
        let program = program.map(tree_path).transpose()?;
        Ok(ScanOptions {
            program,
            ..ScanOptions::new(self.platform()?)
        })
    }

    /// Returns the platform of the build.
    ///
    /// # Errors
    /// No releases are made for it.
    pub fn platform(&self) -> Result<Platform, Failure> {
        let known = Platform::ALL
            .into_iter()
            .find(|known| known.as_str() == self.platform);
        known.ok_or_else(|| {
            let all: Vec<&str> = Platform::ALL.iter().map(Platform::as_str).collect();
            Failure::input(
                format!("there are no releases for \"{}\"", self.platform),
                format!("Choose an export preset for one of {}", all.join(", ")),
            )
        })
    }

    /// Refuses a path in the project: what lies there is soon in a repository, or in a player's hands.
    fn secret_path(&self, what: &str, path: &str) -> Result<Option<PathBuf>, Failure> {
        if path.trim().is_empty() {
            return Ok(None);
        }
        let path = std::path::absolute(path.trim())?;
        let project = Path::new(&self.project_folder);
        if !self.project_folder.is_empty() && resolved(&path).starts_with(resolved(project)) {
            return Err(Failure::input(
                format!("the {what} {} lies in the project", path.display()),
                "Keep secrets outside of the project, where no export and no commit takes them along",
            ));
        }
        Ok(Some(path))
    }

    fn signing(&self, keys: KeyFolder) -> Signing {
        let passphrase = self.passphrase.clone();
        Signing {
            keys,
            validity: Validity::default(),
            passphrase: Arc::new(move |file| {
                passphrase.clone().ok_or_else(|| KeyError::PassphraseNeeded {
                    path: file.path.clone(),
                })
            }),
        }
    }
}

/// Parses a version of the build or of the engine.
///
/// # Errors
/// It is none.
pub fn version(what: &str, text: &str) -> Result<Version, Failure> {
    let parsed = text.trim().parse::<Version>();
    parsed.map_err(|error| {
        Failure::input(
            format!("the {what} does not make sense: {error}"),
            "Type one such as 1.2.0",
        )
    })
}

fn tree_path(text: &str) -> Result<TreePath, Failure> {
    vsekai_publish::path_as_typed(text)
        .map_err(|error| Failure::input(error.to_string(), "Give the path below the build's folder"))
}

fn slug(what: &str, text: &str) -> Result<Slug, Failure> {
    let parsed = text.trim().parse::<Slug>();
    parsed.map_err(|error| {
        Failure::input(
            format!("the {what} does not make sense: {error}"),
            "Names are made of small letters, digits and hyphens",
        )
    })
}

/// Returns the path without links, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|part| {
        let real = fs_err::canonicalize(part).ok()?;
        let rest = path.strip_prefix(part).ok()?;
        Some(real.join(rest))
    });
    there.unwrap_or_else(|| path.to_owned())
}

fn write_token(file: &Path) -> Result<Secret, Failure> {
    Secret::token_in(file).map_err(|error| Failure {
        hint: CHOOSE_TOKEN.to_owned(),
        ..Failure::from(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(folder: &Path) -> Fields {
        Fields {
            server_url: "http://127.0.0.1:1".to_owned(),
            title: "my-game".to_owned(),
            channel: "stable".to_owned(),
            platform: "linux-x86_64".to_owned(),
            keys_folder: folder.join("keys").display().to_string(),
            project_folder: folder.join("project").display().to_string(),
            ..Fields::default()
        }
    }

    #[test]
    fn keys_and_tokens_in_the_project_are_refused_even_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        fs_err::create_dir(&project).unwrap();
        assert!(fields(folder.path()).target().is_ok());
        let mut inside = vec![project.join("keys"), project.join("deep/../keys")];
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            fs_err::os::unix::fs::symlink(&project, &link).unwrap();
            inside.push(link.join("keys"));
        }
        for path in inside {
            let wrong = Fields {
                keys_folder: path.display().to_string(),
                ..fields(folder.path())
            };
            let failure = wrong.target().unwrap_err();
            assert!(failure.message.contains("lies in the project"), "{failure:?}");
            let wrong = Fields {
                token_file: path.display().to_string(),
                ..fields(folder.path())
            };
            assert!(
                wrong
                    .target()
                    .unwrap_err()
                    .message
                    .contains("lies in the project")
            );
        }
    }

    #[test]
    fn user_paths_and_the_oldest_engine_are_taken_as_they_are_typed() {
        let folder = tempfile::tempdir().unwrap();
        let fields = Fields {
            user_paths: vec!["saves/".to_owned(), " ./settings.cfg ".to_owned(), String::new()],
            minimum_engine: " 0.2 ".to_owned(),
            ..fields(folder.path())
        };
        let info = fields.release_info("1.0", "Notes".to_owned()).unwrap();
        let paths: Vec<&str> = info.user_paths.iter().map(TreePath::as_str).collect();
        assert_eq!(paths, ["saves", "settings.cfg"]);
        assert_eq!(info.minimum_engine, Some("0.2".parse().unwrap()));
    }

    #[test]
    fn what_is_missing_is_named_with_the_next_step() {
        let folder = tempfile::tempdir().unwrap();
        type Empty = fn(&mut Fields);
        let cases: [(Empty, &str); 4] = [
            (|fields| fields.server_url.clear(), "no server is named"),
            (|fields| fields.keys_folder.clear(), "no folder of keys"),
            (|fields| fields.title.clear(), "the title"),
            (
                |fields| fields.channel = "Not A Channel".to_owned(),
                "the channel",
            ),
        ];
        for (empty, said) in cases {
            let mut fields = fields(folder.path());
            empty(&mut fields);
            let failure = fields.target().unwrap_err();
            assert!(failure.message.contains(said), "{failure:?}");
            assert!(!failure.hint.is_empty());
        }
        let wrong = Fields {
            token_file: folder.path().join("no-token").display().to_string(),
            ..fields(folder.path())
        };
        assert_eq!(wrong.target().unwrap_err().hint, CHOOSE_TOKEN);
        let wrong = Fields {
            read_token: "secret words".to_owned(),
            ..fields(folder.path())
        };
        let failure = wrong.read_token().unwrap_err();
        assert!(failure.message.contains("the read token"), "{failure:?}");
        assert!(!failure.message.contains("secret"), "{failure:?}");
        assert!(wrong.target().is_ok(), "nothing else needs it");
        let wrong = Fields {
            user_paths: vec!["../saves".to_owned()],
            ..fields(folder.path())
        };
        let failure = wrong.release_info("1.0", String::new()).unwrap_err();
        assert_eq!(failure.hint, "Give the path below the build's folder");
        let wrong = Fields {
            minimum_engine: "a very old one".to_owned(),
            ..fields(folder.path())
        };
        let failure = wrong.release_info("1.0", String::new()).unwrap_err();
        assert!(failure.message.contains("the oldest updater"), "{failure:?}");
        let failure = Fields::default().platform().unwrap_err();
        assert!(failure.hint.contains("windows-x86_64"), "{failure:?}");
    }
}
