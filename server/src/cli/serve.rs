// SPDX-License-Identifier: MIT
//! `vsekai-server serve`.

use std::process::ExitCode;

use vsekai_server::server::dev_token_path;
use vsekai_server::storage::{TEMPORARY_PREFIX, dev_keys_folder};
use vsekai_server::{RunningServer, Server, ServerConfig};
use vsekai_store::durable;

use super::settings::Settings;

/// Serves until the system or a person asks to stop.
pub(super) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let config = ServerConfig {
        data: settings.data.clone(),
        bucket: settings.bucket.clone(),
        listen: settings.listen,
        limits: settings.limits,
        signing: settings.signing.clone(),
        retention: settings.retention.clone(),
        tls: settings.tls.clone(),
        dev: settings.dev,
        dev_titles: settings.dev_titles.clone(),
    };
    // Before the start, so that a signal during it is not lost.
    let asked_to_stop = signals()?;
    let server = Server::start(config).await?;
    let url = server.url();
    if settings.dev {
        eprintln!(
            "a token for development is in {}",
            dev_token_path(&settings.data).display()
        );
        for title in &settings.dev_titles {
            eprintln!(
                "keys for the development of {title} are in {}; they are not encrypted, so let nobody trust them",
                dev_keys_folder(&settings.data, title).display()
            );
        }
        eprintln!(
            "publish with: VSEKAI_TOKEN=$(cat {}) vsekai publish DIR --keys {} ...",
            dev_token_path(&settings.data).display(),
            settings.data.join("dev-keys/TITLE").display()
        );
    }
    println!("listening on {url}");
    tracing::info!(data = %settings.data.display(), url, "serving");
    if let Some(path) = &settings.ready_file {
        durable::replace(path, TEMPORARY_PREFIX, format!("{url}\n").as_bytes())?;
    }
    tokio::select! {
        () = asked_to_stop => {}
        () = reload_when_asked(&server) => {}
    }
    tracing::info!("stopping");
    server.stop().await?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Reads the certificate again at every SIGHUP; never ends.
#[cfg(unix)]
async fn reload_when_asked(server: &RunningServer) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => {
            tracing::warn!(%error, "SIGHUP cannot be received; certificates are still read again by themselves");
            return std::future::pending().await;
        }
    };
    while hangups.recv().await.is_some() {
        match server.reload_certificate().await {
            Ok(changed) => tracing::info!(changed, "read the certificate again"),
            Err(error) => tracing::error!(%error, "the certificate is of no use; the one before stays"),
        }
    }
    std::future::pending().await
}

#[cfg(not(unix))]
async fn reload_when_asked(_server: &RunningServer) {
    std::future::pending().await
}

#[cfg(unix)]
fn signals() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
