// SPDX-License-Identifier: MIT
//! Publishing, and changing what is published.

use std::fmt::Display;
use std::path::PathBuf;
use std::sync::Arc;

use vsekai_engine::plan::{Circumstances, Plan};
use vsekai_engine::release::Release as EngineRelease;
use vsekai_formats::release::Platform;
use vsekai_publish::{
    ChannelChange, Release, ReleaseDocuments, ReleaseInfo, ScanOptions, change_channel, changed_resources,
    list_releases,
};

use crate::failure::Failure;
use crate::job::Desktop;
use crate::message::{Level, Message};
use crate::target::Target;
use crate::view;

/// A build that lies ready.
#[derive(Clone, Debug)]
pub struct Build {
    /// Its folder.
    pub folder: PathBuf,
    /// What the folder is meant to be.
    pub scan: ScanOptions,
    /// What is said about it.
    pub info: ReleaseInfo,
}

/// Tells what publishing `build` would send, what players of the last releases would fetch, and which resources
/// differ from the newest of them.
///
/// # Errors
/// The build cannot be published, or the server does not answer.
pub async fn preview(target: Target, build: Build, desktop: Desktop) -> Result<(), Failure> {
    let release = read(build, &desktop).await?;
    let observer = Arc::new(desktop.clone());
    let keys = &target.signing.keys;
    let preview = vsekai_publish::preview(
        Arc::clone(&release),
        &target.server,
        &target.channel,
        keys,
        EARLIER,
        observer,
        desktop.stop.publishing(),
    )
    .await?;
    let new = parse(preview.release.clone())?;
    let mut plans = Vec::new();
    for earlier in &preview.earlier {
        let old = parse(earlier.clone())?;
        plans.push(Plan::new(&new, Some(&old), Some(&old), &sharing()).summary);
    }
    let install = Plan::new(&new, None, None, &sharing()).summary;
    let resources = match preview.earlier.first() {
        Some(last) => changed_resources(release, last.clone(), &target.server).await?,
        None => Vec::new(),
    };
    let fields = view::preview(&preview, &install, &plans, &resources);
    desktop.messages.push(Message::Previewed(fields));
    Ok(())
}

/// Publishes `build`.
///
/// # Errors
/// As [`preview`], and the keys do not open or do not suffice. Nothing is visible to players then.
pub async fn publish(target: Target, build: Build, desktop: Desktop) -> Result<(), Failure> {
    let release = read(build, &desktop).await?;
    let report = vsekai_publish::upload(
        Arc::clone(&release),
        &target.server,
        &target.channel,
        &target.signing,
        None,
        Arc::new(desktop.clone()),
        desktop.stop.publishing(),
    )
    .await?;
    let fields = view::published(&release, &target.channel, &report);
    desktop.messages.push(Message::Published(fields));
    list(target, desktop).await
}

/// Changes what the channel offers.
///
/// # Errors
/// The channel is as it was then.
pub async fn change(
    target: Target,
    platform: Platform,
    change: ChannelChange,
    desktop: Desktop,
) -> Result<(), Failure> {
    let Target {
        server,
        signing,
        title,
        channel,
        ..
    } = &target;
    let changed = change_channel(server, signing, title, channel, Some(platform), &change);
    // A change is one request; it is over or not begun when somebody gives up.
    let after = tokio::select! {
        biased;
        () = desktop.stop.stopped() => return Err(Failure::cancelled()),
        after = changed => after?,
    };
    for pointer in &after {
        let offer: [&dyn Display; 3] = [&pointer.channel, &pointer.release.version, &pointer.platform];
        desktop.say(Level::Info, "{0} offers {1} for {2}", &offer);
    }
    list(target, desktop).await
}

/// Tells what is published.
///
/// # Errors
/// The server does not answer, or what it says is not signed by the title's keys.
pub async fn list(target: Target, desktop: Desktop) -> Result<(), Failure> {
    let listed = list_releases(&target.server, &target.signing.keys, &target.title).await?;
    let rows = listed.iter().map(view::listed).collect();
    desktop.messages.push(Message::Listed(rows));
    Ok(())
}

/// Reads every file of the build on a thread that may block.
async fn read(build: Build, desktop: &Desktop) -> Result<Arc<Release>, Failure> {
    let desktop = desktop.clone();
    let work = move || {
        let cancel = desktop.stop.publishing();
        desktop.progress("scan", 0, 0);
        let tree = vsekai_publish::scan(&build.folder, &build.scan, cancel)?;
        vsekai_publish::build(tree, build.info, &desktop, cancel)
    };
    let read = tokio::task::spawn_blocking(work).await;
    let release = read.map_err(|error| Failure::internal(error.to_string()))??;
    Ok(Arc::new(release))
}

