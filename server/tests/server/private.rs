// SPDX-License-Identifier: MIT
//! Private channels: who reads what, and that the others learn nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use vsekai_formats::ChunkId;
use vsekai_formats::release::address;
use vsekai_server::db::Database;
use vsekai_server::db::audit::Actor;
use vsekai_server::db::private::{self, Channel};
use vsekai_server::export::Options;
use vsekai_server::storage::database_path;
use vsekai_store::http::batch::ABSENT;
use vsekai_trust::names::{self, TargetName};

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::{Client, TestServer, chunk_path, problem};
use crate::export::{export_to, files};
use crate::signer::{release_of, slug};

/// A server whose channel `beta` is private, with a build that only `beta` has and one in `stable`.
struct Bench {
    server: TestServer,
    public: Build,
    secret: Build,
}

impl Bench {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let (public, secret) = (Build::new("1.0.0", 1, 1), Build::new("2.0.0", 2, 2));
        server.client.publish(&public, "stable").await;
        set_private(&server.client, "beta", Method::PUT).await;
        server.client.publish(&secret, "beta").await;
        Self {
            server,
            public,
            secret,
        }
    }

    async fn reader(&self, channel: &str) -> Client {
        self.server.token(TITLE, channel, "read").await
    }

    /// The addresses that name the private channel.
    async fn named(&self) -> Vec<String> {
        let metadata = self.server.client.metadata().await;
        let role: Value = serde_json::from_str(&metadata.channels[&slug("beta")]).unwrap();
        let version = role["signed"]["version"].as_u64().unwrap();
        let targets = role["signed"]["targets"].as_object().unwrap().iter();
        let targets = targets.map(|(name, target)| {
            let sha256 = target["hashes"]["sha256"].as_str().unwrap();
            format!("{}/{sha256}.{name}", names::TARGETS)
        });
        let files = targets.chain([names::targets("beta", version)]);
        files.map(|file| format!("titles/{TITLE}/tuf/{file}")).collect()
    }

    /// The addresses of what the private release alone has, and that name no channel.
    fn unnamed(&self) -> Vec<String> {
        let own = self.own_chunk();
        vec![chunk_path(own), index_of(&self.secret), contents_of(&self.secret)]
    }

    fn own_chunk(&self) -> ChunkId {
        self.secret_chunk(false)
    }

    fn shared_chunk(&self) -> ChunkId {
        self.secret_chunk(true)
    }

    /// A chunk of the private build that the public one has too, or that it does not have.
    fn secret_chunk(&self, shared: bool) -> ChunkId {
        let is_shared = |id: ChunkId| self.public.chunks.iter().any(|(other, ..)| *other == id);
        let mut chunks = self.secret.chunks.iter().map(|(id, ..)| *id);
        chunks.find(|id| is_shared(*id) == shared).unwrap()
    }
}

fn index_of(build: &Build) -> String {
    let name = address::index_name(&slug(TITLE), PLATFORM, &build.manifest.version);
    format!("index/{name}")
}

fn contents_of(build: &Build) -> String {
    address::contents(&slug(TITLE), PLATFORM, &build.manifest.version)
}

pub async fn set_private(client: &Client, channel: &str, method: Method) {
    let path = format!("api/v1/titles/{TITLE}/channels/{channel}/private");
    let answer = client.send(method, &path, "").await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
}

async fn read(client: &Client, path: &str) -> Response {
    client.send(Method::GET, path, "").await
}

