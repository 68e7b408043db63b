// SPDX-License-Identifier: MIT
//! Whether the connection costs by the byte, as far as the system knows.
//!
//! On Linux NetworkManager is asked over the system's D-Bus; where it does not run, and on other systems, nobody can
//! tell. Nothing here waits for longer than [`ANSWER_LIMIT`], and nobody waits for it but a first look for updates.

use std::time::Duration;

use vsekai_engine::NetworkKind;

/// Tells what kind the connection is, once within [`ANSWER_LIMIT`] and then whenever it changes; goes on until it is
/// dropped or the system has nothing more to say.
pub async fn follow(tell: impl Fn(NetworkKind)) {
    #[cfg(target_os = "linux")]
    manager::follow(tell).await;
    #[cfg(not(target_os = "linux"))]
    tell(NetworkKind::Unknown);
}

/// How long the system may take to answer; a bus on the same machine takes milliseconds.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// NetworkManager's interface, <https://networkmanager.dev/docs/api/latest/gdbus-org.freedesktop.NetworkManager.html>.
#[cfg(target_os = "linux")]
mod manager {
    use futures::{Stream, StreamExt as _};
    use tokio::time::timeout;
    use vsekai_engine::NetworkKind;
    use zbus::fdo::{PropertiesChanged, PropertiesProxy};
    use zbus::proxy::MethodFlags;
    use zbus::{Connection, OwnedVariant, Variant};

    use super::ANSWER_LIMIT;

    pub async fn follow(tell: impl Fn(NetworkKind)) {
        let Ok(Ok((now, mut changes))) = timeout(ANSWER_LIMIT, ask()).await else {
            // No bus, no NetworkManager, or one that does not answer: all of it is usual somewhere.
            tell(NetworkKind::Unknown);
            return;
        };
        tell(now);
        while let Some(change) = changes.next().await {
            if let Some(kind) = changed(&change) {
                tell(kind);
            }
        }
    }

    /// Returns what the connection is now, and what it will be.
    async fn ask() -> zbus::Result<(NetworkKind, impl Stream<Item = PropertiesChanged> + Unpin)> {
        let bus = Connection::system().await?;
        let proxy = PropertiesProxy::builder(&bus);
        let properties = proxy.destination(SERVICE).path(PATH).build().await?;
        // Listened for before the question, so that no change falls between.
        let changes = properties.receive_properties_changed().await?;
        // Nobody's network is to be managed because a launcher wants to know.
        let (flags, what) = (MethodFlags::NO_AUTO_START, (SERVICE, PROPERTY));
        let answer = properties.inner().call_with_flags("Get", flags, &what);
        let value: Option<OwnedVariant> = answer.await?;
        let kind = value.as_deref().and_then(kind);
        Ok((kind.unwrap_or_default(), changes))
    }

    fn changed(change: &PropertiesChanged) -> Option<NetworkKind> {
        let arguments = change.args().ok()?;
        let of_the_manager = arguments.interface_name == SERVICE;
        let value = arguments.changed_properties.get(PROPERTY)?;
        of_the_manager.then(|| kind(value)).flatten()
    }

    /// Reads an `NMMetered`: what NetworkManager guesses counts like what it knows.
    fn kind(value: &Variant<'_>) -> Option<NetworkKind> {
        let number = u32::try_from(value).ok()?;
        Some(match number {
            1 | 3 => NetworkKind::Metered,
            2 | 4 => NetworkKind::Unmetered,
            _ => NetworkKind::Unknown,
        })
    }

    const SERVICE: &str = "org.freedesktop.NetworkManager";
    const PATH: &str = "/org/freedesktop/NetworkManager";
    const PROPERTY: &str = "Metered";
}
