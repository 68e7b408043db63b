// SPDX-License-Identifier: MIT
//! Any file in the bucket, with the headers it is to be served with.

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use object_store::{Attribute, Attributes, ObjectStore as _, PutMode, PutOptions};

use super::S3Store;
use crate::error::{Object, StoreError};

/// The headers that a file is served with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeaders {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `Cache-Control`.
    pub cache_control: &'static str,
}

impl FileHeaders {
    fn attributes(self) -> Attributes {
        Attributes::from_iter([
            (Attribute::ContentType, self.content_type),
            (Attribute::CacheControl, self.cache_control),
        ])
    }
}

impl S3Store {
    /// Returns the file at `path`, relative to the store's prefix, of at most `max` bytes.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Invalid`] if it is longer; others as they come.
    pub async fn get_file(&self, path: &str, max: usize) -> Result<Bytes, StoreError> {
        self.read(&Object::File(path.to_owned()), &self.key(path), max)
            .await
    }

    /// Tells whether there is a file at `path`.
    ///
    /// # Errors
    /// Anything but a plain "yes" or "no".
    pub async fn has_file(&self, path: &str) -> Result<bool, StoreError> {
        self.exists(Object::File(path.to_owned()), &self.key(path)).await
    }

    /// Stores a file in place of any other at `path`. It is whole and durable when this returns, and nobody
    /// ever sees a part of it.
    ///
    /// # Errors
    /// It could not be stored; what was there before is untouched.
    pub async fn put_file(&self, path: &str, headers: FileHeaders, bytes: Bytes) -> Result<(), StoreError> {
        let object = Object::File(path.to_owned());
        self.write(object, &self.key(path), headers.attributes(), bytes)
            .await
    }

    /// As [`S3Store::put_file`], unless there is a file at `path`: tells whether it was stored. A server that knows no
    /// conditions stores it in any case.
    ///
    /// # Errors
    /// As there.
    pub async fn create_file(
        &self,
        path: &str,
        headers: FileHeaders,
        bytes: Bytes,
    ) -> Result<bool, StoreError> {
        let options = PutOptions {
            mode: PutMode::Create,
            attributes: headers.attributes(),
            ..PutOptions::default()
        };
        let key = self.key(path);
        let permit = self.permit().await;
        let put = self.0.bucket.put_opts(&key, bytes.clone().into(), options).await;
        drop(permit);
        match put {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => match self.write_error(&Object::File(path.to_owned()), error) {
                StoreError::Refused {
                    status: Some(NOT_IMPLEMENTED),
                    ..
                } => self.put_file(path, headers, bytes).await.map(|()| true),
                error => Err(error),
            },
        }
    }

    /// Lists the files below the folder `path`, each by its path relative to the store's prefix.
    pub fn files(&self, path: &str) -> BoxStream<'static, Result<String, StoreError>> {
        let folder = self.key(path);
        let listed = Object::File(path.to_owned());
        let store = self.clone();
        let behind = self.key("").as_ref().len();
        self.listing(&folder)
            .map(move |object| match object {
                Ok(object) => {
                    let key = object.location.as_ref().get(behind..).unwrap_or_default();
                    Ok(key.trim_start_matches('/').to_owned())
                }
                Err(error) => Err(store.error(&listed, error)),
            })
            .boxed()
    }

    /// Removes the file at `path`; one that is not there is no error.
    ///
    /// # Errors
    /// It may still be there.
    pub async fn remove_file(&self, path: &str) -> Result<(), StoreError> {
        self.delete(Object::File(path.to_owned()), &self.key(path)).await
    }
}

/// How a server answers that does not know what it is asked for.
const NOT_IMPLEMENTED: u16 = 501;