/// What tells one answer from another, but for the moment and the name that was asked for.
async fn told(answer: Response) -> (StatusCode, BTreeMap<String, String>, String) {
    let status = answer.status();
    let headers = answer.headers().iter().filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let headers = headers.filter(|(name, _)| name != "content-length").collect();
    let document: Value = answer.json().await.unwrap();
    (status, headers, document["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_only_a_private_channel_has_is_read_with_its_token_and_kept_by_no_cache() {
    let bench = Bench::new().await;
    let reader = bench.reader("beta").await;
    for path in bench.named().await.into_iter().chain(bench.unnamed()) {
        let answer = read(&reader, &path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["cache-control"], "private, no-store", "{path}");
        assert_eq!(answer.headers()["vary"], "Authorization", "{path}");
        let tag = answer.headers()["etag"].clone();
        let again = reader.request(Method::GET, &path).bearer_auth(&reader.token);
        let again = again.header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()["cache-control"], "private, no-store");
    }
    // Who works on the title reads it, too.
    for verbs in ["publish", "promote", "keys"] {
        let publisher = bench.server.token(TITLE, "nightly", verbs).await;
        assert_eq!(
            read(&publisher, &bench.unnamed()[0]).await.status(),
            StatusCode::OK
        );
    }
    bench.server.stop().await;
}

#[tokio::test]
async fn who_lacks_the_right_is_answered_as_if_it_were_not_there() {
    let bench = Bench::new().await;
    let anonymous = &bench.server.client;
    for path in bench.named().await {
        let refused = anonymous.get(&path).await;
        assert_eq!(refused.headers()["www-authenticate"], "Bearer");
        problem(refused, StatusCode::UNAUTHORIZED, "unauthorized").await;
        for stranger in [
            bench.reader("nightly").await,
            bench.server.token("other", "*", "*").await,
        ] {
            problem(read(&stranger, &path).await, StatusCode::FORBIDDEN, "forbidden").await;
        }
    }
    // The channel is named in public; which versions and releases it has is not.
    let absent = format!("titles/{TITLE}/tuf/99.beta.json");
    problem(
        anonymous.get(&absent).await,
        StatusCode::UNAUTHORIZED,
        "unauthorized",
    )
    .await;

    let other = Build::new("9.0.0", 9, 9);
    let absent = [
        chunk_path(ChunkId::from_bytes([7; 32])),
        index_of(&other),
        contents_of(&other),
    ];
    let strangers = [
        bench.reader("nightly").await,
        bench.server.token("other", "*", "*").await,
        bench.server.token("*", "*", "upload,observe").await,
    ];
    for (path, absent) in bench.unnamed().iter().zip(&absent) {
        let missing = told(anonymous.get(absent).await).await;
        assert_eq!(missing.0, StatusCode::NOT_FOUND);
        assert_eq!(told(anonymous.get(path).await).await, missing, "{path}");
        for stranger in &strangers {
            assert_eq!(told(read(stranger, path).await).await, missing, "{path}");
            assert_eq!(told(read(stranger, absent).await).await, missing, "{absent}");
        }
        let unknown = Client::new(
            anonymous.url.clone(),
            format!("vsekai_00000000_{}", "0".repeat(64)),
        );
        for path in [path, absent] {
            problem(
                read(&unknown, path).await,
                StatusCode::UNAUTHORIZED,
                "unauthorized",
            )
            .await;
        }
    }
    bench.server.stop().await;
}

#[tokio::test]
async fn what_a_public_channel_has_too_is_read_by_everybody() {
    let bench = Bench::new().await;
    let client = &bench.server.client;
    let shared = chunk_path(bench.shared_chunk());
    let public = [
        shared.clone(),
        index_of(&bench.public),
        contents_of(&bench.public),
    ];
    for path in &public {
        let answer = client.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(
            answer.headers()["cache-control"]
                .to_str()
                .unwrap()
                .starts_with("public")
        );
        assert!(answer.headers().get("vary").is_none());
    }
    // A token that is good for nothing does no harm there.
    let unknown = Client::new(client.url.clone(), "nonsense".to_owned());
    assert_eq!(read(&unknown, &shared).await.status(), StatusCode::OK);
    assert!(client.pointer("stable").await.is_some());

    // Promoted to a public channel, the release is for everybody from that moment on.
    assert_eq!(
        client.promote("stable", &bench.secret).await.status(),
        StatusCode::OK
    );
    for path in bench.unnamed() {
        assert_eq!(client.get(&path).await.status(), StatusCode::OK, "{path}");
    }
    let named = bench.named().await;
    assert_eq!(client.get(&named[0]).await.status(), StatusCode::UNAUTHORIZED);
    bench.server.stop().await;
}

#[tokio::test]
async fn many_chunks_at_once_come_without_those_that_are_withheld() {
    let bench = Bench::new().await;
    let ids = [bench.shared_chunk(), bench.own_chunk()];
    let body: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
    let reader = bench.reader("beta").await;
    let path = "api/v1/chunks/fetch";
    let whole = reader
        .send(Method::POST, path, body.clone())
        .await
        .bytes()
        .await
        .unwrap();
    let anonymous = bench.server.client.request(Method::POST, path).body(body.clone());
    let partial = anonymous.send().await.unwrap().bytes().await.unwrap();
    let stored = |id| {
        let mut chunks = bench.secret.chunks.iter();
        chunks.find(|(known, ..)| *known == id).unwrap().1.clone()
    };
    let frame = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_le_bytes()[..], bytes].concat();
    let [shared, own] = ids.map(|id| frame(&stored(id)));
    assert_eq!(whole, [shared.clone(), own].concat());
    assert_eq!(partial, [shared, ABSENT.to_le_bytes().to_vec()].concat());
    let unknown = Client::new(reader.url.clone(), "nonsense".to_owned());
    let refused = unknown.send(Method::POST, path, body).await;
    problem(refused, StatusCode::UNAUTHORIZED, "unauthorized").await;
    bench.server.stop().await;
}

