// SPDX-License-Identifier: MIT
//! The update server inside the editor, for trying things out: it ends with the editor, however that ends.

use std::path::PathBuf;
use std::sync::Arc;

use vsekai_formats::release::Slug;
use vsekai_server::server::dev_token_path;
use vsekai_server::service::ServiceError;
use vsekai_server::storage::dev_keys_folder;
use vsekai_server::{RunningServer, Server, ServerConfig};

use crate::failure::Failure;
use crate::job::{Desktop, Job, report, unbroken};
use crate::message::{Level, LocalAddress, Message, Messages, Operation};

/// Starts a server on this machine alone, at a free port, with development keys for `title` in `data`.
///
/// [`Message::Server`] tells when it serves, and when it ended.
///
/// # Errors
/// The system gives no threads.
pub fn start(data: PathBuf, title: Slug, messages: Arc<Messages>) -> std::io::Result<Job> {
    Job::spawn(messages, move |desktop, runtime| {
        runtime.block_on(serve(data, title, &desktop));
    })
}

async fn serve(data: PathBuf, title: Slug, desktop: &Desktop) {
    let (server, address) = match unbroken(Box::pin(begin(data, title))).await {
        Ok(begun) => begun,
        Err(failure) => return report(&desktop.messages, Operation::StartServer, Err(failure)),
    };
    desktop.say(Level::Info, "The local server is at {0}", &[&address.url]);
    desktop.messages.push(Message::Server(Some(address)));
    report(&desktop.messages, Operation::StartServer, Ok(()));
    desktop.stop.stopped().await;
    let badly = |error: ServiceError| Failure::internal(error.to_string());
    let ended = unbroken(async { server.stop().await.map_err(badly) }).await;
    if let Err(failure) = ended {
        let said = "The local server ended badly: {0}";
        desktop.say(Level::Warning, said, &[&failure.message]);
    }
    desktop.say(Level::Info, "The local server has ended", &[]);
    desktop.messages.push(Message::Server(None));
}

async fn begin(data: PathBuf, title: Slug) -> Result<(RunningServer, LocalAddress), Failure> {
    let config = ServerConfig {
        dev: true,
        dev_titles: vec![title.clone()],
        ..ServerConfig::local(&data)
    };
    let server = Server::start(config).await?;
    let address = LocalAddress {
        url: server.url(),
        keys: dev_keys_folder(&data, &title),
        token_file: dev_token_path(&data),
        data,
    };
    Ok((server, address))
}
