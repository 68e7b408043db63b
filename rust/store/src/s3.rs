// SPDX-License-Identifier: MIT
//! Chunks and indexes in an S3 bucket.
//!
//! Keys are those of a folder store below the location's prefix; indexes lie directly below it.

mod files;
mod list;

use std::collections::HashMap;
use std::fmt;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, Stream};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, Certificate, ClientOptions, GetOptions, ObjectMeta,
    ObjectStore as _, ObjectStoreExt as _, PutOptions, RetryConfig,
};
use reqwest::StatusCode;
use tokio::sync::{Semaphore, SemaphorePermit};
use vsekai_formats::ChunkId;

pub use files::FileHeaders;
pub use list::ListedChunk;

use crate::chunk::Chunk;
use crate::config::S3Credentials;
use crate::error::{Object, StoreError};
use crate::format::StoreFormat;
use crate::http::answer;
use crate::http::{HttpOptions, OriginError, Secret, ServerTrust};
use crate::index::{self, IndexName, IndexStore};
use crate::location::{S3Location, S3Lookup};
use crate::remote::{self, Remote};
use crate::retry::Attempts;
use crate::task::blocking;
use crate::throttle::Throttle;
use crate::{ChunkStore, PruneStore, WriteStore};

/// Chunks and indexes in an S3 bucket.
///
/// A chunk that arrives whole but wrong is fetched once more. If it is wrong again, it is wrong in the bucket.
#[derive(Clone)]
pub struct S3Store(Arc<Shared>);

struct Shared {
    bucket: AmazonS3,
    prefix: String,
    name: String,
    format: StoreFormat,
    options: HttpOptions,
    permits: Semaphore,
}

impl S3Store {
    /// Sets up requests to the bucket. No connection is made yet.
    ///
    /// Without an access key, requests are not signed, which is enough for public buckets. Of `options`, the
    /// time-outs, the retry policy, the trust, the user agent, the throttle and the number of requests are used.
    ///
    /// # Errors
    /// [`OriginError`] if the address or the options cannot be used.
    pub fn new(
        location: &S3Location,
        credentials: &S3Credentials,
        options: &HttpOptions,
        format: StoreFormat,
    ) -> Result<Self, OriginError> {
        let builder = address(AmazonS3Builder::new(), location)
            .with_region(credentials.aws_region.as_deref().unwrap_or(DEFAULT_REGION))
            // The location names its scheme, so plain http is the caller's own choice.
            .with_client_options(
                client_options(options)?.with_allow_http(location.endpoint.starts_with("http://")),
            )
            // Chunks are removed one by one, and not every server knows the request that removes many.
            .with_disable_bulk_delete(true)
            .with_retry(retry_config(options));
        let bucket = sign(builder, credentials).build();
        Ok(Self(Arc::new(Shared {
            bucket: bucket.map_err(|error| OriginError::Client(error.to_string()))?,
            prefix: location.prefix.clone(),
            name: location.to_string(),
            format,
            options: options.clone(),
            permits: Semaphore::new(options.permits()),
        })))
    }

    /// Returns a chunk as it is stored, neither decompressed nor verified: for servers that pass it on.
    ///
    /// # Errors
    /// As [`ChunkStore::get`], but that a damaged chunk is not noticed unless it is too long.
    pub async fn read_stored(&self, id: ChunkId) -> Result<Bytes, StoreError> {
        self.read(&id.into(), &self.chunk_key(id), self.0.format.max_stored())
            .await
    }

    /// Returns the length in bytes of a chunk as it is stored.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; others as they come.
    pub async fn stored_len(&self, id: ChunkId) -> Result<u64, StoreError> {
        let _permit = self.permit().await;
        let found = self.0.bucket.head(&self.chunk_key(id)).await;
        found
            .map(|found| found.size)
            .map_err(|error| self.error(&id.into(), error))
    }

    fn throttle(&self) -> &Throttle {
        &self.0.options.throttle
    }

