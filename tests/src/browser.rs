// SPDX-License-Identifier: MIT
//! A real Chromium without a window, driven by its own driver; both end when it is dropped.

use std::path::PathBuf;
use std::process::Stdio;

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::process::Running;
use xtask::tools::Tool;
use xtask::{process, workspace};

use crate::tool;

/// A running browser with one page.
#[derive(Debug)]
pub struct Browser {
    /// What drives the page.
    pub page: Client,
    // Ended before its folder is removed.
    _driver: Running,
    _folder: TempDir,
}

impl Browser {
    /// Starts a browser with an empty profile. Returns nothing, after saying so, where there is none.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Option<Self> {
        let (chromium, chromedriver) = (tool(Tool::Chromium)?, tool(Tool::Chromedriver)?);
        let folder = tempfile::tempdir().unwrap();
        let mut command = workspace::command(chromedriver);
        command
            .arg("--port=0")
            .stdout(Stdio::piped())
            .env("TMPDIR", folder.path());
        let mut driver = process::spawn(&mut command).unwrap();
        let port = process::wait_for_line(&mut driver, port).unwrap();
        let mut capabilities = serde_json::Map::new();
        let options = json!({ "binary": chromium, "args": arguments(&folder) });
        capabilities.insert("goog:chromeOptions".to_owned(), options);
        let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
        builder.capabilities(capabilities);
        let page = builder
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Some(Self {
            page,
            _driver: driver,
            _folder: folder,
        })
    }

    /// Makes the screen as large as said, in CSS pixels, and light or dark.
    ///
    /// # Panics
    /// If the browser refuses.
    pub async fn set_screen(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size).await;
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command("Emulation.setEmulatedMedia", media).await;
    }

    /// Keeps a picture of the page as `NAME.png`, if the variable `VSEKAI_TEST_SCREENSHOTS` names a folder.
    ///
    /// # Panics
    /// If it cannot be taken or written.
    pub async fn keep_picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("VSEKAI_TEST_SCREENSHOTS").map(PathBuf::from) else {
            return;
        };
        fs_err::create_dir_all(&folder).unwrap();
        let picture = self.page.screenshot().await.unwrap();
        fs_err::write(folder.join(format!("{name}.png")), picture).unwrap();
    }

    /// Ends the browser in good order.
    ///
    /// # Panics
    /// If it does not answer any more.
    pub async fn close(self) {
        self.page.clone().close().await.unwrap();
    }

    async fn command(&self, name: &str, parameters: Value) {
        let command = DevTools(json!({ "cmd": name, "params": parameters }));
        self.page.issue_cmd(command).await.unwrap();
    }
}

/// A command that only Chromium's driver knows.
#[derive(Clone, Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!(
            "session/{}/goog/cdp/execute",
            session.unwrap_or_default()
        ))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}

fn arguments(folder: &TempDir) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--headless=new",
        // The sandbox needs rights that a container seldom has; only our own pages are opened.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.push(format!(
        "--user-data-dir={}",
        folder.path().join("profile").display()
    ));
    arguments
}

/// Reads where the driver says that it listens.
fn port(line: &str) -> Option<u16> {
    let (_, port) = line.split_once("successfully on port ")?;
    port.trim_end_matches('.').parse().ok()
}
