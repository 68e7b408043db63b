// SPDX-License-Identifier: MIT
//! A server's base address: builds requests below it, follows redirects, tries again.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use reqwest::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION,
};
use reqwest::{Client, Method, Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::{Host, Url};

use super::answer::{self, Asked};
use super::body::{self, BodyError, Deadline};
use super::client;
use super::options::{Auth, HttpOptions, Secret};
use crate::error::{Object, StoreError};
use crate::retry::{Attempts, RetryPolicy};
use crate::throttle::Throttle;

/// A base address and everything needed to make requests below it. Clones share connections and limits.
///
/// A query in the base address is part of every request, so that hosts that want a signature there work.
/// Redirects are followed for GET and HEAD, at most three of them, never from https to http, and without
/// credentials once they lead to another origin.
#[derive(Clone)]
pub struct HttpOrigin(Arc<Shared>);

struct Shared {
    base: Url,
    name: String,
    options: HttpOptions,
    /// Sent to the base address's origin only.
    credentials: HeaderMap,
    client: Client,
    /// The same without the client certificate, for other origins.
    foreign_client: Client,
    permits: Semaphore,
}

/// A request to an API: any method, any answer.
#[derive(Clone, Debug)]
pub struct HttpCall {
    /// The method.
    pub method: Method,
    /// The path below the base address, without leading slash.
    pub path: String,
    /// Parameters for the query, not yet encoded.
    pub query: Vec<(String, String)>,
    /// The body's media type.
    pub content_type: Option<String>,
    /// The body; empty for none.
    pub body: Bytes,
    /// Most bytes of the answer's body that are taken.
    pub max_answer: usize,
    /// Whether it may be sent again after a failure: doing it twice must be the same as doing it once.
    pub repeatable: bool,
}

impl HttpCall {
    /// Makes a call without query and body that may be repeated and has at most 1 MiB of answer.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            content_type: None,
            body: Bytes::new(),
            max_answer: 1 << 20,
            repeatable: true,
        }
    }

    /// Returns the call with a body of the media type `content_type`.
    pub fn with_body(self, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            content_type: Some(content_type.into()),
            body: body.into(),
            ..self
        }
    }
}

/// The answer to an [`HttpCall`].
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// The status, whatever it is.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// An [`HttpOrigin`] that cannot be set up.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum OriginError {
    /// Not an `http` or `https` address with a host.
    #[error("{0:?} is not an http or https address")]
    Address(String),
    /// Plain HTTP to another machine without [`HttpOptions::allow_http`].
    #[error("{0} is not encrypted; use https, or allow http for this address")]
    NotEncrypted(String),
    /// A token, password or cookie with characters that no header can carry.
    #[error("the {0} has characters that cannot be sent in a header")]
    Header(&'static str),
    /// The client certificate or its key.
    #[error("the client certificate cannot be used: {0}")]
    Identity(String),
    /// The certificates of the authorities to trust.
    #[error("the certificate authorities cannot be used: {0}")]
    Authorities(String),
    /// TLS or the proxy settings.
    #[error("set up the HTTP client: {0}")]
    Client(String),
}

impl HttpOrigin {
    /// Sets up requests below `base_url`. No connection is made yet.
    ///
    /// A name and password in the address are used as [`Auth::Basic`] if `options` has no credentials.
    ///
    /// # Errors
    /// [`OriginError`].
    pub fn new(base_url: &str, options: HttpOptions) -> Result<Self, OriginError> {
        let (base, auth) = parse_base(base_url, &options)?;
        let name = public_name(&base);
        let is_local = matches!(base.host(), Some(host) if is_this_machine(&host));
        if base.scheme() == "http" && !options.allow_http && !is_local {
            return Err(OriginError::NotEncrypted(name));
        }
        let client = client::build(&options, true)?;
        let foreign_client = match options.identity {
            Some(_) => client::build(&options, false)?,
            None => client.clone(),
        };
        Ok(Self(Arc::new(Shared {
            credentials: credentials(&auth, options.cookie.as_ref())?,
            permits: Semaphore::new(options.max_connections.clamp(1, Semaphore::MAX_PERMITS)),
            base,
            name,
            client,
            foreign_client,
            options,
        })))
    }

