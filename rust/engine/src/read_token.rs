// SPDX-License-Identifier: MIT
//! The token for a server's private channels, kept with the install for that server and no other.

use serde::{Deserialize, Serialize};
use vsekai_store::Secret;

use crate::disk;
use crate::error::EngineError;
use crate::lock::Turn;
use crate::paths::InstallPaths;
use crate::record::{self, Document};

/// What is kept, in a file that its owner alone can read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    schema: u32,
    server: String,
    token: Secret,
}

impl Document for Kept {
    const WHAT: &'static str = "kept read token";
}

/// Returns `text` as a token, without the space around it.
///
/// # Errors
/// It is not one word of letters that can be sent, or is longer than [`Secret::MAX_TOKEN_BYTES`].
pub fn parse(text: &str) -> Result<Secret, EngineError> {
    let token = text.trim();
    // Without the token itself: whatever it is, it may be a secret.
    let refused = |reason: String| Err(EngineError::InvalidInput(format!("the read token {reason}")));
    let most = Secret::MAX_TOKEN_BYTES;
    if token.len() > most {
        return refused(format!("is longer than {most} bytes"));
    }
    match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(Secret::new(token)),
        false => refused("is not one word of ASCII letters, digits and signs".to_owned()),
    }
}

/// Reads what is kept.
///
/// # Errors
/// [`EngineError::LostRecord`] if it is damaged, another one if it cannot be read now.
pub(crate) fn read(paths: &InstallPaths) -> Result<Option<Kept>, EngineError> {
    record::load(&paths.read_token()).map_err(EngineError::bearable)
}

/// Returns the token that is kept for `server`; one that cannot be read is none.
pub(crate) fn load(paths: &InstallPaths, server: &str) -> Option<Secret> {
    let kept = read(paths).ok().flatten();
    let of_server = kept.filter(|kept| kept.server == server.trim_end_matches('/'));
    of_server.map(|kept| kept.token)
}

/// Keeps `token` for `server` in place of the one before, or none any more. The folder for it must exist.
///
/// # Errors
/// The file cannot be written or removed.
pub(crate) fn keep(paths: &InstallPaths, server: &str, token: Option<&Secret>) -> Result<(), EngineError> {
    if token.is_none() && !paths.state().is_dir() {
        return Ok(());
    }
    // So that nobody who puts a damaged one aside takes this one for it.
    let _turn = Turn::wait(&record::turns(&paths.read_token()))?;
    match token {
        // The file is made with mode 0600, as every file is that is written durably.
        Some(token) => record::store(
            &paths.read_token(),
            &Kept {
                schema: Kept::SCHEMA,
                server: server.trim_end_matches('/').to_owned(),
                token: token.clone(),
            },
        ),
        None => {
            disk::remove_file(&paths.read_token())?;
            disk::remove(&disk::aside(&paths.read_token()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_one_word_and_what_is_none_is_not_repeated() {
        assert_eq!(parse(" vsekai_0_1\n").unwrap(), Secret::new("vsekai_0_1"));
        let longest = "t".repeat(Secret::MAX_TOKEN_BYTES);
        assert!(parse(&longest).is_ok());
        for wrong in ["", " \n", "two words", "line\nbreak", "tökén", &(longest + "t")] {
            let error = parse(wrong).unwrap_err().to_string();
            let is_long = wrong.len() > Secret::MAX_TOKEN_BYTES;
            assert_eq!(error.contains("longer than 4096 bytes"), is_long, "{error}");
            assert!(
                wrong.trim().is_empty() || !error.contains(wrong.trim()),
                "{error}"
            );
        }
    }

    #[test]
    fn a_token_is_kept_for_its_server_and_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let paths = InstallPaths::new(folder.path());
        fs_err::create_dir(paths.state()).unwrap();
        let token = Secret::new("vsekai_0_1");
        assert_eq!(load(&paths, "https://a"), None);
        keep(&paths, "https://a/", Some(&token)).unwrap();
        assert_eq!(load(&paths, "https://a"), Some(token));
        assert_eq!(load(&paths, "https://b"), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs_err::metadata(paths.read_token()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        keep(&paths, "https://a", None).unwrap();
        assert_eq!(load(&paths, "https://a"), None);
    }
}
