// SPDX-License-Identifier: MIT
//! The description of the API (OpenAPI 3.1), made from the handlers, and what types from elsewhere look like in it.

use std::sync::LazyLock;

use poem::http::header;
use poem::{Response, handler};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, KnownFormat, ObjectBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, SchemaFormat, Type,
};
use utoipa::{Modify, OpenApi as _, ToSchema};

use super::{
    collection, get_audit, get_chunk, get_health, get_index, get_metadata, get_ready, get_release_file,
    get_releases, get_sizes, get_target, get_titles, hold, metrics, online_keys, post_fetch_chunks,
    post_metadata, post_missing_chunks, post_release, private_channel, put_chunk, put_index, tokens,
};

/// The parts of a release.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(super) struct Release {
    /// The manifest.
    #[schema(value_type = String, format = Binary)]
    manifest: Vec<u8>,
    /// The contents, zstd-compressed.
    #[schema(value_type = String, format = Binary)]
    contents: Vec<u8>,
    /// The index.
    #[schema(value_type = String, format = Binary)]
    index: Vec<u8>,
    /// The signed role that lists the manifest: a `Change`.
    #[schema(value_type = String, format = Binary)]
    metadata: Vec<u8>,
}

/// New metadata, signed; each text is the file byte for byte, and what is absent stays as it is.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(super) struct Change {
    /// The next root.
    root: Option<String>,
    /// The next targets role.
    targets: Option<String>,
    /// The next roles of channels, by channel.
    #[schema(required = false)]
    channels: std::collections::BTreeMap<String, String>,
    /// The channel pointers that these roles list and that are new.
    #[schema(required = false)]
    pointers: Vec<String>,
}

/// How the server is.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(super) struct Health {
    /// `ok`.
    status: String,
    /// The server's version.
    version: String,
}

/// An error (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code)]
pub(super) struct ProblemDocument {
    /// `about:blank`.
    r#type: String,
    /// What the status is called.
    title: String,
    /// The status.
    status: u16,
    /// What is wrong, for people.
    detail: Option<String>,
    /// A word for programs.
    code: Option<String>,
    /// With the code `missing-chunks`: the first of the missing chunks.
    missing: Option<Vec<String>>,
    /// With the code `missing-chunks`: how many are missing.
    missing_total: Option<u64>,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "V-Sekai update server",
        description = "Releases, channels, tokens, manifests and chunks. docs/protocol.md says more.",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(
        get_chunk::get_chunk,
        put_chunk::put_chunk,
        get_index::get_index,
        put_index::put_index,
        get_metadata::get_metadata,
        get_target::get_target,
        get_release_file::get_release_file,
        post_missing_chunks::post_missing_chunks,
        post_fetch_chunks::post_fetch_chunks,
        post_release::post_release,
        get_titles::get_titles,
        get_releases::get_releases,
        post_metadata::post_metadata,
        online_keys::get_online_keys,
        online_keys::post_online_key,
        hold::put_hold,
        hold::delete_hold,
        private_channel::put_private,
        private_channel::delete_private,
        get_health::get_health,
        get_ready::get_ready,
        metrics::get_metrics,
        get_audit::get_audit,
        get_sizes::get_sizes,
        collection::get_collection,
        collection::post_collection,
        tokens::get_tokens,
        tokens::post_token,
        tokens::delete_token,
        get_description,
        super::docs::get_docs,
        super::docs::get_style,
    ),
    components(schemas(ProblemDocument)),
    tags(
        (name = "files", description = "What players and stock clients read; takes a token in private channels alone"),
        (name = "publishing", description = "What publishers do"),
        (name = "running", description = "What those do who run the server")
    ),
    modifiers(&Complete)
)]
struct Description;

/// The description, which is the same for as long as the program runs.
pub static DESCRIPTION: LazyLock<OpenApi> = LazyLock::new(Description::openapi);
/// The same as it is served.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| DESCRIPTION.to_json().unwrap_or_default());

/// Describes the API.
#[utoipa::path(
    get, path = "/api/v1/openapi.json", tag = "running",
    responses((status = 200, description = "The description", content_type = "application/json", body = Object)),
)]
#[handler]
pub async fn get_description() -> Response {
    Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .body(DOCUMENT.as_str())
}

/// Adds what is the same for all operations: path parameters, errors, and the token.
struct Complete;

impl Modify for Complete {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of the server; the verbs named allow the operation"));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                complete(operation, path, method);
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("head", &mut item.head),
        ("put", &mut item.put),
        ("post", &mut item.post),
        ("delete", &mut item.delete),
    ];
    all.into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn complete(operation: &mut Operation, path: &str, method: &str) {
    let names = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters = operation.parameters.get_or_insert_default();
    for name in names {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(explain(name)))
            .schema(Some(schema));
        parameters.push(RefOr::T(parameter.build()));
    }
    for response in operation.responses.responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        if method == "head" {
            response.content.clear();
        }
        // A file is bytes, not a list of numbers.
        response.content.values_mut().for_each(as_bytes);
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(as_bytes);
    }
    if method == "head" {
        // Parts are of bodies, and there is none.
        operation
            .responses
            .responses
            .retain(|status, _| !matches!(status.as_str(), "206" | "416"));
        let name = operation.operation_id.take().unwrap_or_default();
        operation.operation_id = Some(format!("{name}_head"));
    }
    let problem = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
    let mut error = ResponseBuilder::new().description("What is wrong, as problem details (RFC 9457)");
    if method != "head" {
        error = error.content("application/problem+json", problem);
    }
    operation
        .responses
        .responses
        .insert("default".to_owned(), error.build().into());
}

fn as_bytes(content: &mut RefOr<Content>) {
    let RefOr::T(content) = content else { return };
    let is_list = serde_json::to_value(&content.schema).is_ok_and(|schema| schema["type"] == "array");
    if is_list {
        let bytes = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
        content.schema = Some(bytes.build().into());
    }
}

fn explain(parameter: &str) -> &'static str {
    match parameter {
        "title" => "The title",
        "channel" => "The channel",
        "platform" => "The platform, such as linux-x86_64",
        "version" => "The release's version",
        "id" => "The public part of the token",
        "folder" => "The first four digits of the chunk's id",
        "name" => "The index's name, which ends in .caidx or .caibx",
        "file" => "The file's name, as docs/protocol.md gives it",
        _ => "",
    }
}