    /// Returns the base address without credentials and query, for messages.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the limit and count of received bytes.
    pub fn throttle(&self) -> &Throttle {
        &self.0.options.throttle
    }

    /// Returns the document at `path` (relative, below the base address), of at most `max_bytes`.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Invalid`] if it is longer or a web page; others as they come.
    pub async fn get_bounded(&self, path: &str, max_bytes: usize) -> Result<Bytes, StoreError> {
        self.read(Object::File(path.to_owned()), path, max_bytes, false)
            .await
    }

    /// Returns the document at `path` as [`HttpOrigin::get_bounded`] does, but asks caches on the way to fetch
    /// it anew.
    ///
    /// # Errors
    /// As there.
    pub async fn get_fresh(&self, path: &str, max_bytes: usize) -> Result<Bytes, StoreError> {
        self.read(Object::File(path.to_owned()), path, max_bytes, true)
            .await
    }

    /// Tells whether there is something at `path`.
    ///
    /// # Errors
    /// Anything but a plain "yes" or "no".
    pub async fn exists(&self, path: &str) -> Result<bool, StoreError> {
        let object = Object::File(path.to_owned());
        let answer = self.call(&HttpCall::new(Method::HEAD, path)).await?;
        if answer.status.is_success() {
            return Ok(true);
        }
        match answer::read_error(self.asked(&object), answer.status, &answer.headers, &answer.body) {
            StoreError::Missing { .. } => Ok(false),
            other => Err(other),
        }
    }

