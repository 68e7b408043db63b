// SPDX-License-Identifier: MIT
//! Backups: taken from a running server, complete, and servers' data folders themselves.

use fs_err as fs;
use reqwest::StatusCode;
use vsekai_server::backup::backup;
use vsekai_server::{Limits, Server, ServerConfig};

use crate::build::Build;
use crate::client::{TestServer, chunk_path};

#[tokio::test]
async fn a_backup_of_a_running_server_can_be_served() {
    let server = TestServer::start().await;
    let (first, second) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    let target = tempfile::tempdir().unwrap();
    server.client.publish(&first, "stable").await;
    let copied = backup(server.folder.path(), target.path(), &Limits::default())
        .await
        .unwrap();
    assert_eq!((copied.chunks, copied.documents), (first.chunks.len(), 3));

    server.client.publish(&second, "stable").await;
    let copied = backup(server.folder.path(), target.path(), &Limits::default())
        .await
        .unwrap();
    let new = second
        .chunks
        .iter()
        .filter(|(id, ..)| !first.chunks.iter().any(|(known, ..)| known == id));
    assert_eq!((copied.chunks, copied.documents), (new.count(), 3));
    let again = backup(server.folder.path(), target.path(), &Limits::default())
        .await
        .unwrap();
    assert_eq!((again.chunks, again.documents, again.bytes), (0, 0, 0));
    server.stop().await;

    let restored = TestServer::open(target, Limits::default()).await;
    assert!(restored.fsck().await.dangling.is_empty());
    assert_eq!(restored.fsck().await.unreferenced, 0);
    for (id, stored, _) in &second.chunks {
        assert_eq!(
            restored.client.get(&chunk_path(*id)).await.bytes().await.unwrap(),
            stored
        );
    }
    let again = restored.client.post_release(&second, "stable").await;
    assert_eq!(again.status(), StatusCode::OK);
    restored.stop().await;
}

#[tokio::test]
async fn a_backup_refuses_damaged_files_and_folders_in_use() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let data = server.folder.path();
    assert!(
        backup(data, data, &Limits::default()).await.is_err(),
        "a server runs there"
    );

    let target = tempfile::tempdir().unwrap();
    let other = Server::start(ServerConfig::local(target.path())).await.unwrap();
    assert!(
        backup(data, target.path(), &Limits::default()).await.is_err(),
        "a server runs there too"
    );
    other.stop().await.unwrap();

    backup(data, target.path(), &Limits::default()).await.unwrap();
    server.client.publish(&Build::new("1.1.0", 2, 2), "stable").await;
    let path = data.join(chunk_path(Build::new("1.1.0", 2, 2).chunks[4].0));
    let mut bytes = fs::read(&path).unwrap();
    bytes[20] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(backup(data, target.path(), &Limits::default()).await.is_err());
    server.stop().await;
    // The backup before is still whole.
    let restored = TestServer::open(target, Limits::default()).await;
    assert!(restored.fsck().await.dangling.is_empty());
    assert_eq!(restored.fsck().await.releases, 1);
    restored.stop().await;
}