    /// Waits until one more request may be under way. Waits between attempts are the library's and count as part of it.
    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so a permit always comes.
        self.0.permits.acquire().await.ok()
    }

    /// Lists what lies below a folder. Whoever takes the objects may make other requests meanwhile.
    fn listing(&self, folder: &Path) -> impl Stream<Item = object_store::Result<ObjectMeta>> + Send + use<> {
        let objects = self.0.bucket.list(Some(folder));
        stream::unfold((self.clone(), objects), |(store, mut objects)| async move {
            let permit = store.permit().await;
            let next = objects.next().await?;
            drop(permit);
            Some((next, (store, objects)))
        })
    }

    fn key(&self, path: &str) -> Path {
        match self.0.prefix.as_str() {
            "" => Path::from(path),
            prefix => Path::from(format!("{prefix}/{path}")),
        }
    }

    fn chunk_key(&self, id: ChunkId) -> Path {
        self.key(&id.store_path(self.0.format.extension()))
    }

    /// Reads one object of at most `max` bytes.
    async fn read(&self, object: &Object, key: &Path, max: usize) -> Result<Bytes, StoreError> {
        let mut attempts = Attempts::new(self.0.options.retry);
        loop {
            match self.read_once(object, key, max).await {
                Ok(bytes) => return Ok(bytes),
                Err(ReadError::Final(error)) => return Err(error),
                Err(ReadError::Broken(error)) => attempts.wait(error).await?,
            }
        }
    }

    async fn read_once(&self, object: &Object, key: &Path, max: usize) -> Result<Bytes, ReadError> {
        let too_long = || {
            let reason = format!("longer than the allowed {max} bytes");
            ReadError::Final(StoreError::invalid(&self.0.name, object.clone(), reason))
        };
        let _permit = self.permit().await;
        self.throttle().admit().await;
        // The library has tried this as often as it should, so a failure is final.
        let found = self.0.bucket.get_opts(key, GetOptions::default()).await;
        let found = found.map_err(|error| ReadError::Final(self.error(object, error)))?;
        if found.meta.size > max as u64 {
            return Err(too_long());
        }
        let mut pieces = found.into_stream();
        let mut bytes = BytesMut::new();
        loop {
            self.throttle().admit().await;
            let next = tokio::time::timeout(self.0.options.stall_timeout, pieces.try_next()).await;
            let piece = match next {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) => return Ok(bytes.freeze()),
                Ok(Err(error)) => return Err(ReadError::Broken(self.unreachable(error))),
                Err(_) => return Err(ReadError::Broken(self.unreachable("the server fell silent"))),
            };
            self.throttle().spend(piece.len());
            if piece.len() > max - bytes.len() {
                return Err(too_long());
            }
            bytes.extend_from_slice(&piece);
        }
    }

    async fn exists(&self, object: Object, key: &Path) -> Result<bool, StoreError> {
        let _permit = self.permit().await;
        match self.0.bucket.head(key).await {
            Ok(_) => Ok(true),
            Err(error) => match self.error(&object, error) {
                StoreError::Missing { .. } => Ok(false),
                other => Err(other),
            },
        }
    }

    async fn write(
        &self,
        object: Object,
        key: &Path,
        attributes: Attributes,
        body: Bytes,
    ) -> Result<(), StoreError> {
        let options = PutOptions {
            attributes,
            ..PutOptions::default()
        };
        let _permit = self.permit().await;
        let put = self.0.bucket.put_opts(key, body.into(), options).await;
        put.map(drop).map_err(|error| self.write_error(&object, error))
    }

    fn write_error(&self, object: &Object, error: object_store::Error) -> StoreError {
        match self.error(object, error) {
            // What cannot be found when writing is the bucket.
            StoreError::Missing { .. } => self.refused("the bucket does not exist"),
            other => other,
        }
    }

    /// Removes an object; one that is not there is no error.
    async fn delete(&self, object: Object, key: &Path) -> Result<(), StoreError> {
        let _permit = self.permit().await;
        match self.0.bucket.delete(key).await {
            Ok(()) => Ok(()),
            Err(error) => match self.error(&object, error) {
                StoreError::Missing { .. } => Ok(()),
                other => Err(other),
            },
        }
    }

    fn error(&self, object: &Object, error: object_store::Error) -> StoreError {
        use object_store::Error;
        match error {
            Error::NotFound { source, .. } if source.to_string().contains("NoSuchBucket") => {
                self.refused("the bucket does not exist")
            }
            Error::NotFound { .. } => StoreError::missing(&self.0.name, object.clone()),
            Error::PermissionDenied { .. } => self.answered(StatusCode::FORBIDDEN),
            Error::Unauthenticated { .. } => self.answered(StatusCode::UNAUTHORIZED),
            Error::Generic { source, .. } => {
                let reason = innermost(&*source);
                match status_in(&reason) {
                    Some(status) => self.answered(status),
                    None => self.unreachable(reason),
                }
            }
            other => self.refused(innermost(&other)),
        }
    }

    fn answered(&self, status: StatusCode) -> StoreError {
        answer::answered(&self.0.name, status, format!("status {status}"), None)
    }

    fn unreachable(&self, reason: impl fmt::Display) -> StoreError {
        StoreError::Unreachable {
            store: self.0.name.clone(),
            reason: reason.to_string(),
        }
    }

    fn refused(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Refused {
            store: self.0.name.clone(),
            reason: reason.into(),
            status: None,
            credentials: false,
        }
    }
}

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3Store").field(&self.0.name).finish()
    }
}

