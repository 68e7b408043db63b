// SPDX-License-Identifier: MIT
//! Our commands against desync's own chunk and index servers.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Place, desync, noise, ours, ours_ok};

/// A server that ends with the test.
struct Server(Child, u16);

impl Server {
    fn start(desync: &Path, command: &str, store: &str, extra: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut server = Command::new(desync);
        let listen = format!("127.0.0.1:{port}");
        server
            .args([command, "-w", "-s", store, "-l", &listen])
            .args(extra);
        let child = server
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child, port);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{command} does not answer"
            );
            std::thread::yield_now();
        }
        server
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}/", self.1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn chunks_and_indexes_go_to_desyncs_servers_and_come_back() {
    let Some(desync) = desync() else { return };
    let place = Place::new();
    let file = place.file("blob", noise(3, 2_000_000));
    let chunks = Server::start(&desync, "chunk-server", &place.folder("chunks"), &[]);
    let indexes = Server::start(&desync, "index-server", &place.folder("indexes"), &[]);
    let (store, index) = (chunks.address(), format!("{}i.caibx", indexes.address()));
    ours_ok(&["make", "-s", &store, &index, &file]);
    let output = place.at("out");
    let cache = place.folder("cache");
    ours_ok(&["extract", "-s", &store, "-c", &cache, &index, &output]);
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
    let server = Server::start(&desync, "chunk-server", &place.folder("chunks"), &extra);
    let (store, index) = (server.address(), place.at("i.caibx"));
    assert_eq!(ours(&["make", "-s", &store, &index, &file]).code, 1);
    let config = format!(
        r#"{{"store-options": {{"{store}": {{"uncompressed": true, "http-auth": "Bearer secret"}}}}}}"#
    );
    let config = place.file("config.json", config.as_bytes());
    ours_ok(&["make", "--config", &config, "-s", &store, &index, &file]);
    let output = place.at("out");
    ours_ok(&["extract", "--config", &config, "-s", &store, &index, &output]);
    assert!(fs_err::read(&file).unwrap() == fs_err::read(&output).unwrap());
}
