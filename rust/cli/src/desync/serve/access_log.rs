// SPDX-License-Identifier: MIT
//! `--log`: a line for each request, as desync writes it but for the time, which is UTC.

use std::io::Write as _;
use std::path::Path;

use fs_err as fs;
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint as _, EndpointExt as _, Request, Response};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use vsekai_desync::DesyncError;

use crate::desync::log::SharedWriter;
use crate::output::escape;

/// Where requests are noted.
#[derive(Clone, Debug)]
pub(super) struct AccessLog(SharedWriter);

impl AccessLog {
    /// Opens the log the user asks for, if any; a file is added to.
    pub(super) fn open(path: Option<&Path>, err: &SharedWriter) -> Result<Option<Self>, DesyncError> {
        match path {
            None => Ok(None),
            Some(path) if path == Path::new("-") => Ok(Some(Self(err.clone()))),
            Some(path) => {
                let file = fs::OpenOptions::new().append(true).create(true).open(path);
                let file = file.map_err(|source| DesyncError::File {
                    action: "open the log",
                    source,
                })?;
                Ok(Some(Self(SharedWriter::new(Box::new(file)))))
            }
        }
    }

    /// Notes every request to `routes`.
    pub(super) fn around(&self, routes: BoxEndpoint<'static, Response>) -> BoxEndpoint<'static, Response> {
        let log = self.clone();
        let noted = routes.around(move |routes, request: Request| {
            let log = log.clone();
            async move {
                let client = request.remote_addr().as_socket_addr().copied();
                let client = client.map_or_else(String::new, |client| client.to_string());
                let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                let asked = format!("Client: {client}, Request: {} {path}", request.method());
                let response = routes.get_response(request).await;
                line(
                    &log.0,
                    &format!("{asked}, Response: {}", response.status().as_u16()),
                );
                Ok(response)
            }
        });
        noted.map_to_response().boxed()
    }
}

/// Writes a line with the time before it; that nobody reads it does not stop a server.
pub(super) fn line(writer: &SharedWriter, text: &str) {
    let mut line = String::new();
    // Writing to a string does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut line));
    line.push(' ');
    line.push_str(&escape(text));
    line.push('\n');
    let _ = writer.clone().write_all(line.as_bytes());
}