#[tokio::test]
async fn a_token_that_was_ended_reads_nothing_from_the_next_request_on() {
    let bench = Bench::new().await;
    let reader = bench.reader("beta").await;
    let path = &bench.unnamed()[0];
    assert_eq!(read(&reader, path).await.status(), StatusCode::OK);
    let id = reader.token.split('_').nth(1).unwrap().to_owned();
    let revoke = format!("api/v1/tokens/{id}");
    assert_eq!(
        bench
            .server
            .client
            .send(Method::DELETE, &revoke, "")
            .await
            .status(),
        StatusCode::NO_CONTENT
    );
    for path in bench.named().await.iter().chain([path]) {
        problem(
            read(&reader, path).await,
            StatusCode::UNAUTHORIZED,
            "unauthorized",
        )
        .await;
    }
    bench.server.stop().await;
}

#[tokio::test]
async fn a_channel_is_made_private_and_public_by_who_has_the_titles_keys_and_the_log_says_so() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let path = |channel: &str| format!("api/v1/titles/{TITLE}/channels/{channel}/private");
    for verbs in ["publish", "promote", "read", "admin"] {
        let other = server.token(TITLE, "*", verbs).await;
        let refused = other.send(Method::PUT, &path("stable"), "").await;
        problem(refused, StatusCode::FORBIDDEN, "forbidden").await;
    }
    for absent in ["absent", "root", "targets", "snapshot"] {
        let missing = server.client.send(Method::PUT, &path(absent), "").await;
        problem(missing, StatusCode::NOT_FOUND, "not-found").await;
    }
    assert_eq!(
        server.client.get(&index_of(&build)).await.status(),
        StatusCode::OK
    );
    set_private(&server.client, "stable", Method::PUT).await;
    set_private(&server.client, "stable", Method::PUT).await;
    assert_eq!(
        server.client.get(&index_of(&build)).await.status(),
        StatusCode::NOT_FOUND
    );
    assert!(
        server
            .client
            .get(&format!("titles/{TITLE}/tuf/timestamp.json"))
            .await
            .status()
            .is_success()
    );

    let server = server.restart().await;
    assert_eq!(
        server.client.get(&index_of(&build)).await.status(),
        StatusCode::NOT_FOUND
    );
    set_private(&server.client, "stable", Method::DELETE).await;
    assert_eq!(
        server.client.get(&index_of(&build)).await.status(),
        StatusCode::OK
    );
    let log = server.client.get_json("api/v1/audit").await;
    let lines = log["entries"].as_array().unwrap().iter();
    let actions: Vec<&str> = lines
        .filter(|entry| entry["channel"] == "stable")
        .map(|entry| entry["action"].as_str().unwrap())
        .filter(|action| action.starts_with("channel-"))
        .collect();
    assert_eq!(actions, ["channel-public", "channel-private"]);
    server.stop().await;
}

#[tokio::test]
async fn what_the_command_line_changes_counts_in_a_running_server() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "beta").await;
    let database = Database::open(&database_path(server.folder.path()))
        .await
        .unwrap();
    let channel = Channel {
        title: slug(TITLE),
        name: slug("beta"),
    };
    let changed = database.write("make it private", move |tx| {
        private::change(tx, &channel, true, &Actor::shell())
    });
    assert!(changed.await.unwrap());
    database.close().await.unwrap();
    let noticed = async {
        while server.client.get(&index_of(&build)).await.status() != StatusCode::NOT_FOUND {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), noticed)
        .await
        .unwrap();
    server.stop().await;
}

