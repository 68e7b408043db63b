// SPDX-License-Identifier: MIT
//! Tokens: what they look like, what they allow, and the check. Nothing here touches the database.
//!
//! A token is `vsekai_<id>_<secret>`: eight hexadecimal digits that name it in lists and logs, and 256 random
//! bits. Only its SHA-256 is stored. A fast hash is right here: the secret cannot be guessed, so there is
//! nothing for a slow one to slow down.

use std::fmt;
use std::str::FromStr;

use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use vsekai_formats::release::Slug;

/// A token as its owner holds it. Shown once, when it is made; never logged.
#[derive(Clone)]
pub struct Token {
    id: String,
    text: String,
}

impl Token {
    /// Makes a token from the operating system's randomness.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn random() -> Result<Self, TokenError> {
        let mut bytes = [0u8; ID_BYTES + SECRET_BYTES];
        SysRng
            .try_fill_bytes(&mut bytes)
            .map_err(|error| TokenError::Randomness(error.to_string()))?;
        let (id, secret) = bytes.split_at(ID_BYTES);
        let text = format!("{PREFIX}{}_{}", hex::encode(id), hex::encode(secret));
        Ok(Self {
            id: hex::encode(id),
            text,
        })
    }

    /// Returns the part that may be shown and logged.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the token itself, to be handed to its owner and nobody else.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Returns what is stored of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'));
        let (id, secret) = parts.ok_or(TokenError::Form)?;
        let is_hex = |text: &str, bytes: usize| {
            text.len() == 2 * bytes && text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
        };
        match is_hex(id, ID_BYTES) && is_hex(secret, SECRET_BYTES) {
            true => Ok(Self {
                id: id.to_owned(),
                text: text.to_owned(),
            }),
            false => Err(TokenError::Form),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, hidden)", self.id)
    }
}

/// What the server keeps of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Public part of the token.
    pub id: String,
    /// What its maker called it.
    pub label: String,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// What it allows.
    pub scope: TokenScope,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// When it ends by itself.
    pub expires_at: Option<i64>,
    /// When it was ended by hand.
    pub revoked_at: Option<i64>,
}

impl TokenRecord {
    /// Makes a token called `label`, and returns it with what is kept of it.
    ///
    /// # Errors
    /// The label is empty or too long, or the system has no randomness.
    pub fn make(
        label: String,
        scope: TokenScope,
        created_at: i64,
        expires_at: Option<i64>,
    ) -> Result<(Token, Self), TokenError> {
        if label.trim().is_empty() || label.len() > MAX_LABEL_BYTES {
            return Err(TokenError::Label);
        }
        let token = Token::random()?;
        let record = Self::new(&token, label, scope, created_at, expires_at);
        Ok((token, record))
    }

    /// Records `token`.
    pub fn new(
        token: &Token,
        label: String,
        scope: TokenScope,
        created_at: i64,
        expires_at: Option<i64>,
    ) -> Self {
        Self {
            id: token.id().to_owned(),
            label,
            hash: token.hash(),
            scope,
            created_at,
            expires_at,
            revoked_at: None,
        }
    }

    /// Tells whether `token` is this one and still good at `now`. Takes equally long for every wrong token.
    pub fn accepts(&self, token: &Token, now: i64) -> bool {
        let same: bool = self.hash.ct_eq(&token.hash()).into();
        same && self.is_active(now)
    }

    /// Tells whether the token has neither expired nor been revoked at `now`.
    pub fn is_active(&self, now: i64) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// What a token allows: some verbs on one title or all, on one channel or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenScope {
    /// The title it is for.
    pub title: Pattern,
    /// The channel it is for.
    pub channel: Pattern,
    /// What it may do there.
    pub verbs: Verbs,
}

impl TokenScope {
    /// Everything there is.
    pub const EVERYTHING: Self = Self {
        title: Pattern::Any,
        channel: Pattern::Any,
        verbs: Verbs::Any,
    };

    /// Tells whether it allows `verb` at all, somewhere.
    pub fn allows_somewhere(&self, verb: Verb) -> bool {
        self.verbs.contains(verb)
    }

    /// Tells whether it allows `verb` on some channel of `title`.
    pub fn allows_title(&self, verb: Verb, title: &Slug) -> bool {
        self.verbs.contains(verb) && self.title.matches(title)
    }

