// SPDX-License-Identifier: MIT
//! `config`: printing or writing the configuration in use.

use std::io::Write as _;
use std::path::PathBuf;

use fs_err as fs;

use crate::args::ConfigArgs;
use crate::env::{Env, to_json};
use crate::error::DesyncError;
use crate::files::NewFile;
use crate::session::{Session, default_config_file};

/// Prints the configuration, or writes it to its file, which only its owner can read.
pub(crate) async fn config(
    args: ConfigArgs,
    file: Option<PathBuf>,
    session: &Session,
    env: &mut Env,
) -> Result<(), DesyncError> {
    if !args.write {
        return env.print_json(&session.config);
    }
    let path = file.or_else(|| default_config_file(env));
    let Some(path) = path else {
        return Err(DesyncError::Usage(
            "there is no home folder; name a file with --config".to_owned(),
        ));
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(DesyncError::file("create the folder of the configuration"))?;
    }
    let failed = DesyncError::file("write the configuration");
    let new = NewFile::at(&path).await?;
    let mut file = new.open()?;
    #[cfg(unix)]
    if new.is_new() {
        use std::os::unix::fs::PermissionsExt as _;
        // Before there is a password in it.
        let only_owner = std::fs::Permissions::from_mode(0o600);
        file.set_permissions(only_owner).map_err(&failed)?;
    }
    let written = file.write_all(to_json(&session.config)?.as_bytes());
    written.map_err(&failed)?;
    drop(file);
    new.publish()
}
