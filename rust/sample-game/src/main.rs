// SPDX-License-Identifier: MIT
//! A stand-in for a game, for machines where no Godot can be had.
//!
//! It reads `game.txt` beside itself (first line the title, second line the version), says both and leaves;
//! without `--quit-after-start` it first waits for the Enter key. It fails where the file is missing or not
//! complete, so that a broken install cannot look like a started game.

use std::io::{self, BufRead as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

fn main() -> ExitCode {
    match play() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sample-game: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn play() -> Result<()> {
    let text = fs_err::read_to_string(data_file()?)?;
    let (title, version) = title_and_version(&text)?;
    println!("{title} {version} started");
    if !std::env::args().any(|argument| argument == "--quit-after-start") {
        println!("Press Enter to leave.");
        io::stdin()
            .lock()
            .read_line(&mut String::new())
            .context("read from the terminal")?;
    }
    Ok(())
}

fn data_file() -> Result<PathBuf> {
    let program = std::env::current_exe().context("find this program")?;
    Ok(program.with_file_name("game.txt"))
}

fn title_and_version(text: &str) -> Result<(&str, &str)> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match (lines.next(), lines.next()) {
        (Some(title), Some(version)) => Ok((title, version)),
        _ => bail!("game.txt must hold a title and a version"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_version_are_the_first_two_lines() {
        assert_eq!(
            title_and_version("A Game\n1.2\nmore\n").unwrap(),
            ("A Game", "1.2")
        );
    }

    #[test]
    fn a_cut_off_data_file_is_an_error() {
        assert!(title_and_version("A Game\n").is_err());
    }
}
