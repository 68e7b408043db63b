// SPDX-License-Identifier: MIT
//! From a token to what its bearer may do.

use vsekai_formats::release::Slug;

use super::Service;
use super::error::ServiceError;
use super::privacy::Audience;
use super::token::{Token, TokenRecord, TokenScope, Verb};
use crate::db::audit::Actor;
use crate::db::{now, tokens};

/// Proof that a request came with a valid token, and what the token allows.
///
/// For requests only [`Service::authenticate`] makes one, so what asks for it cannot be reached without a token.
#[derive(Clone, Debug)]
pub struct Access {
    actor: Actor,
    scope: TokenScope,
}

impl Access {
    /// Returns who this is, for the audit log.
    pub fn actor(&self) -> Actor {
        self.actor.clone()
    }

    /// Refuses unless `verb` is allowed on some title and channel.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub fn require_somewhere(&self, verb: Verb) -> Result<(), ServiceError> {
        allow(self.scope.allows_somewhere(verb), || format!("{verb} anything"))
    }

    /// Refuses unless `verb` is allowed on every title and channel.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub fn require_everywhere(&self, verb: Verb) -> Result<(), ServiceError> {
        allow(self.scope.allows_everywhere(verb), || {
            format!("{verb} for the whole server, which needs a token for every title and channel")
        })
    }

    /// Refuses unless `verb` is allowed on `channel` of `title`.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub fn require(&self, verb: Verb, title: &Slug, channel: &Slug) -> Result<(), ServiceError> {
        allow(self.scope.allows(verb, title, channel), || {
            format!("{verb} on channel {channel} of {title}")
        })
    }

    /// Refuses unless `verb` is allowed on every channel of `title`.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub fn require_whole_title(&self, verb: Verb, title: &Slug) -> Result<(), ServiceError> {
        allow(self.scope.allows_whole_title(verb, title), || {
            format!("{verb} of {title}, which needs a token for every channel")
        })
    }

    /// Tells whether the token allows reading what is for `audience`.
    pub fn may_read(&self, audience: &Audience) -> bool {
        match audience {
            Audience::Everybody => true,
            Audience::Readers(channels) => channels
                .iter()
                .any(|channel| self.scope.allows_reading(&channel.title, &channel.name)),
        }
    }

    /// Refuses unless the token allows anything at all on `title`.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`].
    pub fn require_title(&self, title: &Slug) -> Result<(), ServiceError> {
        let allowed = Verb::ALL.iter().any(|verb| self.scope.allows_title(*verb, title));
        allow(allowed, || format!("see the releases of {title}"))
    }
}

impl Access {
    /// What the server itself may do: everything.
    pub(crate) fn server() -> Self {
        Self {
            actor: Actor::server(),
            scope: TokenScope::EVERYTHING,
        }
    }

    /// What those may do who can open the data folder: everything, for they can read and write all of it anyway.
    pub fn shell() -> Self {
        Self {
            actor: Actor::shell(),
            scope: TokenScope::EVERYTHING,
        }
    }
}

impl Service {
    /// Finds out what the bearer of `token` may do.
    ///
    /// # Errors
    /// [`ServiceError::Unauthorized`] if the token is unknown, expired or revoked.
    pub async fn authenticate(&self, token: &Token) -> Result<Access, ServiceError> {
        let id = token.id().to_owned();
        let record = self
            .database
            .read("look up a token", move |tx| tokens::find(tx, &id))
            .await?;
        let record = record.filter(|record: &TokenRecord| record.accepts(token, now()));
        let record = record.ok_or(ServiceError::Unauthorized)?;
        self.rates().token(&record.id).map_err(ServiceError::too_soon)?;
        Ok(Access {
            actor: Actor {
                token_id: record.id,
                label: record.label,
            },
            scope: record.scope,
        })
    }
}

fn allow(allowed: bool, what: impl FnOnce() -> String) -> Result<(), ServiceError> {
    match allowed {
        true => Ok(()),
        false => Err(ServiceError::Forbidden(what())),
    }
}
