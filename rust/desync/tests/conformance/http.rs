// SPDX-License-Identifier: MIT
//! Our commands against desync's own chunk and index servers.

use vsekai_tests::stock::DesyncServer;

use crate::common::{Place, desync, noise, ours, ours_ok};

#[test]
fn chunks_and_indexes_go_to_desyncs_servers_and_come_back() {
    let Some(desync) = desync() else { return };
    let place = Place::new();
    let file = place.file("blob", noise(3, 2_000_000));
    let start = |kind, folder| DesyncServer::start(&desync, kind, place.folder(folder).as_ref(), &[]);
    let chunks = start("chunk-server", "chunks");
    let indexes = start("index-server", "indexes");
    let (store, index) = (chunks.address(), format!("{}i.caibx", indexes.address()));
    ours_ok(&["make", "-s", store, &index, &file]);
    let output = place.at("out");
    let cache = place.folder("cache");
    ours_ok(&["extract", "-s", store, "-c", &cache, &index, &output]);
    assert!(fs_err::read(&file).unwrap() == fs_err::read(&output).unwrap());
    ours_ok(&["verify", "-s", &cache]);
    ours_ok(&["verify-index", &index, &file]);
}

#[test]
fn uncompressed_servers_and_passwords_are_configured_as_for_desync() {
    let Some(desync) = desync() else { return };
    let place = Place::new();
    let file = place.file("blob", noise(4, 500_000));
    let extra = ["-u", "--authorization", "Bearer secret"];
    let folder = place.folder("chunks");
    let server = DesyncServer::start(&desync, "chunk-server", folder.as_ref(), &extra);
    let (store, index) = (server.address(), place.at("i.caibx"));
    assert_eq!(ours(&["make", "-s", store, &index, &file]).code, 1);
    let config = format!(
        r#"{{"store-options": {{"{store}": {{"uncompressed": true, "http-auth": "Bearer secret"}}}}}}"#
    );
    let config = place.file("config.json", config.as_bytes());
    ours_ok(&["make", "--config", &config, "-s", store, &index, &file]);
    let output = place.at("out");
    ours_ok(&["extract", "--config", &config, "-s", store, &index, &output]);
    assert!(fs_err::read(&file).unwrap() == fs_err::read(&output).unwrap());
}
