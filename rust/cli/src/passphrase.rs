// SPDX-License-Identifier: MIT
//! Passphrases of key files: from a variable or file descriptor that is named, or from a person. Never from
//! the command line, which everybody on the machine can read.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use vsekai_publish::Signing;
use vsekai_trust::publisher::{KeyError, KeyFile, KeyFolder, Passphrase, Validity};

use crate::args::SigningArgs;
use crate::error::CliError;
use crate::shell::Surroundings;

type Ask = Arc<dyn Fn(&str) -> io::Result<String> + Send + Sync>;

/// Returns the keys in `folder` with the way to open them that the command line names.
pub(crate) fn signing(
    folder: PathBuf,
    args: &SigningArgs,
    surroundings: &Surroundings,
) -> Result<Signing, CliError> {
    let given = given(args, surroundings)?;
    let ask = surroundings.prompt.clone();
    // A key is opened again when somebody else changed the same in between; nobody wants to be asked twice.
    let known: Mutex<HashMap<PathBuf, Passphrase>> = Mutex::default();
    let passphrase = move |file: &KeyFile| match (&given, &ask) {
        (Some(given), _) => Ok(given.clone()),
        (None, Some(ask)) => {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(passphrase) = known.get(&file.path) {
                return Ok(passphrase.clone());
            }
            let passphrase = asked(ask, &format!("Passphrase of {}: ", file.path.display()), file)?;
            known.insert(file.path.clone(), passphrase.clone());
            Ok(passphrase)
        }
        (None, None) => Err(KeyError::PassphraseNeeded {
            path: file.path.clone(),
        }),
    };
    Ok(Signing {
        keys: KeyFolder::new(folder),
        validity: Validity::default(),
        passphrase: Arc::new(passphrase),
    })
}

/// Returns the passphrase for new key files; `None` if they are wanted without.
pub(crate) fn for_new_keys(
    args: &SigningArgs,
    none_wanted: bool,
    surroundings: &Surroundings,
) -> Result<Option<Passphrase>, CliError> {
    if none_wanted {
        return Ok(None);
    }
    if let Some(given) = given(args, surroundings)? {
        return Ok(Some(given));
    }
    let ask = surroundings.prompt.as_ref().ok_or_else(|| {
        CliError::usage("new keys need a passphrase").with_hint(
            "Name where it is with --passphrase-env NAME or --passphrase-fd N, or say --no-passphrase",
        )
    })?;
    let failed = |error: io::Error| CliError::usage(format!("cannot ask for a passphrase: {error}"));
    let first = Passphrase::new(ask("Passphrase for new keys: ").map_err(failed)?);
    let second = ask("The same again: ").map_err(failed)?;
    match !first.is_empty() && first == Passphrase::new(second) {
        true => Ok(Some(first)),
        false => Err(CliError::usage("the passphrases are empty or differ")),
    }
}

fn given(args: &SigningArgs, surroundings: &Surroundings) -> Result<Option<Passphrase>, CliError> {
    let text = match (&args.passphrase_env, args.passphrase_fd) {
        (Some(name), _) => {
            let value = surroundings
                .variable(name)
                .ok_or_else(|| CliError::usage(format!("the variable {name} is not set")))?;
            let text = value.into_string();
            text.map_err(|_| CliError::usage(format!("{name} is not valid Unicode")))?
        }
        (None, Some(descriptor)) => read_descriptor(descriptor)?,
        (None, None) => return Ok(None),
    };
    let passphrase = Passphrase::new(text);
    match passphrase.is_empty() {
        true => Err(CliError::usage("the passphrase is empty")),
        false => Ok(Some(passphrase)),
    }
}

fn read_descriptor(descriptor: u16) -> Result<String, CliError> {
    let unreadable = |error: io::Error| {
        CliError::usage(format!(
            "cannot read a passphrase from the file descriptor {descriptor}: {error}"
        ))
    };
    if cfg!(not(unix)) {
        return Err(
            CliError::usage("this system has no file descriptors to read from")
                .with_hint("Use --passphrase-env NAME"),
        );
    }
    let file = fs_err::File::open(format!("/dev/fd/{descriptor}")).map_err(unreadable)?;
    let mut text = String::new();
    file.take(MAX_PASSPHRASE)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn asked(ask: &Ask, question: &str, file: &KeyFile) -> Result<Passphrase, KeyError> {
    let answer = ask(question);
    answer.map(Passphrase::new).map_err(|source| KeyError::Io {
        action: "ask for the passphrase of",
        path: file.path.clone(),
        source,
    })
}

/// Longest passphrase read, in bytes.
const MAX_PASSPHRASE: u64 = 4096;