    /// Stores `body` at `path`. Status 200, 201 and 204 are success.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with the server's words; others as they come.
    pub async fn put(&self, path: &str, content_type: Option<&str>, body: Bytes) -> Result<(), StoreError> {
        let mut call = HttpCall::new(Method::PUT, path);
        call.content_type = content_type.map(str::to_owned);
        call.body = body;
        let answer = self.call(&call).await?;
        match answer.status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
            status => Err(answer::status_error(
                self.name(),
                status,
                &answer.headers,
                &answer.body,
            )),
        }
    }

    /// Makes an API call and returns its answer whatever the status, passing failures (429, 5xx) excepted.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] after the last attempt; [`StoreError::Invalid`] for too long an answer.
    pub async fn call(&self, call: &HttpCall) -> Result<HttpAnswer, StoreError> {
        let mut attempts = self.attempts(call.repeatable);
        loop {
            match self.call_once(call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => attempts.wait(error).await?,
            }
        }
    }

    async fn call_once(&self, call: &HttpCall) -> Result<HttpAnswer, StoreError> {
        let exchange = self.send(call, false).await?;
        let (status, headers) = exchange.head();
        let body = match exchange.body(call.max_answer, self.throttle()).await {
            Err(BodyError::TooLong) if !status.is_success() => Bytes::new(),
            read => read
                .map_err(|error| self.body_error(&Object::File(call.path.clone()), call.max_answer, error))?,
        };
        match answer::is_passing(status) {
            true => Err(answer::status_error(self.name(), status, &headers, &body)),
            false => Ok(HttpAnswer {
                status,
                headers,
                body,
            }),
        }
    }

    /// GETs `path`; `fresh` asks caches on the way to step aside.
    pub(super) async fn read(
        &self,
        object: Object,
        path: &str,
        max: usize,
        fresh: bool,
    ) -> Result<Bytes, StoreError> {
        let call = HttpCall::new(Method::GET, path);
        let mut attempts = self.attempts(true);
        loop {
            match self.read_once(&object, &call, max, fresh).await {
                Ok(body) => return Ok(body),
                Err(error) => attempts.wait(error).await?,
            }
        }
    }

    async fn read_once(
        &self,
        object: &Object,
        call: &HttpCall,
        max: usize,
        fresh: bool,
    ) -> Result<Bytes, StoreError> {
        let exchange = self.send(call, fresh).await?;
        let (status, headers) = exchange.head();
        if status != StatusCode::OK {
            // Only for the server's words; without them the status must do.
            let text = exchange
                .body(MAX_ERROR_TEXT, self.throttle())
                .await
                .unwrap_or_default();
            return Err(answer::read_error(self.asked(object), status, &headers, &text));
        }
        if let Some(fault) = answer::head_fault(&headers) {
            return Err(StoreError::invalid(self.name(), object.clone(), fault));
        }
        let read = exchange.body(max, self.throttle()).await;
        let body = read.map_err(|error| self.body_error(object, max, error))?;
        match answer::body_fault(&body) {
            Some(fault) => Err(StoreError::invalid(self.name(), object.clone(), fault)),
            None => Ok(body),
        }
    }

    fn asked<'a>(&'a self, object: &'a Object) -> Asked<'a> {
        let known = !self.0.credentials.is_empty() || self.0.options.identity.is_some();
        Asked {
            store: self.name(),
            object,
            with_credentials: known || self.0.base.query().is_some(),
        }
    }

    fn attempts(&self, repeatable: bool) -> Attempts {
        Attempts::new(if repeatable {
            self.0.options.retry
        } else {
            RetryPolicy::NEVER
        })
    }

    /// Sends one request and follows redirects until there is an answer.
    async fn send(&self, call: &HttpCall, fresh: bool) -> Result<Exchange<'_>, StoreError> {
        let shared = &self.0;
        // The semaphore is never closed, so a permit always comes; the waits between attempts hold none.
        let permit = shared.permits.acquire().await.ok();
        let mut deadline = Deadline::new(shared.options.stall_timeout, shared.options.total_timeout);
        deadline.admit(self.throttle()).await;
        let mut url = self.address(call);
        let mut at_home = true;
        for _ in 0..=MAX_REDIRECTS {
            let sent = deadline
                .limit(self.request(call, url.clone(), at_home, fresh).send())
                .await;
            let response = sent
                .map_err(|reason| self.unreachable(reason))?
                .map_err(|error| self.unreachable(client::describe(&error)))?;
            let reading = matches!(call.method, Method::GET | Method::HEAD);
            if !is_redirect(response.status()) || !reading {
                return Ok(Exchange {
                    response,
                    deadline,
                    _permit: permit,
                });
            }
            url = self.next_address(&url, response.headers())?;
            // Never at home again, once away: what comes back from elsewhere is not this client's own wish.
            at_home &= url.origin() == shared.base.origin();
        }
        Err(self.refused(format!("more than {MAX_REDIRECTS} redirects")))
    }

    fn request(&self, call: &HttpCall, url: Url, at_home: bool, fresh: bool) -> reqwest::RequestBuilder {
        let shared = &self.0;
        let client = if at_home {
            &shared.client
        } else {
            &shared.foreign_client
        };
        let mut request = client.request(call.method.clone(), url);
        if at_home {
            request = request.headers(shared.credentials.clone());
        }
        if fresh {
            request = request.header(CACHE_CONTROL, "no-cache");
        }
        if let Some(kind) = &call.content_type {
            request = request.header(CONTENT_TYPE, kind);
        }
        match call.method {
            Method::GET | Method::HEAD => request,
            _ => request.body(call.body.clone()),
        }
    }

    /// Returns the address of `call`. Segments are encoded, so no path can lead out of the base address.
    fn address(&self, call: &HttpCall) -> Url {
        let mut url = self.0.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(call.path.split('/'));
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        url
    }

    fn next_address(&self, from: &Url, headers: &HeaderMap) -> Result<Url, StoreError> {
        let target = headers.get(LOCATION).and_then(|target| target.to_str().ok());
        let next = target.and_then(|target| from.join(target).ok());
        let Some(next) = next.filter(|next| next.has_host()) else {
            return Err(self.refused("a redirect without a usable address".to_owned()));
        };
        match (from.scheme(), next.scheme()) {
            (_, "https") | ("http", "http") => Ok(next),
            _ => Err(self.refused(format!(
                "a redirect to {}, which is not encrypted",
                public_name(&next)
            ))),
        }
    }

    fn body_error(&self, object: &Object, max: usize, error: BodyError) -> StoreError {
        match error {
            BodyError::Broken(reason) => self.unreachable(reason),
            BodyError::TooLong => {
                let reason = format!("longer than the allowed {max} bytes");
                StoreError::invalid(self.name(), object.clone(), reason)
            }
        }
    }

    fn unreachable(&self, reason: String) -> StoreError {
        StoreError::Unreachable {
            store: self.0.name.clone(),
            reason,
            retry_after: None,
        }
    }

    fn refused(&self, reason: String) -> StoreError {
        StoreError::Refused {
            store: self.0.name.clone(),
            reason,
            credentials: false,
        }
    }
}

