// SPDX-License-Identifier: MIT
//! The real update server as a child process, on a free port of the loopback interface.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process::{self, Running};
use crate::workspace;

/// A running update server, ended when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: String,
    data: PathBuf,
    title: String,
    running: Running,
}

impl Server {
    /// Starts `program` for development on the data folder `data`, with keys for `title`, and waits until it
    /// answers.
    pub fn start(program: &Path, data: &Path, title: &str) -> Result<Self> {
        Self::start_configured(program, data, title, "")
    }

    /// As [`Server::start`], with the text of a configuration file.
    pub fn start_configured(program: &Path, data: &Path, title: &str, configuration: &str) -> Result<Self> {
        fs_err::create_dir_all(data)?;
        let config = configuration_path(data);
        fs_err::write(&config, configuration)?;
        let ready = data.join("ready");
        match fs_err::remove_file(&ready) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let log = data.join("server.log");
        let log_file = fs_err::File::create(&log)?.into_parts().0;
        let mut command = workspace::own_command(program);
        command
            .arg("--data")
            .arg(data)
            .arg("--config")
            .arg(&config)
            .args(["--listen", "127.0.0.1:0", "--dev", "--dev-title", title])
            .arg("--ready-file")
            .arg(&ready);
        command
            .stdin(Stdio::null())
            .stdout(log_file.try_clone().context("open the server's log")?)
            .stderr(log_file);
        let mut running = process::spawn(&mut command)?;
        let address = wait_until_ready(&mut running, &ready).with_context(|| {
            let log = fs_err::read_to_string(&log).unwrap_or_default();
            format!("start the server; its log:\n{}", process::last_lines(&log))
        })?;
        Ok(Self {
            address,
            data: data.to_path_buf(),
            title: title.to_owned(),
            running,
        })
    }

    /// Returns the base address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.id()
    }

    /// Returns the data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Returns the configuration file.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        configuration_path(&self.data)
    }

    /// Returns the token that a development server gives out for publishing.
    pub fn token(&self) -> Result<String> {
        let token = fs_err::read_to_string(self.data.join("dev-token"))?;
        Ok(token.trim().to_owned())
    }

    /// Returns the folder of the title's keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.data.join("dev-keys").join(&self.title)
    }

    /// Returns the file of the root that players of the title have to know.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.keys().join("root.json")
    }

    /// Gives a command of `vsekai` what a publisher of the title has: its keys, and the server's token.
    ///
    /// # Errors
    /// The token cannot be read.
    pub fn authorise(&self, command: &mut Command) -> Result<()> {
        command
            .args(["--title", &self.title, "--keys"])
            .arg(self.keys())
            .env("VSEKAI_TOKEN", self.token()?);
        Ok(())
    }

    /// Waits until the server ends by itself, which it does not do in good order.
    pub fn wait(&mut self) -> Result<()> {
        let status = self.running.wait()?;
        bail!(
            "the server ended with {status}; its log is in {}",
            self.data.join("server.log").display()
        )
    }

    /// Ends the server in good order.
    pub fn stop(&mut self) {
        self.running.stop();
    }

    /// Ends the server as a power cut would.
    pub fn kill(&mut self) {
        self.running.kill();
    }
}

fn configuration_path(data: &Path) -> PathBuf {
    data.join("server.toml")
}

fn wait_until_ready(running: &mut Running, ready: &Path) -> Result<String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        // The file appears by a rename, so what can be read is complete.
        if let Ok(text) = fs_err::read_to_string(ready)
            && let Some(address) = text.lines().next().filter(|line| !line.is_empty())
        {
            return Ok(address.to_owned());
        }
        if let Some(status) = running.try_wait()? {
            bail!("the server ended with {status}");
        }
        if Instant::now() > deadline {
            bail!("the server was not ready within {} seconds", LIMIT.as_secs());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

const LIMIT: Duration = Duration::from_secs(30);
