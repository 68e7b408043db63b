// SPDX-License-Identifier: MIT
//! Making, listing and ending tokens.

use super::token::{Token, TokenError, TokenRecord, TokenScope, Verb};
use super::{Access, Service, ServiceError};
use crate::db::{now, tokens};

impl Service {
    /// Makes a token that ends at `expires_at` (seconds since 1970-01-01 UTC), and returns it with what is kept of
    /// it. This is the only time it can be shown.
    ///
    /// # Errors
    /// The caller's token does not allow it, the label is empty or too long, or the system has no randomness.
    pub async fn create_token(
        &self,
        access: &Access,
        label: String,
        scope: TokenScope,
        expires_at: Option<i64>,
    ) -> Result<(Token, TokenRecord), ServiceError> {
        access.require_everywhere(Verb::Admin)?;
        let (token, record) = TokenRecord::make(label, scope, now(), expires_at)?;
        let (kept, actor) = (record.clone(), access.actor());
        let added = self
            .database
            .write("add a token", move |tx| tokens::create(tx, &kept, &actor));
        added.await?;
        Ok((token, record))
    }

    /// Returns every token there ever was, oldest first.
    ///
    /// # Errors
    /// The caller's token does not allow it.
    pub async fn list_tokens(&self, access: &Access) -> Result<Vec<TokenRecord>, ServiceError> {
        access.require_everywhere(Verb::Admin)?;
        Ok(self.database.read("list tokens", tokens::all).await?)
    }

    /// Ends the token with the public part `id`.
    ///
    /// # Errors
    /// The caller's token does not allow it, or there is no such token that is still good.
    pub async fn revoke_token(&self, access: &Access, id: String) -> Result<(), ServiceError> {
        access.require_everywhere(Verb::Admin)?;
        let missing = ServiceError::NotFound("a token of that id that is still good".to_owned());
        let actor = access.actor();
        let ended = self
            .database
            .write("end a token", move |tx| tokens::end(tx, &id, &actor));
        ended.await?.then_some(()).ok_or(missing)
    }
}

impl From<TokenError> for ServiceError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Form | TokenError::Verb(_) | TokenError::Label => Self::BadRequest(error.to_string()),
            TokenError::Randomness(_) => Self::Internal(error.to_string()),
        }
    }
}
