// SPDX-License-Identifier: MIT
//! Asking the server or, where that does not help, its mirrors.

use std::sync::{Arc, PoisonError};

use vsekai_formats::release::{ChannelPointer, ChannelSummary, ReleaseManifest, ReleaseRef, address};
use vsekai_store::{Auth, ChunkStore, HttpBatches, HttpOptions, HttpOrigin, HttpStore, Secret, StoreFormat};
use vsekai_trust::client::VerifiedTitle;

use crate::download::Source;
use crate::error::EngineError;
use crate::event::NoticeCode;
use crate::install;
use crate::mirrors::{self, Stores};
use crate::origin::{self, Document, Documents, Offer};
use crate::preferences::Preferences;
use crate::read_token;
use crate::record::{Current, InstalledVersion, Settings};
use crate::session::Session;
use crate::trust;
use crate::updater::Updater;

impl Updater {
    /// Verifies what is signed and asks what the channel offers; also returns the address that answered.
    pub(crate) async fn pointer(
        &self,
        session: &Session,
        settings: &Settings,
    ) -> Result<(String, VerifiedTitle, ChannelPointer), EngineError> {
        let ask = move |origin| async move {
            let mut title = trust::title(session, &self.config, &self.paths, origin, settings).await?;
            let pointer = trust::pointer(session, &self.paths, settings, &mut title).await?;
            Ok((title, pointer))
        };
        let (address, (title, pointer)) = self.ask_in_turn(settings, None, ask).await?;
        self.remember(session, settings, &address);
        Ok((address, title, pointer))
    }

    /// Fetches the manifest of a release that the channel offers and the documents it pins, each from `address`,
    /// which gave the offer, or from another one that has it.
    ///
    /// Documents that a version in the folder has are not fetched.
    pub(crate) async fn offer(
        &self,
        session: &Session,
        settings: &Settings,
        address: &str,
        title: &mut VerifiedTitle,
        release: &ReleaseRef,
    ) -> Result<(Offer, Documents), EngineError> {
        let known = &*title;
        let ask = move |origin| async move {
            let mut title = known.clone();
            title.ask(origin);
            let offer = origin::offer(session, &mut title, settings, release.clone()).await?;
            Ok((title, offer))
        };
        let (_, (asked, offer)) = self.ask_in_turn(settings, Some(address), ask).await?;
        *title = asked;
        let documents = self
            .documents(session, settings, Some(address), &offer.manifest)
            .await?;
        Ok((offer, documents))
    }

    /// Fetches the manifest of a version in the folder, and the documents it pins, as [`Self::offer`] would if its channel
    /// offered it now.
    ///
    /// # Errors
    /// As there; its publisher may have taken it out of the channel.
    pub(crate) async fn offer_of(
        &self,
        session: &Session,
        settings: &Settings,
        version: &InstalledVersion,
    ) -> Result<(Offer, Documents), EngineError> {
        let settings = Settings {
            channel: version.channel.clone(),
            ..settings.clone()
        };
        let release = ReleaseRef {
            version: version.version.clone(),
            sequence: version.sequence,
            manifest: version.manifest.clone(),
        };
        let (address, mut title, _) = self.pointer(session, &settings).await?;
        self.offer(session, &settings, &address, &mut title, &release)
            .await
    }

    /// Returns the documents that `manifest` pins: those that a version in the folder has or, from the address `first`
    /// before all others, what is fetched.
    pub(crate) async fn documents(
        &self,
        session: &Session,
        settings: &Settings,
        first: Option<&str>,
        manifest: &ReleaseManifest,
    ) -> Result<Documents, EngineError> {
        let current = Current::load(&self.paths)?;
        let at_home = current.and_then(|current| install::find_documents(&self.paths, &current, manifest));
        if let Some(documents) = at_home {
            return Ok(documents);
        }
        let fetch = |which| {
            let ask = move |origin| async move { origin::document(session, &origin, manifest, which).await };
            self.ask_in_turn(settings, first, ask)
        };
        let ((_, contents), (_, index)) =
            futures::try_join!(fetch(Document::Contents), fetch(Document::Index))?;
        Ok(Documents { contents, index })
    }

    /// Asks which channels the title has.
    pub(crate) async fn channel_list(
        &self,
        session: &Session,
        settings: &Settings,
    ) -> Result<Vec<ChannelSummary>, EngineError> {
        let ask = move |origin| async move {
            let mut title = trust::title(session, &self.config, &self.paths, origin, settings).await?;
            trust::channels(session, &self.paths, &mut title).await
        };
        let (_, channels) = self.ask_in_turn(settings, None, ask).await?;
        Ok(channels)
    }