#[async_trait]
impl ChunkStore for S3Store {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        remote::get(self, id).await
    }

    async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        remote::get_each(self, ids).await
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        self.exists(id.into(), &self.chunk_key(id)).await
    }

    fn name(&self) -> String {
        self.0.name.clone()
    }
}

#[async_trait]
impl Remote for S3Store {
    fn format(&self) -> StoreFormat {
        self.0.format
    }

    /// The library cannot ask caches to step aside, and there are hardly any before a bucket; but what came wrong once
    /// may come right the next time.
    async fn stored(&self, id: ChunkId, _fresh: bool) -> Result<Bytes, StoreError> {
        self.read_stored(id).await
    }
}

#[async_trait]
impl WriteStore for S3Store {
    async fn put(&self, chunk: &Chunk) -> Result<(), StoreError> {
        let (id, format, chunk) = (chunk.id(), self.0.format, chunk.clone());
        let body = blocking("encode chunk", move || chunk.encode(format)).await?;
        self.write(id.into(), &self.chunk_key(id), of_type("application/zstd"), body)
            .await
    }

    /// Does nothing: an object that S3 has accepted is durable.
    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl PruneStore for S3Store {
    async fn ids(&self) -> Result<Vec<ChunkId>, StoreError> {
        let mut ids: Vec<ChunkId> = self.chunks().map_ok(|chunk| chunk.id).try_collect().await?;
        ids.sort_unstable();
        Ok(ids)
    }

    async fn lengths(&self) -> Result<HashMap<ChunkId, u64>, StoreError> {
        self.chunks()
            .map_ok(|chunk| (chunk.id, chunk.len))
            .try_collect()
            .await
    }

    async fn remove(&self, id: ChunkId) -> Result<(), StoreError> {
        self.delete(id.into(), &self.chunk_key(id)).await
    }
}

#[async_trait]
impl IndexStore for S3Store {
    async fn get_index(&self, name: &IndexName, max_bytes: usize) -> Result<Bytes, StoreError> {
        self.read(&index::object(name), &self.key(name.as_str()), max_bytes)
            .await
    }

    async fn has_index(&self, name: &IndexName) -> Result<bool, StoreError> {
        self.exists(index::object(name), &self.key(name.as_str())).await
    }

    async fn put_index(&self, name: &IndexName, bytes: Bytes) -> Result<(), StoreError> {
        let key = self.key(name.as_str());
        let kind = of_type("application/octet-stream");
        self.write(index::object(name), &key, kind, bytes).await
    }

