// SPDX-License-Identifier: MIT
//! Flags, environment and configuration file, brought together: the first that says something wins.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use ipnet::IpNet;
use serde::Deserialize;
use vsekai_formats::release::Slug;
use vsekai_server::storage::DataPlace;
use vsekai_server::{Limits, Retention, Signing, TlsFiles};
use vsekai_store::s3::S3Store;
use vsekai_store::{HttpOptions, Location, RetryPolicy, bounded};

use super::bucket::{Buckets, FileBuckets};
use super::{DEFAULT_LISTEN, LogFormat, Options, ServeOptions};

/// Everything the program needs to know.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The data folder.
    pub data: PathBuf,
    /// The bucket its chunks are in; without one they are in the folder.
    pub bucket: Option<S3Store>,
    /// What is known about S3 servers.
    pub buckets: Buckets,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The certificate to serve with.
    pub tls: Option<TlsFiles>,
    /// Where to write the base address once it is known.
    pub ready_file: Option<PathBuf>,
    /// Whether to keep a token for development.
    pub dev: bool,
    /// Titles to make keys for; none unless it is for development.
    pub dev_titles: Vec<Slug>,
    /// How long what the server signs holds.
    pub signing: Signing,
    /// What is kept, and when the rest is collected.
    pub retention: Retention,
    /// Form of the log.
    pub log_format: LogFormat,
    /// The bounds put on clients.
    pub limits: Limits,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    chunks: Option<String>,
    s3_endpoint: Option<String>,
    s3_region: Option<String>,
    s3_credentials: Option<PathBuf>,
    listen: Option<SocketAddr>,
    log_format: Option<LogFormat>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    dev: bool,
    dev_titles: Vec<Slug>,
    limits: Limits,
    signing: Signing,
    retention: Retention,
}

impl Settings {
    /// Brings the three sources together; clap has put flags before the environment already. Without
    /// `needs_data` the data folder may be left open.
    pub(super) fn resolve(options: &Options, serve: &ServeOptions, needs_data: bool) -> anyhow::Result<Self> {
        let file = options
            .config
            .as_deref()
            .map(read)
            .transpose()?
            .unwrap_or_default();
        let data = options.data.clone().or(file.data);
        let data = data.or_else(|| (!needs_data).then(PathBuf::new));
        let dev = serve.dev || file.dev;
        let dev_titles = [serve.dev_titles.clone(), file.dev_titles]
            .into_iter()
            .find(|titles| !titles.is_empty());
        let mut limits = file.limits;
        for network in &serve.trust_proxies {
            limits.trust_proxies.push(proxy(network)?);
        }
        check_memory(&limits)?;
        let tls = match (
            serve.tls_cert.clone().or(file.tls_cert),
            serve.tls_key.clone().or(file.tls_key),
        ) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate,
                key,
                client_authorities: None,
            }),
            (None, None) => None,
            _ => bail!("serving over TLS takes both, a certificate (tls_cert) and its key (tls_key)"),
        };
        let buckets = Buckets::new(
            &options.buckets,
            FileBuckets {
                s3_endpoint: file.s3_endpoint,
                s3_region: file.s3_region,
                s3_credentials: file.s3_credentials,
            },
        );
        let bucket = match options.chunks.clone().or(file.chunks) {
            Some(place) => Some(chunk_bucket(&place, &buckets, &limits)?),
            None => None,
        };
        let default_title = || DEFAULT_TITLE.parse().map(|title| vec![title]);
        Ok(Self {
            data: data
                .context("which data folder? Give --data DIR, VSEKAI_SERVER_DATA, or data in the file")?,
            bucket,
            buckets,
            listen: serve.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
            tls,
            ready_file: serve.ready_file.clone(),
            dev,
            dev_titles: match (dev, dev_titles) {
                (false, _) => Vec::new(),
                (true, Some(titles)) => titles,
                (true, None) => default_title()?,
            },
            signing: file.signing,
            retention: file.retention,
            log_format: options.log_format.or(file.log_format).unwrap_or_default(),
            limits,
        })
    }

    /// Returns the data folder with its chunks.
    pub(super) fn place(&self) -> DataPlace {
        DataPlace {
            root: self.data.clone(),
            bucket: self.bucket.clone(),
        }
    }
}

