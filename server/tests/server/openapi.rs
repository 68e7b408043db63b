// SPDX-License-Identifier: MIT
//! The description of the API is the one in `docs/openapi.json`, and it is true.

use std::collections::BTreeSet;
use std::path::Path;

use fs_err as fs;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use vsekai_formats::release::address;
use vsekai_trust::names;

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::{TestServer, chunk_path};
use crate::signer::{no_change, release_of, slug};

async fn description(server: &TestServer) -> Value {
    server.client.get_json("api/v1/openapi.json").await
}

#[tokio::test]
async fn the_description_in_the_repository_is_the_one_that_is_served() {
    let server = TestServer::start().await;
    let served = description(&server).await;
    let text = format!("{}\n", serde_json::to_string_pretty(&served).unwrap());
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    if std::env::var_os("VSEKAI_TEST_BLESS").is_some() {
        fs::write(&place, &text).unwrap();
    }
    let kept = fs::read_to_string(&place).unwrap_or_default();
    assert!(
        kept == text,
        "docs/openapi.json is not what the server says: run this test with VSEKAI_TEST_BLESS=1 and look at the change"
    );
    server.stop().await;
}

/// Sends requests and holds each answer against what the description says about it.
struct Checked<'a> {
    server: &'a TestServer,
    document: Value,
    driven: BTreeSet<(String, String)>,
    codes: BTreeSet<String>,
}

impl Checked<'_> {
    /// Sends a request to `path`, which the description knows as `template`, and expects `status`.
    async fn ask(
        &mut self,
        method: Method,
        template: &str,
        path: &str,
        body: impl Into<reqwest::Body>,
        status: u16,
    ) -> Response {
        let answer = self.server.client.send(method.clone(), path, body).await;
        self.check(&method, template, answer, status).await
    }

    /// Checks status, media type and, where it is JSON, the schema of an answer.
    async fn check(&mut self, method: &Method, template: &str, answer: Response, status: u16) -> Response {
        let method = method.as_str().to_lowercase();
        let what = format!("{method} {template}");
        let operation = &self.document["paths"][template][&method];
        assert!(operation.is_object(), "{what} is not described");
        self.driven.insert((template.to_owned(), method));
        assert_eq!(answer.status().as_u16(), status, "{what}");
        let responses = &operation["responses"];
        let response = match &responses[status.to_string()] {
            Value::Null => &responses["default"],
            response => response,
        };
        assert!(response.is_object(), "{what}: {status} is not described");
        let header = answer.headers().get("content-type").cloned();
        let media_type = header.as_ref().map(|value| value.to_str().unwrap());
        let media_type = media_type.and_then(|value| value.split(';').next());
        let described = response["content"].as_object();
        let Some(content) = described else { return answer };
        let content = media_type.and_then(|media_type| content.get(media_type));
        let content = content.unwrap_or_else(|| panic!("{what}: {status} came as {media_type:?}"));
        if !media_type.is_some_and(|media_type| media_type.ends_with("json")) {
            return answer;
        }
        let schema = &content["schema"];
        if schema["type"] == "string" {
            return answer;
        }
        let headers = answer.headers().clone();
        let text = answer.text().await.unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let mut schema = schema.clone();
        schema["components"] = self.document["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{what}: {errors:?} in {value}");
        self.codes.extend(value["code"].as_str().map(str::to_owned));
        let mut again = http::Response::builder().status(status);
        *again.headers_mut().unwrap() = headers;
        again.body(text).unwrap().into()
    }

    fn all(&self) -> BTreeSet<(String, String)> {
        let paths = self.document["paths"].as_object().unwrap().iter();
        paths
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(|method| (path.clone(), method.clone()))
            })
            .collect()
    }
}

async fn publish(api: &mut Checked<'_>, build: &Build, status: u16) {
    let change = api.server.client.sign_release(build, "stable").await.unwrap();
    let answer = api.server.client.post_signed(build, "stable", &change).await;
    api.check(&Method::POST, "/api/v1/releases", answer, status).await;
}