    fn place(&self) -> String {
        self.0.name.clone()
    }
}

/// Completes credentials from the AWS file they name, which `read` returns the text of.
///
/// # Errors
/// Those of `read`.
pub fn resolve<E>(
    mut credentials: S3Credentials,
    read: impl Fn(&FilePath) -> Result<String, E>,
) -> Result<S3Credentials, E> {
    let file: Option<&PathBuf> = credentials.aws_credentials_file.as_ref();
    let Some(path) = file.filter(|_| credentials.access_key.is_none()) else {
        return Ok(credentials);
    };
    let text = read(path)?;
    let profile = credentials.aws_profile.as_deref().unwrap_or("default");
    let value = |key| profile_value(&text, profile, key);
    let (access, secret, token) = (
        value("aws_access_key_id"),
        value("aws_secret_access_key"),
        value("aws_session_token"),
    );
    credentials.access_key = access;
    credentials.secret_key = secret.map(Secret::new);
    credentials.session_token = token.map(Secret::new);
    Ok(credentials)
}

fn of_type(content_type: &'static str) -> Attributes {
    Attributes::from_iter([(Attribute::ContentType, content_type)])
}

enum ReadError {
    /// The answer is known.
    Final(StoreError),
    /// The connection broke in the middle.
    Broken(StoreError),
}

fn address(builder: AmazonS3Builder, location: &S3Location) -> AmazonS3Builder {
    let by_host = match location.lookup {
        S3Lookup::Auto => location.endpoint.ends_with(".amazonaws.com"),
        S3Lookup::Dns => true,
        S3Lookup::Path => false,
    };
    let endpoint = match location.endpoint.split_once("://") {
        Some((scheme, host)) if by_host => format!("{scheme}://{}.{host}", location.bucket),
        _ => location.endpoint.clone(),
    };
    builder
        .with_bucket_name(&location.bucket)
        .with_endpoint(endpoint)
        .with_virtual_hosted_style_request(by_host)
}

fn sign(builder: AmazonS3Builder, credentials: &S3Credentials) -> AmazonS3Builder {
    let (Some(access), Some(secret)) = (&credentials.access_key, &credentials.secret_key) else {
        return builder.with_skip_signature(true);
    };
    let builder = builder
        .with_access_key_id(access)
        .with_secret_access_key(secret.expose());
    match &credentials.session_token {
        Some(token) => builder.with_token(token.expose()),
        None => builder,
    }
}

fn client_options(options: &HttpOptions) -> Result<ClientOptions, OriginError> {
    let agent = options
        .user_agent
        .parse()
        .map_err(|_| OriginError::Header("user agent"))?;
    let mut client = ClientOptions::new()
        .with_user_agent(agent)
        .with_connect_timeout(options.connect_timeout)
        .with_read_timeout(options.stall_timeout);
    client = match options.total_timeout {
        Some(total) => client.with_timeout(total),
        None => client.with_timeout_disabled(),
    };
    match &options.trust {
        ServerTrust::System => {}
        ServerTrust::UnsafeAnyone => client = client.with_allow_invalid_certificates(true),
        ServerTrust::Only(pem) => {
            let found = Certificate::from_pem_bundle(pem);
            for authority in found.map_err(|error| OriginError::Authorities(error.to_string()))? {
                client = client.with_root_certificate(authority);
            }
            client = client.with_no_system_certificates(true);
        }
    }
    Ok(client)
}

fn retry_config(options: &HttpOptions) -> RetryConfig {
    let policy = &options.retry;
    // The library picks its waits between this one and twice the last one, and panics where nothing lies between them.
    let base = policy.base.max(SHORTEST_WAIT);
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: base,
            max_backoff: policy.max_delay.max(base),
            base: 2.0,
        },
        max_retries: policy.attempts.saturating_sub(1) as usize,
        retry_timeout: policy.max_retry_after,
    }
}

/// Returns the value of `key` in the section `profile` of a file in the format of `~/.aws/credentials`.
fn profile_value(text: &str, profile: &str, key: &str) -> Option<String> {
    let lines = text.lines().map(str::trim);
    let section = lines.skip_while(|line| *line != format!("[{profile}]")).skip(1);
    for line in section.take_while(|line| !line.starts_with('[')) {
        if let Some((name, value)) = line.split_once('=')
            && name.trim() == key
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

/// Returns the message of the error at the bottom, which says what happened and holds no address.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    let text = error.to_string();
    text.lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches('.')
        .chars()
        .take(300)
        .collect()
}

/// Returns the status of an answer out of the library's message, which is all that it tells of it.
fn status_in(message: &str) -> Option<StatusCode> {
    let answer = message.strip_prefix(STATUS)?;
    answer.get(..3)?.parse().ok()
}

const DEFAULT_REGION: &str = "us-east-1";
/// Wait between attempts where none is wanted.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// What the library puts before the status of an answer that is an error.
const STATUS: &str = "Server returned non-2xx status code: ";

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[other]\naws_access_key_id = wrong\n\n[default]\n aws_access_key_id = key \n\
        aws_secret_access_key=se=cret\n[third]\naws_session_token = t\n";

    #[test]
    fn credentials_are_read_from_the_profile_asked_for() {
        let given = |profile: Option<&str>| S3Credentials {
            aws_credentials_file: Some(PathBuf::from("file")),
            aws_profile: profile.map(str::to_owned),
            ..S3Credentials::default()
        };
        let read = |_: &FilePath| Ok::<_, ()>(FILE.to_owned());
        let found = resolve(given(None), read).unwrap();
        assert_eq!(found.access_key.as_deref(), Some("key"));
        assert_eq!(found.secret_key, Some(Secret::from("se=cret")));
        assert_eq!(found.session_token, None);
        let found = resolve(given(Some("missing")), read).unwrap();
        assert_eq!(found.access_key, None);
        let complete = S3Credentials {
            access_key: Some("mine".to_owned()),
            ..given(None)
        };
        assert_eq!(
            resolve(complete, |_| Err(())).unwrap().access_key.as_deref(),
            Some("mine")
        );
    }
}