/// One request under way, with its place among the connections.
struct Exchange<'a> {
    response: Response,
    deadline: Deadline,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Exchange<'_> {
    fn head(&self) -> (StatusCode, HeaderMap) {
        (self.response.status(), self.response.headers().clone())
    }

    async fn body(mut self, max: usize, throttle: &Throttle) -> Result<Bytes, BodyError> {
        body::read(self.response, max, throttle, &mut self.deadline).await
    }
}

impl fmt::Debug for HttpOrigin {
    /// Shows the name only: the address may hold a signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpOrigin").field(&self.0.name).finish()
    }
}

/// Splits the address into what is requested and the credentials.
fn parse_base(text: &str, options: &HttpOptions) -> Result<(Url, Auth), OriginError> {
    let refuse = || OriginError::Address(redacted(text));
    let mut base = Url::parse(text).map_err(|_| refuse())?;
    if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
        return Err(refuse());
    }
    let mut auth = options.auth.clone();
    if !base.username().is_empty() || base.password().is_some() {
        if !auth.is_some() {
            auth = Auth::Basic {
                user: percent_decoded(base.username()),
                password: Secret::new(percent_decoded(base.password().unwrap_or_default())),
            };
        }
        // These fail only for addresses without a host.
        let _ = base.set_username("");
        let _ = base.set_password(None);
    }
    base.set_fragment(None);
    Ok((base, auth))
}

fn credentials(auth: &Auth, cookie: Option<&Secret>) -> Result<HeaderMap, OriginError> {
    let mut headers = HeaderMap::new();
    let mut insert = |name: HeaderName, what, text: String| {
        let mut value = HeaderValue::from_str(&text).map_err(|_| OriginError::Header(what))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    };
    match auth {
        Auth::None => {}
        Auth::Bearer(token) => insert(AUTHORIZATION, "token", format!("Bearer {}", token.expose()))?,
        Auth::Header(value) => insert(AUTHORIZATION, "authorization header", value.expose().to_owned())?,
        Auth::Basic { user, password } => {
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            insert(AUTHORIZATION, "password", format!("Basic {pair}"))?;
        }
    }
    if let Some(cookie) = cookie {
        insert(COOKIE, "cookie", cookie.expose().to_owned())?;
    }
    Ok(headers)
}

/// Returns `url` without credentials, query and fragment.
fn public_name(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // These fail only for addresses without a host, which have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// Returns what may be shown of text that is no address: nothing before an `@`, nothing behind a `?`.
fn redacted(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = text.rsplit('@').next().unwrap_or_default();
    text.chars().take(MAX_SHOWN).collect()
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

const MAX_REDIRECTS: usize = 3;
const MAX_ERROR_TEXT: usize = 4096;
const MAX_SHOWN: usize = 200;