#[tokio::test]
async fn every_operation_answers_as_it_is_described() {
    let server = TestServer::start().await;
    let document = description(&server).await;
    let mut api = Checked {
        server: &server,
        document,
        driven: BTreeSet::new(),
        codes: BTreeSet::new(),
    };
    let api = &mut api;
    let build = Build::new("1.0.0", 1, 1);
    let (get, head, put, post, delete) = (
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::POST,
        Method::DELETE,
    );

    let question = |ids: Value| json!({ "chunks": ids }).to_string();
    let ids: Vec<_> = build.chunks.iter().map(|(id, ..)| *id).collect();
    let missing = "/api/v1/chunks/missing";
    api.ask(
        post.clone(),
        missing,
        "api/v1/chunks/missing",
        question(json!(ids)),
        200,
    )
    .await;
    api.ask(post.clone(), missing, "api/v1/chunks/missing", "{", 400)
        .await;
    publish(api, &build, 422).await;
    let chunk = "/store/{folder}/{file}";
    for (id, stored, _) in &build.chunks {
        api.ask(put.clone(), chunk, &chunk_path(*id), stored.clone(), 201)
            .await;
    }
    api.ask(
        put.clone(),
        chunk,
        &chunk_path(ids[0]),
        build.chunks[0].1.clone(),
        200,
    )
    .await;
    api.ask(put.clone(), chunk, &chunk_path(ids[0]), vec![0u8; 40 << 20], 413)
        .await;
    publish(api, &build, 201).await;
    publish(api, &build, 200).await;
    let other = Build::new("1.0.0", 2, 2);
    server.client.put_chunks(&other).await;
    publish(api, &other, 409).await;
    api.ask(
        post.clone(),
        missing,
        "api/v1/chunks/missing",
        question(json!(ids)),
        200,
    )
    .await;
    let body: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
    api.ask(
        post.clone(),
        "/api/v1/chunks/fetch",
        "api/v1/chunks/fetch",
        body,
        200,
    )
    .await;

    let index = "/index/{name}";
    api.ask(put.clone(), index, "index/mine.caidx", build.index.clone(), 201)
        .await;
    api.ask(put.clone(), index, "index/mine.caidx", build.index.clone(), 200)
        .await;
    api.ask(put.clone(), index, "index/other.caidx", "no index", 415)
        .await;

    let title = slug(TITLE);
    let release = release_of(&build);
    let name = names::TargetName::manifest(&slug("stable"), PLATFORM, &release.version);
    let target = names::target(&release.manifest.sha256, &name);
    let files = [
        (chunk, chunk_path(ids[0])),
        (
            index,
            format!(
                "index/{}",
                address::index_name(&title, PLATFORM, &release.version)
            ),
        ),
        (
            "/titles/{title}/tuf/{file}",
            format!("titles/{TITLE}/tuf/timestamp.json"),
        ),
        (
            "/titles/{title}/tuf/targets/{file}",
            format!("titles/{TITLE}/tuf/{target}"),
        ),
        (
            "/titles/{title}/releases/{platform}/{version}/{file}",
            format!("titles/{TITLE}/releases/{PLATFORM}/1.0.0/contents.json.zst"),
        ),
    ];
    for (template, path) in &files {
        let whole = api.ask(get.clone(), template, path, "", 200).await;
        let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
        api.ask(head.clone(), template, path, "", 200).await;
        for (name, value, status) in [
            ("range", "bytes=0-3", 206),
            ("range", "bytes=99999999999-", 416),
            ("if-none-match", tag.as_str(), 304),
        ] {
            let answer = server.client.request(get.clone(), path).header(name, value);
            api.check(&get, template, answer.send().await.unwrap(), status)
                .await;
        }
        let absent = path
            .replace('1', "7")
            .replace("timestamp", "absent")
            .replace('e', "f");
        let answer = server.client.get(&absent).await;
        let status = answer.status().as_u16();
        assert!(matches!(status, 400 | 404), "{absent}: {status}");
        api.check(&get, template, answer, status).await;
    }

    let of_title = |rest: &str| format!("api/v1/titles/{TITLE}/{rest}");
    api.ask(get.clone(), "/api/v1/titles", "api/v1/titles", "", 200)
        .await;
    api.ask(
        get.clone(),
        "/api/v1/titles/{title}/releases",
        &of_title("releases"),
        "",
        200,
    )
    .await;
    api.ask(
        get.clone(),
        "/api/v1/titles/{title}/releases",
        "api/v1/titles/No%20Title/releases",
        "",
        400,
    )
    .await;
    let metadata = "/api/v1/titles/{title}/metadata";
    let renewed = server.client.signed(|editor| {
        editor
            .renew(&vsekai_trust::publisher::KeyRole::Channel(slug("stable")))
            .unwrap();
    });
    let renewed = serde_json::to_string(&renewed.await.unwrap()).unwrap();
    api.ask(
        post.clone(),
        metadata,
        &of_title("metadata"),
        renewed.clone(),
        200,
    )
    .await;
    api.ask(post.clone(), metadata, &of_title("metadata"), renewed, 409)
        .await;
    let nothing = serde_json::to_string(&no_change()).unwrap();
    api.ask(
        post.clone(),
        metadata,
        "api/v1/titles/unbegun/metadata",
        nothing,
        409,
    )
    .await;
    let keys = "/api/v1/titles/{title}/online-keys";
    api.ask(get.clone(), keys, &of_title("online-keys"), "", 200)
        .await;
    api.ask(post.clone(), keys, &of_title("online-keys"), "", 200)
        .await;
    let hold = "/api/v1/titles/{title}/releases/{platform}/{version}/hold";
    let held = of_title(&format!("releases/{PLATFORM}/1.0.0/hold"));
    api.ask(put.clone(), hold, &held, r#"{"reason": "a test"}"#, 204)
        .await;
    api.ask(delete.clone(), hold, &held, "", 204).await;
    api.ask(delete.clone(), hold, &held, "", 404).await;
    let private = "/api/v1/titles/{title}/channels/{channel}/private";
    let nightly = of_title("channels/nightly/private");
    api.ask(put.clone(), private, &nightly, "", 204).await;
    let role = format!("titles/{TITLE}/tuf/1.nightly.json");
    let stranger = server.client.get(&role).await;
    api.check(&get, "/titles/{title}/tuf/{file}", stranger, 401).await;
    api.ask(delete.clone(), private, &nightly, "", 204).await;
    api.ask(
        delete.clone(),
        private,
        &of_title("channels/absent/private"),
        "",
        404,
    )
    .await;

    for path in [
        "health",
        "ready",
        "metrics",
        "audit",
        "sizes",
        "collection",
        "tokens",
        "openapi.json",
    ] {
        let path = format!("api/v1/{path}");
        api.ask(get.clone(), &format!("/{path}"), &path, "", 200).await;
    }
    api.ask(get.clone(), "/api/v1/audit", "api/v1/audit?limit=many", "", 400)
        .await;
    api.ask(post.clone(), "/api/v1/collection", "api/v1/collection", "", 200)
        .await;
    let wanted = json!({ "label": "x", "title": "*", "channel": "*", "verbs": "upload" });
    let made = api
        .ask(
            post.clone(),
            "/api/v1/tokens",
            "api/v1/tokens",
            wanted.to_string(),
            201,
        )
        .await;
    let made: Value = made.json().await.unwrap();
    let path = format!("api/v1/tokens/{}", made["id"].as_str().unwrap());
    api.ask(delete.clone(), "/api/v1/tokens/{id}", &path, "", 204)
        .await;
    let stranger = server.client.get("api/v1/tokens").await;
    api.check(&get, "/api/v1/tokens", stranger, 401).await;
    let uploader = server.token("*", "*", "upload").await;
    let refused = uploader.send(get.clone(), "api/v1/tokens", "").await;
    api.check(&get, "/api/v1/tokens", refused, 403).await;
    api.ask(get.clone(), "/docs", "docs", "", 200).await;
    api.ask(get.clone(), "/docs/style.css", "docs/style.css", "", 200)
        .await;

    let left: Vec<_> = api.all().difference(&api.driven).cloned().collect();
    assert!(left.is_empty(), "never asked: {left:?}");
    for code in [
        "missing-chunks",
        "too-large",
        "version-exists",
        "unsupported",
        "metadata-version",
        "not-begun",
    ] {
        assert!(api.codes.contains(code), "{code} was not seen: {:?}", api.codes);
    }
    server.stop().await;
}

#[tokio::test]
async fn the_page_about_the_api_loads_nothing_from_elsewhere_and_runs_nothing() {
    let server = TestServer::start().await;
    let page = server.client.get("docs").await;
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self';"),
        "{policy}"
    );
    let text = page.text().await.unwrap();
    for part in [
        "/api/v1/chunks/missing",
        "Takes a token for: admin",
        "id=\"Problem\"",
        "<html lang=\"en\">",
    ] {
        assert!(text.contains(part), "{part}");
    }
    for part in ["<script", "http://", "https://", "style=", "onclick"] {
        assert!(!text.contains(part), "{part}");
    }
    server.stop().await;
}