    /// Tells whether it allows `verb` on `channel` of `title`.
    pub fn allows(&self, verb: Verb, title: &Slug, channel: &Slug) -> bool {
        self.allows_title(verb, title) && self.channel.matches(channel)
    }

    /// Tells whether it allows `verb` on every channel of `title`.
    pub fn allows_whole_title(&self, verb: Verb, title: &Slug) -> bool {
        self.allows_title(verb, title) && self.channel == Pattern::Any
    }

    /// Tells whether it allows reading the private `channel` of `title`: by `read` there, or by working on the title. Who
    /// publishes counts sequences over all of its channels and verifies all that is signed.
    pub fn allows_reading(&self, title: &Slug, channel: &Slug) -> bool {
        let mut work = [Verb::Publish, Verb::Promote, Verb::Keys, Verb::Admin].into_iter();
        self.allows(Verb::Read, title, channel) || work.any(|verb| self.allows_title(verb, title))
    }

    /// Tells whether it allows `verb` on every title, which is what names shared by all titles need.
    pub fn allows_everywhere(&self, verb: Verb) -> bool {
        self.verbs.contains(verb) && self.title == Pattern::Any && self.channel == Pattern::Any
    }
}

/// One name, or `*` for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Every name.
    Any,
    /// This one.
    One(Slug),
}

impl Pattern {
    /// Tells whether `name` is meant.
    pub fn matches(&self, name: &Slug) -> bool {
        match self {
            Self::Any => true,
            Self::One(one) => one == name,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::One(name) => fmt::Display::fmt(name, f),
        }
    }
}

impl FromStr for Pattern {
    type Err = vsekai_formats::release::LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "*" => Ok(Self::Any),
            name => name.parse().map(Self::One),
        }
    }
}

/// Something a token can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Read private channels.
    Read,
    /// Ask for missing chunks and upload chunks; upload indexes under names of its own choice.
    Upload,
    /// Publish releases, which includes uploading their chunks, and read what a title has.
    Publish,
    /// Change what channels offer, with metadata that their keys signed.
    Promote,
    /// Change the keys of a title, with metadata that its root or targets keys signed.
    Keys,
    /// Read figures about the whole server.
    Observe,
    /// Run the server: tokens, the audit log, and collecting what nothing keeps.
    Admin,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 7] = [
        Self::Read,
        Self::Upload,
        Self::Publish,
        Self::Promote,
        Self::Keys,
        Self::Observe,
        Self::Admin,
    ];

    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Upload => "upload",
            Self::Publish => "publish",
            Self::Promote => "promote",
            Self::Keys => "keys",
            Self::Observe => "observe",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of [`Verb`]s, written `publish,promote`, or `*` for all there are and will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verbs {
    /// Every verb.
    Any,
    /// These, ascending.
    Some(Vec<Verb>),
}

impl Verbs {
    fn contains(&self, verb: Verb) -> bool {
        match self {
            Self::Any => true,
            // A release without its chunks is of no use, so publishing includes uploading.
            Self::Some(verbs) => {
                verbs.contains(&verb) || verb == Verb::Upload && verbs.contains(&Verb::Publish)
            }
        }
    }
}

impl fmt::Display for Verbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Some(verbs) => {
                let names: Vec<&str> = verbs.iter().map(|verb| verb.as_str()).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl FromStr for Verbs {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let mut verbs = Vec::new();
        for name in text.split(',') {
            let verb = Verb::ALL.into_iter().find(|verb| verb.as_str() == name);
            verbs.push(verb.ok_or_else(|| TokenError::Verb(name.chars().take(40).collect()))?);
        }
        verbs.sort_unstable();
        verbs.dedup();
        Ok(Self::Some(verbs))
    }
}

/// A token or scope that cannot be read or made.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenError {
    /// Not a token of this server. Says nothing about the text, which may be another service's secret.
    #[error("this is not a token of this server")]
    Form,
    /// No such verb.
    #[error(
        "{0:?} is not something a token can allow: use read, upload, publish, promote, keys, observe, admin or *"
    )]
    Verb(String),
    /// Nothing that could stand in a list.
    #[error("a token's label has 1 to {most} bytes", most = MAX_LABEL_BYTES)]
    Label,
    /// No randomness.
    #[error("the system gives no random numbers: {0}")]
    Randomness(String),
}

