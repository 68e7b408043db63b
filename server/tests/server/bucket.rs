// SPDX-License-Identifier: MIT
//! A server whose chunks are in a bucket, with a real S3 server.

use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use vsekai_formats::ChunkId;
use vsekai_server::backup::{backup, backup_without_chunks};
use vsekai_server::export::Options;
use vsekai_server::fsck::{Depth, Report, check, forget_lost_chunks};
use vsekai_server::storage::{DataPlace, StorageError};
use vsekai_server::{Limits, Server, ServerConfig, StartError};
use vsekai_store::config::S3Credentials;
use vsekai_store::location::S3Location;
use vsekai_store::s3::{FileHeaders, S3Store};
use vsekai_store::{HttpOptions, RetryPolicy, Secret, StoreFormat};
use vsekai_tests::gate::Gate;
use vsekai_tests::s3::{ACCESS, S3, SECRET};

use crate::build::{Build, TITLE};
use crate::client::{TestServer, chunk_path, problem};
use crate::collect::{age, last_one};
use crate::export::{export_to, files};

/// A bucket behind a gate.
pub struct Bucket {
    folder: TempDir,
    _s3: S3,
    gate: Gate,
}

impl Bucket {
    /// Starts an S3 server with an empty bucket, if there is one.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(NAME)).unwrap();
        let s3 = S3::serving(folder.path())?;
        Some(Self {
            gate: Gate::before(s3.address()),
            folder,
            _s3: s3,
        })
    }

    /// Returns the store below `prefix`.
    pub fn store(&self, prefix: &str) -> S3Store {
        let location = S3Location {
            endpoint: self.gate.address(),
            bucket: NAME.to_owned(),
            prefix: prefix.to_owned(),
            lookup: Default::default(),
        };
        let credentials = S3Credentials {
            access_key: Some(ACCESS.to_owned()),
            secret_key: Some(Secret::from(SECRET)),
            ..S3Credentials::default()
        };
        let options = HttpOptions {
            retry: RetryPolicy {
                attempts: 2,
                base: Duration::from_millis(5),
                ..RetryPolicy::default()
            },
            ..HttpOptions::default()
        };
        let format = StoreFormat::default().with_max_chunk(Limits::default().chunk_bytes);
        S3Store::new(&location, &credentials, &options, format).unwrap()
    }

    /// Returns a data folder whose chunks are below `prefix`.
    pub fn place(&self, data: &Path, prefix: &str) -> DataPlace {
        DataPlace {
            root: data.to_owned(),
            bucket: Some(self.store(prefix)),
        }
    }

    /// Returns the arguments that tell the program the same.
    pub fn arguments(&self, prefix: &str) -> Vec<String> {
        self.named("--chunks", prefix)
    }

    /// Returns the arguments of an export to the place below `prefix`.
    pub fn export_arguments(&self, prefix: &str) -> Vec<String> {
        self.named("--to", prefix)
    }

    fn named(&self, option: &str, prefix: &str) -> Vec<String> {
        [
            option,
            &format!("s3://{NAME}/{prefix}"),
            "--s3-endpoint",
            &self.gate.address(),
            "--s3-access-key",
            ACCESS,
            "--s3-secret-key",
            SECRET,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// Returns the file in which the S3 server keeps an object.
    pub fn file(&self, key: &str) -> std::path::PathBuf {
        self.folder.path().join(NAME).join(key)
    }

    async fn serve(&self, folder: TempDir, prefix: &str) -> TestServer {
        TestServer::configured(folder, |config| {
            last_one(config);
            config.bucket = Some(self.store(prefix));
        })
        .await
    }

    async fn fsck(&self, data: &Path, prefix: &str) -> Report {
        let place = self.place(data, prefix);
        check(place, Depth::Contents, &Limits::default()).await.unwrap()
    }
}

fn new_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn key(prefix: &str, id: ChunkId) -> String {
    format!("{prefix}/{}", id.store_path(".cacnk"))
}

#[tokio::test]
async fn chunks_in_a_bucket_are_taken_served_checked_and_exported() {
    let Some(bucket) = Bucket::start() else { return };
    let server = bucket.serve(new_folder(), "p").await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    assert!(!server.folder.path().join("store").exists());
    for (id, stored, _) in &build.chunks {
        assert_eq!(&fs::read(bucket.file(&key("p", *id))).unwrap(), stored);
        let path = chunk_path(*id);
        let head = server.client.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.headers()["content-length"], stored.len().to_string());
        assert_eq!(server.client.get(&path).await.bytes().await.unwrap(), stored);
        let part = server
            .client
            .request(Method::GET, &path)
            .header("range", "bytes=1-4");
        assert_eq!(part.send().await.unwrap().bytes().await.unwrap(), stored[1..5]);
    }
    let unknown = ChunkId::from_bytes([7; 32]);
    let missing = server.client.get(&chunk_path(unknown)).await;
    problem(missing, StatusCode::NOT_FOUND, "not-found").await;

    // Many at once, one of them missing.
    let mut wanted: Vec<ChunkId> = build.chunks.iter().map(|(id, ..)| *id).collect();
    wanted.insert(1, unknown);
    let asked: Vec<u8> = wanted.iter().flat_map(|id| *id.as_bytes()).collect();
    let answer = server
        .client
        .send(Method::POST, "api/v1/chunks/fetch", asked)
        .await;
    let frames = answer.bytes().await.unwrap();
    let mut expected: Vec<u8> = Vec::new();
    for id in &wanted {
        match build.chunks.iter().find(|(known, ..)| known == id) {
            Some((_, stored, _)) => {
                expected.extend((stored.len() as u32).to_le_bytes());
                expected.extend(stored);
            }
            None => expected.extend(u32::MAX.to_le_bytes()),
        }
    }
    assert!(
        frames == expected,
        "{} bytes, not {}",
        frames.len(),
        expected.len()
    );

    let report = bucket.fsck(server.folder.path(), "p").await;
    assert_eq!((report.dangling.len(), report.chunks), (0, build.chunks.len()));
    let site = new_folder();
    let place = bucket.place(server.folder.path(), "p");
    let exported = export_to(place, site.path(), &Options::default()).await.unwrap();
    assert_eq!(exported.written.chunks, build.chunks.len() as u64);
    for (address, bytes) in &files(site.path()) {
        let served = server.client.get(address).await.bytes().await.unwrap();
        assert!(served == *bytes, "{address}");
    }
    // A server that is started again finds everything.
    let folder = server.stop().await;
    let server = bucket.serve(folder, "p").await;
    assert_eq!(server.client.get("api/v1/ready").await.status(), StatusCode::OK);
    let missing = server.client.missing(&wanted).await;
    assert_eq!(missing["missing"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn while_the_bucket_does_not_answer_clients_are_told_to_come_again() {
    let Some(bucket) = Bucket::start() else { return };
    let server = bucket.serve(new_folder(), "p").await;
    let (build, other) = (Build::new("1.0.0", 1, 1), Build::new("2.0.0", 2, 2));
    server.client.publish(&build, "stable").await;
    let (id, stored, _) = &build.chunks[0];
    let (new_id, new_stored, _) = other.chunks.last().unwrap();
    let answer = |status: &str| {
        format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\nconnection: close\r\n\r\n<Error />")
    };
    for trouble in ["", "503 Slow Down", "500 Internal Server Error", "403 Forbidden"] {
        match trouble {
            "" => bucket.gate.shut(),
            status => bucket.gate.answer(&answer(status)),
        }
        for response in [
            server.client.get(&chunk_path(*id)).await,
            server.client.put_chunk(*new_id, new_stored).await,
        ] {
            let wait = response.headers()["retry-after"].to_str().unwrap().to_owned();
            assert!(wait.parse::<u32>().unwrap() > 0);
            let told = problem(response, StatusCode::SERVICE_UNAVAILABLE, "unavailable").await;
            assert!(!told.to_string().contains("127.0.0.1"), "{trouble}: {told}");
        }
        let ready = server.client.get("api/v1/ready").await;
        assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
        // What is not in the bucket goes on.
        let timestamp = format!("titles/{TITLE}/tuf/timestamp.json");
        assert_eq!(server.client.get(&timestamp).await.status(), StatusCode::OK);
        // And a check finds nothing to be lost.
        let place = bucket.place(server.folder.path(), "p");
        assert!(check(place, Depth::Contents, &Limits::default()).await.is_err());
    }
    bucket.gate.open();
    assert_eq!(
        server.client.get(&chunk_path(*id)).await.bytes().await.unwrap(),
        stored
    );
    assert_eq!(server.client.get("api/v1/ready").await.status(), StatusCode::OK);
    // The upload that failed is not there, and is taken now.
    assert_eq!(
        server.client.missing(&[*new_id]).await["missing"][0],
        new_id.to_string()
    );
    server.client.publish(&other, "stable").await;
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_is_there_is_not_created_again() {
    let Some(bucket) = Bucket::start() else { return };
    let store = bucket.store("p");
    let headers = FileHeaders {
        content_type: "text/plain",
        cache_control: "no-store",
    };
    assert!(store.create_file("f", headers, "first".into()).await.unwrap());
    assert!(!store.create_file("f", headers, "second".into()).await.unwrap());
    assert_eq!(store.get_file("f", 100).await.unwrap(), "first");
}

#[tokio::test]
async fn two_data_folders_do_not_share_a_bucket() {
    let Some(bucket) = Bucket::start() else { return };
    let first = bucket.serve(new_folder(), "p").await;
    let other = new_folder();
    let config = || ServerConfig {
        bucket: Some(bucket.store("p")),
        ..ServerConfig::local(other.path())
    };
    let refused = Server::start(config()).await.unwrap_err();
    assert!(
        matches!(refused, StartError::Storage(StorageError::OfAnother { .. })),
        "{refused:?}"
    );
    first.stop().await;
    // The first one is gone for good, and somebody says so.
    fs::remove_file(bucket.file("p/.vsekai-owner")).unwrap();
    Server::start(config()).await.unwrap().stop().await.unwrap();
}

#[tokio::test]
async fn chunks_are_not_looked_for_where_they_are_not() {
    let Some(bucket) = Bucket::start() else { return };
    let start = async |data: &Path, prefix: Option<&str>| {
        let started = Server::start(ServerConfig {
            bucket: prefix.map(|prefix| bucket.store(prefix)),
            ..ServerConfig::local(data)
        });
        match started.await {
            Ok(server) => {
                server.stop().await.unwrap();
                Ok(())
            }
            Err(StartError::Storage(error @ StorageError::Elsewhere { .. })) => Err(error.to_string()),
            Err(error) => panic!("{error}"),
        }
    };
    let (in_bucket, in_folder) = (new_folder(), new_folder());
    start(in_bucket.path(), Some("p")).await.unwrap();
    start(in_folder.path(), None).await.unwrap();
    for (data, prefix) in [
        (&in_bucket, None),
        (&in_bucket, Some("q")),
        (&in_folder, Some("p")),
        (&in_folder, Some("r")),
    ] {
        let told = start(data.path(), prefix).await.unwrap_err();
        assert!(told.contains("--chunks"), "{told}");
    }
    start(in_bucket.path(), Some("p")).await.unwrap();
    start(in_folder.path(), None).await.unwrap();
}

#[tokio::test]
async fn what_nothing_keeps_is_collected_from_a_bucket_and_what_is_not_ours_stays() {
    let Some(bucket) = Bucket::start() else { return };
    let server = TestServer::configured(new_folder(), |config| {
        last_one(config);
        config.retention.grace = Duration::from_secs(1);
        config.bucket = Some(bucket.store("p"));
    })
    .await;
    let (old, new) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    server.client.publish(&old, "stable").await;
    server.client.publish(&new, "stable").await;
    server.client.retire("stable", &old).await;
    // As a killed server leaves them: uploaded a moment ago, and long ago.
    let [young, ancient] = [8, 9].map(|byte| key("p", ChunkId::from_bytes([byte; 32])));
    let foreign = ["p/README".to_owned(), "p/0808/notes.cacnk".to_owned()];
    for path in [&young, &ancient].into_iter().chain(&foreign) {
        let path = bucket.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"x").unwrap();
        let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.file().set_modified(long_ago).unwrap();
    }
    let in_an_hour = std::time::SystemTime::now() + Duration::from_secs(3600);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(bucket.file(&young))
        .unwrap();
    file.file().set_modified(in_an_hour).unwrap();
    age(server.folder.path()).await;
    let report = server.client.collect().await;
    let is_kept = |id: &ChunkId| new.chunks.iter().any(|(kept, ..)| kept == id);
    let gone: Vec<ChunkId> = old
        .chunks
        .iter()
        .map(|(id, ..)| *id)
        .filter(|id| !is_kept(id))
        .collect();
    assert_eq!(report["chunks"]["count"], gone.len() + 1, "{report}");
    assert!(gone.iter().all(|id| !bucket.file(&key("p", *id)).exists()));
    assert!(!bucket.file(&ancient).exists());
    assert!(bucket.file(&young).exists());
    assert!(foreign.iter().all(|path| bucket.file(path).exists()));
    let found = bucket.fsck(server.folder.path(), "p").await;
    assert_eq!(
        (found.dangling.len(), found.releases, found.unreferenced),
        (0, 1, 1)
    );
    server.stop().await;
}

#[tokio::test]
async fn a_backup_of_a_bucket_is_whole_and_is_restored_to_another() {
    let Some(bucket) = Bucket::start() else { return };
    let server = bucket.serve(new_folder(), "p").await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let (whole, light, moved) = (new_folder(), new_folder(), new_folder());
    let limits = Limits::default();
    let place = bucket.place(server.folder.path(), "p");
    let copied = backup(&place, whole.path(), &limits).await.unwrap();
    assert_eq!(copied.chunks, build.chunks.len());
    let report = check(whole.path(), Depth::Contents, &limits).await.unwrap();
    assert!(report.dangling.is_empty(), "{:?}", report.dangling);
    let copied = backup_without_chunks(&place, light.path(), &limits)
        .await
        .unwrap();
    assert_eq!((copied.chunks, copied.documents), (0, 3));
    server.stop().await;

    let restored = backup(whole.path(), bucket.place(moved.path(), "q"), &limits).await;
    assert_eq!(restored.unwrap().chunks, build.chunks.len());
    assert!(bucket.fsck(moved.path(), "q").await.dangling.is_empty());
    let server = bucket.serve(moved, "q").await;
    let (id, stored, _) = &build.chunks[0];
    assert_eq!(
        server.client.get(&chunk_path(*id)).await.bytes().await.unwrap(),
        stored
    );
    server.stop().await;

    // The light one takes the bucket that is still there, once its owner is gone.
    let again = new_folder();
    let place = bucket.place(again.path(), "p");
    assert!(backup(light.path(), &place, &limits).await.is_err());
    fs::remove_file(bucket.file("p/.vsekai-owner")).unwrap();
    assert_eq!(backup(light.path(), &place, &limits).await.unwrap().chunks, 0);
    assert!(bucket.fsck(again.path(), "p").await.dangling.is_empty());
}

#[tokio::test]
async fn damage_in_a_bucket_is_found_and_healed_by_publishing_again() {
    let Some(bucket) = Bucket::start() else { return };
    let server = bucket.serve(new_folder(), "p").await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let [lost, longer, flipped] = [0, 1, 2].map(|at| build.chunks[at].0);
    let file = |id| bucket.file(&key("p", id));
    fs::remove_file(file(lost)).unwrap();
    fs::write(file(longer), [fs::read(file(longer)).unwrap(), vec![0]].concat()).unwrap();
    let mut bytes = fs::read(file(flipped)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file(flipped), bytes).unwrap();
    let report = bucket.fsck(server.folder.path(), "p").await;
    assert_eq!(report.lost_chunks.len(), 3, "{:?}", report.dangling);
    let place = bucket.place(server.folder.path(), "p");
    let forgotten = forget_lost_chunks(place, &report, &Limits::default()).await;
    assert_eq!(forgotten.unwrap(), 3);
    server.client.put_chunks(&build).await;
    // A server that stops enters in the ledger what was uploaded.
    let folder = server.stop().await;
    let healed = bucket.fsck(folder.path(), "p").await;
    assert!(healed.dangling.is_empty(), "{:?}", healed.dangling);
}

const NAME: &str = "chunks";
