// SPDX-License-Identifier: MIT
//! A server's base address: builds requests below it, follows redirects, tries again.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client, Method, Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::address::{self, OriginError, public_name};
use super::answer::{self, Asked};
use super::body::{self, BodyError, Deadline, Progress};
use super::call::{HttpAnswer, HttpCall};
use super::client;
use super::options::HttpOptions;
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

#[derive(Clone)]
struct Shared {
    base: Url,
    name: String,
    options: HttpOptions,
    /// Sent to the base address's origin only.
    credentials: HeaderMap,
    client: Client,
    /// The same without the client certificate, for other origins.
    foreign_client: Client,
    permits: Arc<Semaphore>,
}

impl HttpOrigin {
    /// Sets up requests below `base_url`. No connection is made yet.
    ///
    /// A name and password in the address are used as [`Auth::Basic`](super::Auth::Basic) if `options` has no
    /// credentials.
    ///
    /// # Errors
    /// [`OriginError`].
    pub fn new(base_url: &str, options: HttpOptions) -> Result<Self, OriginError> {
        let (base, auth) = address::parse_base(base_url, &options)?;
        let name = public_name(&base);
        let is_local = matches!(base.host(), Some(host) if address::is_this_machine(&host));
        if base.scheme() == "http" && !options.allow_http && !is_local {
            return Err(OriginError::NotEncrypted(name));
        }
        let client = client::build(&options, true)?;
        let foreign_client = match options.identity {
            Some(_) => client::build(&options, false)?,
            None => client.clone(),
        };
        Ok(Self(Arc::new(Shared {
            credentials: address::credentials(&auth, options.cookie.as_ref())?,
            permits: Arc::new(Semaphore::new(options.permits())),
            base,
            name,
            client,
            foreign_client,
            options,
        })))
    }

    /// Returns the folder `path` of this origin as an origin; both share connections and limits.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        let mut shared = Shared::clone(&self.0);
        let folder = shared.base.path().trim_end_matches('/').to_owned();
        shared.base.set_path(&format!("{folder}/{path}"));
        shared.name = public_name(&shared.base);
        Self(Arc::new(shared))
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
    pub(super) async fn send(&self, call: &HttpCall, fresh: bool) -> Result<Exchange<'_>, StoreError> {
        let shared = &self.0;
        // The semaphore is never closed, so a permit always comes; the waits between attempts hold none.
        let permit = shared.permits.acquire().await.ok();
        let mut deadline = Deadline::new(shared.options.stall_timeout, shared.options.total_timeout);
        deadline.admit(self.throttle()).await;
        let mut url = self.address(call);
        let mut at_home = true;
        for _ in 0..=MAX_REDIRECTS {
            let progress = Progress::default();
            let request = self.request(call, url.clone(), at_home, fresh, &progress);
            let sent = deadline.limit_sending(&progress, request.send()).await;
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

    fn request(
        &self,
        call: &HttpCall,
        url: Url,
        at_home: bool,
        fresh: bool,
        progress: &Progress,
    ) -> reqwest::RequestBuilder {
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
            _ if call.body.len() <= body::PIECE => request.body(call.body.clone()),
            // Not every server takes a body without a length.
            _ => request
                .header(CONTENT_LENGTH, call.body.len())
                .body(body::in_pieces(call.body.clone(), progress.clone())),
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
        }
    }

    fn refused(&self, reason: String) -> StoreError {
        StoreError::Refused {
            store: self.0.name.clone(),
            reason,
            status: None,
            credentials: false,
        }
    }
}

/// One request under way, with its place among the connections.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    response: Response,
    deadline: Deadline,
    _permit: Option<SemaphorePermit<'a>>,
}

impl Exchange<'_> {
    pub(super) fn head(&self) -> (StatusCode, HeaderMap) {
        (self.response.status(), self.response.headers().clone())
    }

    /// Reads on in the body; `None` at its end.
    pub(super) async fn piece(&mut self, origin: &HttpOrigin) -> Result<Option<Bytes>, StoreError> {
        self.deadline.admit(origin.throttle()).await;
        let read = self.deadline.limit(self.response.chunk()).await;
        let piece = read
            .map_err(|reason| origin.unreachable(reason))?
            .map_err(|error| origin.unreachable(client::describe(&error)))?;
        origin.throttle().spend(piece.as_ref().map_or(0, Bytes::len));
        Ok(piece)
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

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

const MAX_REDIRECTS: usize = 3;
const MAX_ERROR_TEXT: usize = 4096;
