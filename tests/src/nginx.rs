// SPDX-License-Identifier: MIT
//! A real nginx with the sample configurations of `server/deploy`, ended when it is dropped.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xtask::process::Running;
use xtask::tools::Tool;
use xtask::{process, workspace};

use crate::tool;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    // Ended before its folder is removed.
    _running: Running,
    _folder: TempDir,
    address: String,
}

impl Nginx {
    /// Serves the site in the folder `root` as `nginx-site.conf` does. Returns nothing, after saying so, where there
    /// is no nginx.
    ///
    /// # Panics
    /// If nginx refuses the configuration or does not start.
    #[must_use]
    pub fn serving(root: &Path) -> Option<Self> {
        let root = format!("root {};", root.display());
        Self::start("nginx-site.conf", &[("root /srv/vsekai-site;", &root)])
    }

    /// Stands in front of `server` as `nginx-proxy.conf` does.
    ///
    /// # Panics
    /// As [`Nginx::serving`].
    #[must_use]
    pub fn before(server: &str) -> Option<Self> {
        let server = server.trim_start_matches("http://").trim_end_matches('/');
        let upstream = format!("server {server};");
        Self::start("nginx-proxy.conf", &[("server 127.0.0.1:7780;", &upstream)])
    }

    /// Returns the base address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    fn start(sample: &str, changes: &[(&str, &str)]) -> Option<Self> {
        let program = tool(Tool::Nginx)?;
        let folder = tempfile::tempdir().unwrap();
        let listen = process::free_address().unwrap();
        let mut text = fs_err::read_to_string(sample_path(sample)).unwrap();
        let own = format!("listen {listen};");
        for (from, to) in changes.iter().copied().chain([("listen 80;", own.as_str())]) {
            assert!(text.contains(from), "{sample} has no {from:?}");
            text = text.replace(from, to);
        }
        let configuration = folder.path().join("nginx.conf");
        fs_err::write(&configuration, surrounded(&text, folder.path())).unwrap();
        let nginx = || {
            let mut command = workspace::command(&program);
            command.arg("-p").arg(folder.path()).arg("-c").arg(&configuration);
            command.args(["-e", "stderr"]);
            command
        };
        process::read(nginx().arg("-t")).unwrap();
        Some(Self {
            _running: process::serve(&mut nginx(), &listen).unwrap(),
            _folder: folder,
            address: format!("http://{listen}"),
        })
    }
}

/// Returns a file of `server/deploy`.
#[must_use]
pub fn sample_path(name: &str) -> PathBuf {
    workspace::root().join("server/deploy").join(name)
}

/// Puts what the system's own configuration has around the sample.
fn surrounded(sample: &str, folder: &Path) -> String {
    let folder = folder.display();
    // The workers of a root's nginx would be another user's, who cannot look into the test's folders.
    let user = if process::is_root() { "user root;\n" } else { "" };
    format!(
        "{user}daemon off;\nmaster_process on;\nworker_processes 1;\npid {folder}/pid;\n\
         events {{ worker_connections 256; }}\nhttp {{\naccess_log off;\n\
         client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n\
         fastcgi_temp_path {folder}/fastcgi;\nuwsgi_temp_path {folder}/uwsgi;\nscgi_temp_path {folder}/scgi;\n\
         {sample}\n}}\n"
    )
}
