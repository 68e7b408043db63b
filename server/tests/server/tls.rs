// SPDX-License-Identifier: MIT
//! Serving over TLS, and certificates that are replaced while connections are open.

use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Client, Version};
use tempfile::TempDir;
use tokio::time::{interval, timeout};
use vsekai_server::TlsFiles;

use crate::client::TestServer;
use crate::program::{Program, run, text};

/// An authority, and a certificate of it for the server of one test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes a certificate for 127.0.0.1 and its key.
    fn issue(&self, files: &TlsFiles) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        fs::write(&files.certificate, certificate.pem()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
    }

    /// A client that trusts this authority alone.
    fn client(&self) -> Client {
        let authority = reqwest::Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        Client::builder()
            .no_proxy()
            .tls_certs_only([authority])
            .build()
            .unwrap()
    }
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
        client_authorities: None,
    }
}

async fn start(authority: &Authority) -> (TestServer, TlsFiles, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    authority.issue(&files);
    let data = tempfile::tempdir().unwrap();
    let server = TestServer::configured(data, |config| config.tls = Some(files.clone())).await;
    (server, files, folder)
}

#[tokio::test]
async fn both_protocols_are_served_over_tls() {
    let authority = Authority::new();
    let (server, _files, _folder) = start(&authority).await;
    let health = format!("{}/api/v1/health", server.running.url());
    assert!(health.starts_with("https://"));
    let answer = authority.client().get(&health).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_2)
    );
    let older = Client::builder()
        .no_proxy()
        .http1_only()
        .tls_danger_accept_invalid_certs(true)
        .build()
        .unwrap();
    let answer = older.get(&health).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, Version::HTTP_11)
    );
    assert!(Authority::new().client().get(&health).send().await.is_err());
    let plain = health.replace("https://", "http://");
    assert!(older.get(&plain).send().await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_ends_none() {
    let (first, second) = (Authority::new(), Authority::new());
    let (server, files, _folder) = start(&first).await;
    let health = format!("{}/api/v1/health", server.running.url());
    let (before, after) = (first.client(), second.client());
    assert!(before.get(&health).send().await.is_ok());
    assert!(after.get(&health).send().await.is_err());
    assert!(
        !server.running.reload_certificate().await.unwrap(),
        "nothing has changed"
    );
    second.issue(&files);
    server.running.reload_certificate().await.unwrap();
    assert!(after.get(&health).send().await.is_ok());
    // Its connection was made with the certificate before, which no new one gets.
    assert!(before.get(&health).send().await.is_ok());
    assert!(first.client().get(&health).send().await.is_err());

    fs::write(&files.key, "no key").unwrap();
    let refused = server.running.reload_certificate().await.unwrap_err();
    assert!(refused.to_string().contains("key.pem"), "{refused}");
    assert!(
        second.client().get(&health).send().await.is_ok(),
        "the one before stays"
    );
    server.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_program_reads_its_certificate_again_at_sighup() {
    let (first, second) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let data = folder.path().join("data");
    let arguments = [
        "--tls-cert",
        files.certificate.to_str().unwrap(),
        "--tls-key",
        files.key.to_str().unwrap(),
    ];
    first.issue(&files);
    let program = Program::serve_with(&data, &arguments);
    let health = format!("{}/api/v1/health", program.url);
    assert!(first.client().get(&health).send().await.is_ok());
    second.issue(&files);
    program.signal("HUP");
    let replaced = async {
        let mut ticks = interval(Duration::from_millis(20));
        while second.client().get(&health).send().await.is_err() {
            ticks.tick().await;
        }
    };
    timeout(Duration::from_secs(30), replaced)
        .await
        .expect("the new certificate");
    assert_eq!(program.terminate(), Some(0));

    fs::write(&files.certificate, "no certificate").unwrap();
    let refused = run(&data, &[&["--listen", "127.0.0.1:0"], &arguments[..]].concat());
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("certificate.pem cannot be used"),
        "{}",
        text(&refused.stderr)
    );
}