    /// Asks one address after the other, `first` before all others, until one answers with something that can be
    /// believed; also returns which did.
    ///
    /// # Errors
    /// What the first one said, when none has helped, or what no other one can mend.
    async fn ask_in_turn<T, F>(
        &self,
        settings: &Settings,
        first: Option<&str>,
        ask: impl Fn(HttpOrigin) -> F,
    ) -> Result<(String, T), EngineError>
    where
        F: Future<Output = Result<T, EngineError>>,
    {
        let mut addresses = self.addresses(settings);
        if let Some(position) = first.and_then(|first| addresses.iter().position(|other| other == first)) {
            addresses[..=position].rotate_right(1);
        }
        let several = addresses.len() > 1;
        let mut first_error = None;
        for address in addresses {
            match ask(self.origin(settings, &address)?).await {
                Ok(answer) => return Ok((address, answer)),
                Err(error) if mirrors::may_do_better(&error) => {
                    if several {
                        let message = format!("One of the addresses does not help: {error}");
                        self.machine.notice(NoticeCode::AddressFailed, message);
                    }
                    first_error.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(first_error.unwrap_or_else(|| EngineError::Internal("there is no address to ask".to_owned())))
    }

    /// Returns where chunks of at most `largest` bytes come from: the server and its mirrors.
    pub(crate) fn source(&self, settings: &Settings, largest: usize) -> Result<Source, EngineError> {
        let addresses = self.addresses(settings);
        let format = StoreFormat::default().with_max_chunk(largest);
        let store = |address: &String| -> Result<Arc<dyn ChunkStore>, EngineError> {
            let origin = self.origin(settings, address)?.below(address::STORE);
            Ok(Arc::new(HttpStore::new(origin, format)))
        };
        let batches = |address: &String| -> Result<HttpBatches, EngineError> {
            Ok(HttpBatches::new(self.origin(settings, address)?, format))
        };
        let stores: Result<Vec<_>, EngineError> = addresses.iter().map(store).collect();
        let batches: Result<Vec<_>, EngineError> = addresses.iter().map(batches).collect();
        Ok(Source {
            batches: batches?,
            store: Stores::new(addresses, stores?),
            connections: self.config.connections.max(1),
        })
    }

    /// Keeps in mind which address worked, and the token that was given for the server if that was it: what only a
    /// mirror answered says nothing of the token.
    ///
    /// What cannot be kept is told and no more: whatever `worked` is done, and the next time costs a little more.
    pub(crate) fn remember(&self, session: &Session, settings: &Settings, worked: &str) {
        if let Err(error) = self.try_to_remember(settings, worked) {
            let message = format!("What worked this time is not remembered: {error}");
            session.notice(NoticeCode::NotRemembered, message);
        }
    }

    fn try_to_remember(&self, settings: &Settings, worked: &str) -> Result<(), EngineError> {
        if let Some(token) = &self.given_token()
            && is_server(settings, worked)
            && self.paths.state().is_dir()
            // A damaged one gives way too.
            && read_token::load(&self.paths, &settings.server).as_ref() != Some(token)
        {
            read_token::keep(&self.paths, &settings.server, Some(token))?;
        }
        let before = mirrors::load(&self.paths);
        let now = mirrors::remember(&settings.server, worked, before.as_ref());
        mirrors::store(&self.paths, before.as_ref(), now.as_ref())
    }

    fn addresses(&self, settings: &Settings) -> Vec<String> {
        let preferences = Preferences::load(&self.paths);
        let remembered = mirrors::load(&self.paths);
        mirrors::in_turn(&settings.server, &preferences.mirrors, remembered.as_ref())
    }

    /// Returns the token that `server` is asked with: the one that was given before the one that is kept.
    fn read_token(&self, server: &str) -> Option<Secret> {
        self.given_token()
            .or_else(|| read_token::load(&self.paths, server))
    }

    /// Tells whether there is a token for `server`, which it may not take.
    pub(crate) fn has_read_token(&self, server: &str) -> bool {
        self.read_token(server).is_some()
    }

    /// Goes on with `token`, and nothing of what was set up with another one.
    pub(crate) fn take_token(&self, token: Option<Secret>) {
        *self.given_token.lock().unwrap_or_else(PoisonError::into_inner) = token;
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        origins.clear();
    }

    fn given_token(&self) -> Option<Secret> {
        let given = self.given_token.lock().unwrap_or_else(PoisonError::into_inner);
        given.clone()
    }

    /// Returns the server at an address; whoever asks it shares its connections, from one operation to the next.
    fn origin(&self, settings: &Settings, address: &str) -> Result<HttpOrigin, EngineError> {
        let is_server = is_server(settings, address);
        // Agreed to for the server, not for any other address.
        let allow_http = self.config.allow_http || is_server && settings.allow_http;
        let key = (address.to_owned(), allow_http);
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = origins.get(&key) {
            return Ok(origin.clone());
        }
        // Given for the server, so nobody else gets to see it.
        let token = match is_server {
            true => self.read_token(&settings.server),
            false => None,
        };
        let options = HttpOptions {
            auth: token.map_or(Auth::None, Auth::Bearer),
            user_agent: self.config.user_agent.clone(),
            max_connections: self.config.connections,
            allow_http,
            throttle: self.control.throttle().clone(),
            ..HttpOptions::default()
        };
        let origin = HttpOrigin::new(&format!("{address}/"), options)
            .map_err(|error| EngineError::InvalidInput(error.to_string()))?;
        origins.insert(key, origin.clone());
        Ok(origin)
    }
}

/// Tells whether `address` is the server itself and no mirror.
fn is_server(settings: &Settings, address: &str) -> bool {
    address == settings.server.trim_end_matches('/')
}