#[tokio::test]
async fn lists_show_what_a_token_may_read() {
    let bench = Bench::new().await;
    let versions = async |client: &Client| -> Vec<String> {
        let list = client.get_json(&format!("api/v1/titles/{TITLE}/releases")).await;
        let releases = list["releases"].as_array().unwrap().iter();
        releases
            .map(|release| release["version"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(versions(&bench.reader("nightly").await).await, ["1.0.0"]);
    assert_eq!(versions(&bench.reader("beta").await).await, ["2.0.0", "1.0.0"]);
    let publisher = bench.server.token(TITLE, "stable", "publish").await;
    assert_eq!(versions(&publisher).await, ["2.0.0", "1.0.0"]);
    for (client, releases) in [
        (bench.reader("nightly").await, 1),
        (bench.reader("beta").await, 2),
        (publisher, 2),
    ] {
        let list = client.get_json("api/v1/titles").await;
        assert_eq!(list["titles"][0]["releases"], releases, "{list}");
    }
    let figures = bench.server.token("*", "*", "observe").await;
    let metrics = figures
        .send(Method::GET, "api/v1/metrics", "")
        .await
        .text()
        .await
        .unwrap();
    assert!(!metrics.contains("2.0.0"), "{metrics}");
    bench.server.stop().await;
}

#[tokio::test]
async fn an_index_under_a_name_of_its_own_is_for_everybody_with_its_chunks() {
    let bench = Bench::new().await;
    let client = &bench.server.client;
    let stored = client
        .send(Method::PUT, "index/mine.caidx", bench.secret.index.clone())
        .await;
    assert_eq!(stored.status(), StatusCode::CREATED);
    assert_eq!(client.get("index/mine.caidx").await.status(), StatusCode::OK);
    assert_eq!(
        client.get(&chunk_path(bench.own_chunk())).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        client.get(&contents_of(&bench.secret)).await.status(),
        StatusCode::NOT_FOUND
    );
    bench.server.stop().await;
}

#[tokio::test]
async fn publishers_learn_which_chunks_are_there_wherever_they_are_used() {
    let bench = Bench::new().await;
    let uploader = bench.server.token("other", "*", "publish").await;
    let head = uploader.request(Method::HEAD, &chunk_path(bench.own_chunk()));
    let head = head.bearer_auth(&uploader.token).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(head.headers()["cache-control"], "private, no-store");
    let missing = uploader.missing(&[bench.own_chunk()]).await;
    assert_eq!(missing["missing"], json!([]));
    bench.server.stop().await;
}

#[tokio::test]
async fn an_export_leaves_private_channels_out_unless_it_is_told_otherwise() {
    let bench = Bench::new().await;
    let site = tempfile::tempdir().unwrap();
    let data = bench.server.folder.path();
    let mut options = Options {
        prune: Some(Duration::ZERO),
        ..Options::default()
    };
    let private: Vec<String> = bench.named().await.into_iter().chain(bench.unnamed()).collect();
    export_to(data, site.path(), &options).await.unwrap();
    let public = files(site.path());
    for path in &private {
        assert!(!public.contains_key(path), "{path}");
    }
    assert!(!public.keys().any(|path| path.contains("beta")));
    for path in [
        index_of(&bench.public),
        contents_of(&bench.public),
        chunk_path(bench.shared_chunk()),
    ] {
        assert!(public.contains_key(&path), "{path}");
    }
    options.include_private = true;
    export_to(data, site.path(), &options).await.unwrap();
    let all = files(site.path());
    for path in &private {
        assert!(all.contains_key(path), "{path}");
    }
    // Without it again, what is not for everybody is taken away.
    options.include_private = false;
    export_to(data, site.path(), &options).await.unwrap();
    for path in &private {
        assert!(!files(site.path()).contains_key(path), "{path}");
    }
    bench.server.stop().await;
}

#[tokio::test]
async fn a_release_that_was_collected_is_read_by_nobody_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::configured(folder, |config| {
        config.retention = toml::from_str("grace = 0\n[[rules]]\nchannel = \"beta\"\nlast = 1\n").unwrap();
    });
    let server = server.await;
    set_private(&server.client, "beta", Method::PUT).await;
    let (old, new) = (Build::new("1.0.0", 1, 1), Build::new("2.0.0", 2, 2));
    server.client.publish(&old, "beta").await;
    server.client.publish(&new, "beta").await;
    let version = release_of(&old).version;
    let retired = server.client.signed(|editor| {
        editor.remove_manifest(&slug("beta"), PLATFORM, &version).unwrap();
    });
    let answer = server.client.post_change(&retired.await.unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let reader = server.token(TITLE, "beta", "read").await;
    assert_eq!(
        read(&reader, &index_of(&old)).await.status(),
        StatusCode::OK,
        "downloads go on"
    );
    // The grace is whole seconds, and the collection has to come after the one of the retirement.
    let collected = async {
        while read(&reader, &index_of(&old)).await.status() != StatusCode::NOT_FOUND {
            let answer = server.client.send(Method::POST, "api/v1/collection", "").await;
            assert_eq!(answer.status(), StatusCode::OK);
        }
    };
    tokio::time::timeout(Duration::from_secs(60), collected)
        .await
        .unwrap();
    let is_new = |id: ChunkId| new.chunks.iter().any(|(other, ..)| *other == id);
    for (id, ..) in old.chunks.iter().filter(|(id, ..)| !is_new(*id)) {
        assert_eq!(
            read(&reader, &chunk_path(*id)).await.status(),
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(read(&reader, &index_of(&new)).await.status(), StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_name_that_hides_a_channel_in_its_address_leads_nowhere() {
    let bench = Bench::new().await;
    let release = release_of(&bench.secret);
    let name = TargetName::manifest(&slug("stable"), PLATFORM, &release.version);
    let target = names::target(&release.manifest.sha256, &name);
    let path = format!("titles/{TITLE}/tuf/{target}");
    assert_eq!(
        bench.server.client.get(&path).await.status(),
        StatusCode::NOT_FOUND
    );
    bench.server.stop().await;
}
