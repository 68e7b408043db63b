// SPDX-License-Identifier: MIT
//! Exports with the editor's own program as a child, so that the editor itself stays usable.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use vsekai_engine::ErrorCode;

use crate::failure::Failure;
use crate::job::Desktop;
use crate::lines::Lines;
use crate::message::{Level, Message};

/// What to export.
#[derive(Clone, Debug)]
pub struct Export {
    /// The editor's program.
    pub editor: PathBuf,
    /// The folder of the project.
    pub project: PathBuf,
    /// The name of the export preset.
    pub preset: String,
    /// The folder to make; replaced if it is there.
    pub folder: PathBuf,
    /// The name of the program in it.
    pub program: String,
}

/// Exports, and tells the folder by [`Message::Exported`].
///
/// The folder holds a complete export or what was there before.
///
/// # Errors
/// Godot cannot be started, fails, or leaves no program.
pub async fn export(export: Export, desktop: Desktop) -> Result<(), Failure> {
    let partial = beside(&export.folder);
    remove(&partial).await?;
    fs_err::tokio::create_dir_all(&partial).await?;
    let ended = run(&export, &partial, &desktop).await;
    let complete = ended.and_then(|status| check(&export, &partial, status, &desktop));
    if let Err(failure) = complete {
        // Why there is no export counts more than what is left of it, which goes before the next one.
        let _ = remove(&partial).await;
        return Err(failure);
    }
    remove(&export.folder).await?;
    fs_err::tokio::rename(&partial, &export.folder).await?;
    desktop.say(Level::Info, "Exported to {0}", &[&export.folder.display()]);
    desktop.messages.push(Message::Exported(export.folder));
    Ok(())
}

/// Runs Godot to its end, or kills it when somebody wants it to stop.
async fn run(export: &Export, target: &Path, desktop: &Desktop) -> Result<ExitStatus, Failure> {
    let mut command = Command::new(&export.editor);
    command
        .args(["--headless", "--path"])
        .arg(&export.project)
        .args(["--export-release", &export.preset])
        .arg(target.join(&export.program))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| Failure {
        hint: "Start the editor again".to_owned(),
        ..Failure::new(
            ErrorCode::Launch,
            format!("cannot start {}: {error}", export.editor.display()),
        )
    })?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let finished = async {
        let (_, _, status) = tokio::join!(pass_on(out, desktop), pass_on(err, desktop), child.wait());
        status
    };
    tokio::select! {
        biased;
        status = finished => Ok(status?),
        () = desktop.stop.stopped() => Err(Failure::cancelled()),
    }
}

/// Takes an export only if its files are there: Godot's exit code says nothing about most of what goes wrong, and
/// Godot may fall over at its end with everything written.
fn check(export: &Export, target: &Path, status: ExitStatus, desktop: &Desktop) -> Result<(), Failure> {
    let program = target.join(&export.program);
    let pack = program.with_extension("pck");
    let failed = |message: String| {
        Failure {
        hint: "The log says what Godot complains about. Export templates are got in the editor's menu Editor, Manage \
               Export Templates"
            .to_owned(),
        ..Failure::new(ErrorCode::BadRelease, message)
    }
    };
    if !program.exists() {
        return Err(failed(format!("Godot exported no {}", export.program)));
    }
    match (status.success(), status.code()) {
        (true, _) => Ok(()),
        (false, None) if pack.is_file() => {
            let said = "Godot fell over after the export was written ({0})";
            desktop.say(Level::Warning, said, &[&status]);
            Ok(())
        }
        _ => Err(failed(format!("Godot's export ended with {status}"))),
    }
}

async fn pass_on(stream: Option<impl AsyncRead + Unpin>, desktop: &Desktop) {
    let Some(mut stream) = stream else { return };
    let say = |line: String| match percent(&line) {
        Some(percent) => desktop.progress("export", percent, 100),
        None if line.trim_start().starts_with("[ DONE ]") => {}
        None => desktop.log(level(&line), line),
    };
    let (mut lines, mut buffer) = (Lines::default(), vec![0; BUFFER]);
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        lines.take(buffer.get(..count).unwrap_or_default(), say);
    }
    lines.finish(say);
}

/// Reads what Godot prints while it exports: `[  42% ] export | ...`.
fn percent(line: &str) -> Option<u64> {
    let (number, _) = line.trim_start().strip_prefix('[')?.split_once('%')?;
    number.trim().parse().ok()
}

fn level(line: &str) -> Level {
    let complaints = ["ERROR:", "SCRIPT ERROR:", "WARNING:"];
    match complaints
        .iter()
        .any(|start| line.trim_start().starts_with(start))
    {
        true => Level::Warning,
        false => Level::Output,
    }
}

fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    folder.with_file_name(name)
}

async fn remove(folder: &Path) -> Result<(), Failure> {
    match fs_err::tokio::remove_dir_all(folder).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Bytes read at a time.
const BUFFER: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_and_complaints_are_told_apart_from_what_godot_says() {
        assert_eq!(percent("[  42% ] export | Storing File: res://a"), Some(42));
        assert_eq!(percent("[ DONE ] export"), None);
        assert_eq!(percent("50% of it"), None);
        assert_eq!(level("ERROR: No export template found"), Level::Warning);
        assert_eq!(level("Godot Engine v4.6"), Level::Output);
    }
}
