// SPDX-License-Identifier: MIT
//! Encrypted connections: who is believed, and who may come in.

mod support;

use std::time::Duration;

use fs_err as fs;
use support::tls_server::{Authority, TlsServer};
use vsekai_store::config::Config;
use vsekai_store::http::{OriginError, ProxyChoice, ServerTrust};
use vsekai_store::{HttpOptions, HttpOrigin, IndexLocation, RetryPolicy, Secret, StoreError, StoreOpener};

fn options(trust: ServerTrust) -> HttpOptions {
    HttpOptions {
        stall_timeout: Duration::from_secs(5),
        retry: RetryPolicy::NEVER,
        proxy: ProxyChoice::Direct,
        trust,
        ..HttpOptions::default()
    }
}

async fn get(url: &str, options: HttpOptions) -> Result<bytes::Bytes, StoreError> {
    HttpOrigin::new(url, options).unwrap().get_bounded("x", 100).await
}

fn identity(authority: &Authority) -> Secret {
    let (certificate, key) = authority.issue("client");
    Secret::new(format!("{}\n{}", certificate.pem(), key.serialize_pem()))
}

#[tokio::test]
async fn only_the_authorities_given_are_believed() {
    let (right, wrong) = (Authority::new(), Authority::new());
    let server = TlsServer::start(&right, None, OK).await;
    assert_eq!(
        get(&server.url(), options(ServerTrust::Only(right.pem())))
            .await
            .unwrap(),
        "hello"
    );
    let both = [wrong.pem(), right.pem()].concat();
    assert_eq!(
        get(&server.url(), options(ServerTrust::Only(both)))
            .await
            .unwrap(),
        "hello"
    );
    for trust in [ServerTrust::Only(wrong.pem()), ServerTrust::System] {
        let outcome = get(&server.url(), options(trust)).await;
        assert!(
            matches!(outcome, Err(StoreError::Unreachable { .. })),
            "{outcome:?}"
        );
        assert!(outcome.unwrap_err().to_string().contains("certificate"));
    }
    assert_eq!(
        get(&server.url(), options(ServerTrust::UnsafeAnyone))
            .await
            .unwrap(),
        "hello"
    );
}

#[tokio::test]
async fn a_client_certificate_opens_a_server_that_wants_one() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let server = TlsServer::start(&servers, Some(&clients), OK).await;
    let trust = || ServerTrust::Only(servers.pem());
    let known = HttpOptions {
        identity: Some(identity(&clients)),
        ..options(trust())
    };
    assert_eq!(get(&server.url(), known).await.unwrap(), "hello");
    let forged = HttpOptions {
        identity: Some(identity(&servers)),
        ..options(trust())
    };
    assert!(get(&server.url(), forged).await.is_err());
    assert!(get(&server.url(), options(trust())).await.is_err());
}

#[tokio::test]
async fn a_redirect_never_gives_up_encryption() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority, None, DOWNGRADE).await;
    let outcome = get(&server.url(), options(ServerTrust::Only(authority.pem()))).await;
    match outcome {
        Err(StoreError::Refused { reason, .. }) => assert!(reason.contains("not encrypted"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn certificates_named_in_the_configuration_are_used() {
    let (servers, clients) = (Authority::new(), Authority::new());
    let server = TlsServer::start(&servers, Some(&clients), OK).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = clients.issue("client");
    let ca = write("ca.pem", &servers.pem());
    let certificate = write("cert.pem", certificate.pem().as_bytes());
    let key = write("key.pem", key.serialize_pem().as_bytes());
    let open = |options: serde_json::Value| {
        let json = serde_json::json!({"store-options": {server.url(): options}}).to_string();
        let opener = StoreOpener {
            config: Config::parse(json.as_bytes()).unwrap(),
            http: self::options(ServerTrust::System),
            ..StoreOpener::default()
        };
        let location = IndexLocation::parse(&format!("{}index.caibx", server.url())).unwrap();
        opener.open_index(&location).map(|store| (store, location.name))
    };
    let all = serde_json::json!({"ca-cert": ca, "client-cert": certificate, "client-key": key});
    let (store, name) = open(all).unwrap();
    assert_eq!(store.get_index(&name, 100).await.unwrap(), "hello");
    let error = open(serde_json::json!({"client-cert": certificate})).unwrap_err();
    assert!(error.to_string().contains("together"), "{error}");
    let missing = folder.path().join("missing.pem");
    let error = open(serde_json::json!({"ca-cert": missing})).unwrap_err();
    assert!(error.to_string().contains("missing.pem"), "{error}");
}

#[test]
fn certificates_that_are_none_are_refused_without_being_shown() {
    let wrong = HttpOptions {
        identity: Some(Secret::from("secret junk")),
        ..options(ServerTrust::System)
    };
    let error = HttpOrigin::new("https://localhost/", wrong).unwrap_err();
    assert!(
        matches!(error, OriginError::Identity(_)) && !error.to_string().contains("junk"),
        "{error}"
    );
    for pem in ["", "junk"] {
        let wrong = options(ServerTrust::Only(pem.as_bytes().to_vec()));
        let error = HttpOrigin::new("https://localhost/", wrong).unwrap_err();
        assert!(matches!(error, OriginError::Authorities(_)), "{error}");
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
const DOWNGRADE: &str =
    "HTTP/1.1 302 Found\r\nlocation: http://localhost:1/x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
