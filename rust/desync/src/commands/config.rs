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
    let new = NewFile::at(&path).await?;
    let written = new.open()?.write_all(to_json(&session.config)?.as_bytes());
    written.map_err(DesyncError::file("write the configuration"))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if new.is_new() {
            let only_owner = std::fs::Permissions::from_mode(0o600);
            let set = new.open()?.set_permissions(only_owner);
            set.map_err(DesyncError::file("write the configuration"))?;
        }
    }
    new.publish()
}