const PREFIX: &str = "vsekai_";
const ID_BYTES: usize = 4;
const SECRET_BYTES: usize = 32;
const MAX_LABEL_BYTES: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(title: &str, channel: &str, verbs: &str) -> TokenScope {
        TokenScope {
            title: title.parse().unwrap(),
            channel: channel.parse().unwrap(),
            verbs: verbs.parse().unwrap(),
        }
    }

    fn slug(text: &str) -> Slug {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_is_accepted_until_it_expires_or_is_revoked() {
        let token = Token::random().unwrap();
        let scope = scope("*", "*", "*");
        let mut record = TokenRecord::new(&token, "ci".to_owned(), scope, 100, Some(200));
        assert!(record.accepts(&token.reveal().parse().unwrap(), 199));
        assert!(!record.accepts(&token, 200));
        assert!(!record.accepts(&Token::random().unwrap(), 150));
        record.revoked_at = Some(150);
        assert!(!record.accepts(&token, 160));
    }

    #[test]
    fn a_token_has_a_label_that_fits_into_a_list() {
        let make = |label: &str| TokenRecord::make(label.to_owned(), TokenScope::EVERYTHING, 0, None);
        assert!(make("ci").is_ok() && make(&"x".repeat(200)).is_ok());
        for label in ["", " ", &"x".repeat(201)] {
            assert_eq!(make(label).unwrap_err(), TokenError::Label);
        }
    }

    #[test]
    fn tokens_are_not_shown_by_debug_and_differ() {
        let token = Token::random().unwrap();
        assert!(!format!("{token:?}").contains(token.reveal()));
        assert_eq!(token.reveal().len(), 7 + 8 + 1 + 64);
        assert_ne!(token.reveal(), Token::random().unwrap().reveal());
    }

    #[test]
    fn other_texts_are_not_tokens() {
        let upper = Token::random().unwrap().reveal().to_uppercase();
        for text in ["", "vsekai_", "vsekai_00_00", "secret", upper.as_str()] {
            assert!(text.parse::<Token>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_holds_title_channel_and_verb_apart() {
        let nightly = scope("game", "nightly", "publish");
        assert!(nightly.allows(Verb::Publish, &slug("game"), &slug("nightly")));
        assert!(nightly.allows_somewhere(Verb::Upload));
        assert!(!nightly.allows(Verb::Publish, &slug("game"), &slug("stable")));
        assert!(!nightly.allows(Verb::Publish, &slug("other"), &slug("nightly")));
        assert!(!nightly.allows(Verb::Promote, &slug("game"), &slug("nightly")));
        assert!(!nightly.allows_everywhere(Verb::Upload));
        assert!(!scope("game", "nightly", "keys").allows_whole_title(Verb::Keys, &slug("game")));
        assert!(scope("game", "*", "keys").allows_whole_title(Verb::Keys, &slug("game")));
        assert!(!scope("other", "*", "keys").allows_whole_title(Verb::Keys, &slug("game")));
        assert!(scope("*", "*", "upload").allows_everywhere(Verb::Upload));
        assert!(!scope("*", "*", "upload").allows_somewhere(Verb::Publish));
    }

    #[test]
    fn a_private_channel_is_read_by_who_may_and_by_who_works_on_the_title() {
        let reads = |title: &str, channel: &str, verbs: &str| {
            scope(title, channel, verbs).allows_reading(&slug("game"), &slug("alpha"))
        };
        for verbs in ["read", "publish", "promote", "keys", "admin", "*"] {
            assert!(reads("game", "*", verbs), "{verbs}");
            assert!(reads("*", "alpha", verbs), "{verbs}");
            assert!(!reads("other", "alpha", verbs), "{verbs}");
            assert_eq!(reads("game", "nightly", verbs), verbs != "read", "{verbs}");
        }
        for verbs in ["upload", "observe", "upload,observe"] {
            assert!(!reads("*", "*", verbs), "{verbs}");
        }
    }

    #[test]
    fn verbs_keep_their_text_form() {
        assert_eq!(
            scope("*", "*", "promote,publish,promote").verbs.to_string(),
            "publish,promote"
        );
        assert!("".parse::<Verbs>().is_err());
        assert!("delete".parse::<Verbs>().is_err());
    }
}
