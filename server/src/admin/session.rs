// SPDX-License-Identifier: MIT
//! Who is logged in. Sessions live in memory alone: they end with the server, and much earlier. Times are passed in.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::service::token::{Token, TokenError};

/// The sessions of a server.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<Key, Session>>);

/// SHA-256 of a session's secret: what is looked up can take its time.
type Key = [u8; 32];

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// The token they logged in with; it is asked anew on each request whether it is still good.
    pub token: Token,
    /// What their forms carry, so that no other site can send them.
    pub form_secret: FormSecret,
    began: i64,
    last_seen: i64,
}

/// A secret that forms of one session carry.
#[derive(Clone)]
pub struct FormSecret(String);

impl FormSecret {
    /// Returns the secret, to be put into forms of its session.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Tells whether `sent` is the secret, taking equally long for every wrong one of its length.
    pub fn is(&self, sent: &str) -> bool {
        self.0.as_bytes().ct_eq(sent.as_bytes()).into()
    }
}

impl std::fmt::Debug for FormSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormSecret(hidden)")
    }
}

impl Sessions {
    /// Begins a session at `now`, in seconds, and returns the secret for its cookie.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn begin(&self, token: Token, now: i64) -> Result<String, TokenError> {
        let (secret, form_secret) = (random()?, FormSecret(random()?));
        let mut live = self.live(now);
        while live.len() >= MOST {
            let oldest = live.iter().min_by_key(|(_, session)| session.last_seen);
            let Some(key) = oldest.map(|(key, _)| *key) else {
                break;
            };
            live.remove(&key);
        }
        let session = Session {
            token,
            form_secret,
            began: now,
            last_seen: now,
        };
        live.insert(key(&secret), session);
        Ok(secret)
    }

    /// Returns the session of a cookie's secret, unless it has ended, and notes that it was used.
    pub fn find(&self, secret: &str, now: i64) -> Option<Session> {
        let mut live = self.live(now);
        let session = live.get_mut(&key(secret))?;
        session.last_seen = now;
        Some(session.clone())
    }

    /// Ends a session.
    pub fn end(&self, secret: &str, now: i64) {
        self.live(now).remove(&key(secret));
    }

    fn live(&self, now: i64) -> MutexGuard<'_, HashMap<Key, Session>> {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.retain(|_, session| session.is_live(now));
        live
    }
}

impl Session {
    fn is_live(&self, now: i64) -> bool {
        let idle = now.saturating_sub(self.last_seen);
        let age = now.saturating_sub(self.began);
        (0..IDLE_SECONDS).contains(&idle) && (0..LONGEST_SECONDS).contains(&age)
    }
}

fn key(secret: &str) -> Key {
    Sha256::digest(secret.as_bytes()).into()
}

fn random() -> Result<String, TokenError> {
    let mut bytes = [0u8; 32];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| TokenError::Randomness(error.to_string()))?;
    Ok(hex::encode(bytes))
}

/// Seconds without a request after which a session ends.
pub const IDLE_SECONDS: i64 = 30 * 60;
/// Seconds after which it ends in any case.
pub const LONGEST_SECONDS: i64 = 8 * 60 * 60;
/// Sessions at a time; whoever was seen longest ago has to log in again.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(sessions: &Sessions, now: i64) -> String {
        sessions.begin(Token::random().unwrap(), now).unwrap()
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_in_any_case() {
        let sessions = Sessions::default();
        let secret = begin(&sessions, 0);
        assert!(sessions.find(&secret, IDLE_SECONDS - 1).is_some());
        assert!(sessions.find(&secret, 2 * IDLE_SECONDS - 2).is_some());
        assert!(sessions.find(&secret, 4 * IDLE_SECONDS).is_none());
        let secret = begin(&sessions, 0);
        let mut now = 0;
        while now + 60 < LONGEST_SECONDS {
            now += 60;
            assert!(sessions.find(&secret, now).is_some(), "{now}");
        }
        assert!(sessions.find(&secret, LONGEST_SECONDS).is_none());
    }

    #[test]
    fn a_session_that_was_ended_is_gone_and_others_are_not() {
        let sessions = Sessions::default();
        let (one, other) = (begin(&sessions, 0), begin(&sessions, 0));
        sessions.end(&one, 1);
        assert!(sessions.find(&one, 1).is_none());
        assert!(sessions.find(&other, 1).is_some());
        assert!(sessions.find("", 1).is_none());
    }

    #[test]
    fn forms_of_another_session_are_not_taken() {
        let sessions = Sessions::default();
        let (one, other) = (begin(&sessions, 0), begin(&sessions, 0));
        let one = sessions.find(&one, 0).unwrap();
        let other = sessions.find(&other, 0).unwrap();
        assert!(one.form_secret.is(one.form_secret.reveal()));
        assert!(!one.form_secret.is(other.form_secret.reveal()));
        assert!(!one.form_secret.is(""));
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let sessions = Sessions::default();
        let first = begin(&sessions, 0);
        for _ in 0..MOST {
            begin(&sessions, 1);
        }
        assert!(sessions.find(&first, 1).is_none());
        assert_eq!(sessions.live(1).len(), MOST);
    }
}