fn parse(documents: ReleaseDocuments) -> Result<EngineRelease, Failure> {
    let ReleaseDocuments {
        manifest,
        contents,
        index,
    } = documents;
    Ok(EngineRelease::parse(manifest, &contents, &index)?)
}

/// A player's folder in good order, on a disk that shares files.
fn sharing() -> Circumstances {
    Circumstances {
        can_share: true,
        ..Circumstances::default()
    }
}

/// Releases before the new one whose players are thought of.
const EARLIER: usize = 5;

#[cfg(test)]
mod tests {
    use tempfile::TempDir;
    use vsekai_godot_common::outbox::Item;
    use vsekai_publish::{Signing, begin_title};
    use vsekai_server::{RunningServer, ServerConfig};
    use vsekai_trust::publisher::{KeyFolder, Passphrase};

    use super::*;
    use crate::message::Messages;
    use crate::target::Fields;

    const PASSPHRASE: &str = "correct horse battery staple";

    /// A server with a title whose keys are encrypted, and a build.
    struct Bench {
        folder: TempDir,
        _server: RunningServer,
        fields: Fields,
    }

    impl Bench {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let config = ServerConfig {
                dev: true,
                ..ServerConfig::local(folder.path().join("server"))
            };
            let server = vsekai_server::Server::start(config).await.unwrap();
            let text = |path: PathBuf| path.display().to_string();
            let fields = Fields {
                server_url: server.url(),
                title: "my-game".to_owned(),
                channel: "stable".to_owned(),
                platform: "linux-x86_64".to_owned(),
                keys_folder: text(folder.path().join("keys")),
                token_file: text(folder.path().join("server/dev-token")),
                project_folder: text(folder.path().join("project")),
                ..Fields::default()
            };
            let passphrase = Passphrase::new(PASSPHRASE);
            let given = passphrase.clone();
            let signing = Signing {
                passphrase: Arc::new(move |_| Ok(given.clone())),
                ..Signing::unencrypted(KeyFolder::new(folder.path().join("keys")))
            };
            let target = fields.target().unwrap();
            let channels = [target.channel];
            begin_title(
                &target.server,
                &signing,
                &target.title,
                &channels,
                Some(&passphrase),
            )
            .await
            .unwrap();
            Self {
                folder,
                _server: server,
                fields,
            }
        }

        /// Publishes with `passphrase` and returns what was told.
        async fn publish(&self, passphrase: Option<&str>) -> (Result<(), Failure>, Vec<Message>) {
            let folder = self.folder.path().join("build");
            let program = [&b"\x7fELF\x02\x01\x01"[..], &[0; 9], &[2, 0, 0x3e, 0]].concat();
            fs_err::create_dir_all(&folder).unwrap();
            fs_err::write(folder.join("my-game"), program).unwrap();
            let build = Build {
                folder,
                scan: self.fields.scan_options().unwrap(),
                info: self.fields.release_info("1.0.0", "The first".to_owned()).unwrap(),
            };
            let mut fields = self.fields.clone();
            fields.passphrase = passphrase.map(Passphrase::new);
            let messages = Arc::new(Messages::new());
            let desktop = Desktop {
                messages: Arc::clone(&messages),
                stop: crate::job::Stop::default(),
            };
            let result = publish(fields.target().unwrap(), build, desktop).await;
            let told = messages
                .drain(usize::MAX)
                .into_iter()
                .filter_map(|item| match item {
                    Item::Discrete(message) => Some(message),
                    Item::Latest(_) => None,
                });
            (result, told.collect())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn encrypted_keys_open_with_their_passphrase_alone() {
        let bench = Bench::new().await;
        let (result, told) = bench.publish(None).await;
        assert_eq!(result.unwrap_err().hint, "Type the passphrase of the keys");
        assert_eq!(told, []);
        let (result, told) = bench.publish(Some("another one")).await;
        assert!(!result.unwrap_err().is_cancelled());
        assert_eq!(told, []);
        let (result, told) = bench.publish(Some(PASSPHRASE)).await;
        assert_eq!(result, Ok(()));
        assert!(matches!(&told[..], [Message::Published(_), Message::Listed(rows)] if rows.len() == 1));
    }
}