/// Opens the bucket that chunks are in. Players wait for it, and come again: so it is not waited for as long as other
/// servers are.
fn chunk_bucket(place: &str, buckets: &Buckets, limits: &Limits) -> anyhow::Result<S3Store> {
    let Location::S3(location) = buckets.location(place).context("read --chunks")? else {
        bail!("--chunks {place} is no bucket: use s3://BUCKET/PREFIX or s3+https://HOST/BUCKET/PREFIX");
    };
    let options = HttpOptions {
        connect_timeout: Duration::from_secs(5),
        total_timeout: Some(Duration::from_secs(60)),
        retry: RetryPolicy {
            attempts: 3,
            base: Duration::from_millis(200),
            ..RetryPolicy::default()
        },
        ..HttpOptions::default()
    };
    buckets.open(&location, &options, limits)
}

/// Refuses memory in which one upload alone has no room: who sends it would be told to come again for ever.
fn check_memory(limits: &Limits) -> anyhow::Result<()> {
    let (memory, most) = (limits.upload_memory, limits.largest_upload());
    if memory < most {
        bail!(
            "upload_memory is {memory} bytes, and the other limits allow an upload of {most}: raise it to that at \
             least, or lower chunk_bytes or index_bytes"
        );
    }
    Ok(())
}

/// The title that a server for development begins unless it is told others.
const DEFAULT_TITLE: &str = "vsekai";
/// Longest configuration file, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Reads a network, or one address.
fn proxy(text: &str) -> anyhow::Result<IpNet> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse()).with_context(|| {
        format!("{text:?} is no network of proxies: use one such as 127.0.0.1 or 10.0.0.0/8")
    })
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text = bounded::read_text_file(path, MAX_BYTES)?;
    toml::from_str(&text).with_context(|| format!("read the configuration file {}", path.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use fs_err as fs;
    use vsekai_store::ChunkStore as _;

    use super::super::Arguments;
    use super::*;

    fn resolve(arguments: &[&str]) -> anyhow::Result<Settings> {
        let arguments = Arguments::try_parse_from([&["vsekai-server"], arguments].concat())?;
        Settings::resolve(&arguments.options, &arguments.serve, true)
    }

    #[test]
    fn a_data_folder_is_all_it_needs() {
        let settings = resolve(&["--data", "somewhere"]).unwrap();
        assert_eq!(settings.listen, "127.0.0.1:7780".parse().unwrap());
        assert!(!settings.dev);
        assert!(resolve(&[]).is_err());
    }

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.toml");
        let text = "data = \"from-file\"\nlisten = \"0.0.0.0:80\"\nlog_format = \"json\"\n\
			[limits]\nconnections = 7\nhead_timeout = 3\n";
        fs::write(&path, text).unwrap();
        let file = path.to_str().unwrap();
        let settings = resolve(&["--config", file, "--data", "from-flag"]).unwrap();
        assert_eq!(settings.data, Path::new("from-flag"));
        assert_eq!(settings.listen, "0.0.0.0:80".parse().unwrap());
        assert_eq!(settings.log_format, LogFormat::Json);
        assert_eq!(settings.limits.connections, 7);
        assert_eq!(settings.limits.head_timeout.as_secs(), 3);
        assert_eq!(settings.limits.http2_streams, Limits::default().http2_streams);
    }

    #[test]
    fn proxies_are_named_by_network_or_address() {
        let named = [
            "--data",
            "d",
            "--trust-proxy",
            "127.0.0.1,10.0.0.0/8",
            "--trust-proxy",
            "::1",
        ];
        let limits = resolve(&named).unwrap().limits;
        for trusted in ["127.0.0.1", "10.9.8.7", "::1", "::ffff:10.0.0.1"] {
            assert!(limits.trusts(trusted.parse().unwrap()), "{trusted}");
        }
        for other in ["127.0.0.2", "11.0.0.1", "::2"] {
            assert!(!limits.trusts(other.parse().unwrap()), "{other}");
        }
        assert!(resolve(&["--data", "d", "--trust-proxy", "everybody"]).is_err());
    }

    #[test]
    fn chunks_are_in_a_bucket_if_one_is_named() {
        let named = [
            "--data",
            "d",
            "--s3-endpoint",
            "http://127.0.0.1:1/",
            "--chunks",
            "s3://b/p",
        ];
        let settings = resolve(&named).unwrap();
        assert_eq!(settings.bucket.unwrap().name(), "s3+http://127.0.0.1:1/b/p");
        for wrong in ["s3://", "folder", "https://somewhere/"] {
            assert!(resolve(&["--data", "d", "--chunks", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bucket_takes_a_whole_key_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        let bucket = ["--data", "d", "--chunks", "s3://b/p"];
        let told = |more: [&str; 2]| {
            resolve(&[&bucket[..], &more[..]].concat())
                .unwrap_err()
                .to_string()
        };
        let half = told(["--s3-access-key", "id"]);
        assert!(half.contains("AWS_SECRET_ACCESS_KEY"), "{half}");
        fs::write(&path, "[other]\naws_access_key_id = id\n").unwrap();
        let file = ["--s3-credentials", path.to_str().unwrap()];
        assert!(told(file).contains("[default]"));
        fs::write(
            &path,
            "[default]\naws_access_key_id = id\naws_secret_access_key = word\n",
        )
        .unwrap();
        assert!(resolve(&[&bucket[..], &file[..]].concat()).is_ok());
    }

    #[test]
    fn the_secret_of_a_bucket_is_not_shown() {
        let named = [
            "--data",
            "d",
            "--s3-access-key",
            "id",
            "--s3-secret-key",
            "hidden-word",
        ];
        let arguments = Arguments::try_parse_from([&["vsekai-server"], &named[..]].concat()).unwrap();
        let settings = resolve(&named).unwrap();
        assert!(!format!("{arguments:?} {settings:?}").contains("hidden-word"));
    }

    #[test]
    fn a_certificate_takes_a_key() {
        let both = resolve(&["--data", "d", "--tls-cert", "c.pem", "--tls-key", "k.pem"]).unwrap();
        assert_eq!(both.tls.unwrap().key, Path::new("k.pem"));
        assert!(resolve(&["--data", "d", "--tls-cert", "c.pem"]).is_err());
    }

    #[test]
    fn memory_without_room_for_the_largest_upload_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.toml");
        let resolved = |limits: &str| {
            fs::write(&path, format!("data = \"d\"\n[limits]\n{limits}\n")).unwrap();
            resolve(&["--config", path.to_str().unwrap()])
        };
        let least = Limits::default().largest_upload();
        assert!(resolved(&format!("upload_memory = {least}")).is_ok());
        let refused = resolved(&format!("upload_memory = {}", least - 1)).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains(&format!("allow an upload of {least}: ")),
            "{refused}"
        );
        for limits in [
            "upload_memory = 1048576",
            "index_bytes = 1073741824",
            "chunk_bytes = 1073741824",
        ] {
            assert!(resolved(limits).is_err(), "{limits}");
        }
    }

    #[test]
    fn the_reference_has_every_limit_with_its_default() {
        let reference = include_str!("../../../docs/server.md");
        let mut tables = reference
            .split("```toml\n")
            .filter_map(|rest| rest.split("```").next());
        let table = tables.find(|table| table.starts_with("[limits]\n")).unwrap();
        let file: File = toml::from_str(table).unwrap();
        assert_eq!(file.limits, Limits::default());
        let named: Vec<&str> = table
            .lines()
            .filter_map(|line| Some(line.split_once(" = ")?.0))
            .collect();
        let shown = format!("{:#?}", Limits::default());
        let fields = shown
            .lines()
            .filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
        for (field, _) in fields.filter(|(field, _)| !field.starts_with(' ')) {
            assert!(named.contains(&field), "{field}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.toml");
        fs::write(&path, "data = \"d\"\n[limits]\nconections = 7\n").unwrap();
        let error = resolve(&["--config", path.to_str().unwrap()]).unwrap_err();
        assert!(format!("{error:#}").contains("conections"), "{error:#}");
    }
}
