// SPDX-License-Identifier: MIT
//! The command line, with desync's names and flags.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use vsekai_formats::{ChunkSizes, DigestAlgorithm};
use vsekai_store::config::StoreOptions;

/// A whole command line, for a program of the name `desync`.
#[derive(Debug, Parser)]
#[command(
    name = "desync",
    about = "Work with chunk stores, indexes and archives as desync and casync do",
    subcommand_required = true,
    arg_required_else_help = true,
    args_override_self = true
)]
pub struct DesyncCli {
    /// Everything but `--verbose`.
    #[command(flatten)]
    pub args: DesyncArgs,
    /// Print details
    #[arg(long, global = true)]
    pub verbose: bool,
}

/// The commands of desync and the flags all of them take; `vsekai desync` takes the same.
#[derive(Debug, Args)]
pub struct DesyncArgs {
    /// Configuration file [default: config.json in desync's own folder]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Hash function of new indexes and of the store to verify; existing indexes name their own
    #[arg(long, global = true, value_name = "NAME", default_value = "sha512-256")]
    pub digest: Digest,
    /// What to do.
    #[command(subcommand)]
    pub command: DesyncCommand,
}

/// A hash function, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Digest {
    /// SHA-512/256.
    #[value(name = "sha512-256")]
    Sha512_256,
    /// SHA-256.
    #[value(name = "sha256")]
    Sha256,
}

impl From<Digest> for DigestAlgorithm {
    fn from(digest: Digest) -> Self {
        match digest {
            Digest::Sha512_256 => Self::Sha512_256,
            Digest::Sha256 => Self::Sha256,
        }
    }
}

/// What to do; the same as the command of that name in desync.
#[derive(Debug, Subcommand)]
pub enum DesyncCommand {
    /// Chunk a file and write its index
    Make(MakeArgs),
    /// Rebuild a file from its index
    Extract(ExtractArgs),
    /// Write a file, or a part of it, to standard output
    Cat(CatArgs),
    /// Print where a file would be cut
    Chunk(ChunkArgs),
    /// Store the chunks of a file that has an index
    Chop(ChopArgs),
    /// Copy the chunks of indexes from one store to another
    Cache(CacheArgs),
    /// Pack a folder into an archive or an index
    Tar(TarArgs),
    /// Unpack an archive or index into a folder; files that are right already are left alone
    Untar(UntarArgs),
    /// List an archive, index or folder in mtree format
    Mtree(MtreeArgs),
    /// Show figures about an index
    Info(InfoArgs),
    /// List the sizes of an index's chunks as JSON
    InspectChunks(InspectArgs),
    /// List the ids of an index's chunks
    ListChunks(ListArgs),
    /// Check every chunk of a local store
    Verify(VerifyArgs),
    /// Check a file against its index
    VerifyIndex(VerifyIndexArgs),
    /// Delete the chunks of a store that no index needs
    Prune(PruneArgs),
    /// Print or write the configuration
    Config(ConfigArgs),
    /// Serve the chunks of a local store to casync or desync at the other end of ssh
    Pull(PullArgs),
}

/// How stores are reached.
#[derive(Clone, Debug, Args)]
pub struct StoreArgs {
    /// Chunks worked on at the same time; more than 512 count as 512
    #[arg(short = 'n', long, value_name = "N", default_value = "10", value_parser = parse_concurrency, allow_negative_numbers = true)]
    pub concurrency: u16,
    /// Certificate to show to servers, in PEM
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// The certificate's key, in PEM
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
    /// Trust the authorities in this file, in place of the system's
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<PathBuf>,
    /// Accept any server certificate; =false overrides a configuration that does
    #[arg(short = 't', long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), hide_possible_values = true)]
    pub trust_insecure: Option<bool>,
    /// Replace damaged chunks in the cache; they always are
    #[arg(short = 'r', long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", value_parser = BoolishValueParser::new(), hide = true)]
    pub cache_repair: bool,
    /// Attempts for each request, all in all [default: 3]
    #[arg(short = 'e', long, value_name = "N", allow_negative_numbers = true)]
    pub error_retry: Option<i64>,
    /// Wait before the second attempt, such as 500ms or 2s [default: 500ms]
    #[arg(short = 'b', long, value_name = "TIME", value_parser = parse_duration, allow_hyphen_values = true)]
    pub error_retry_base_interval: Option<Duration>,
}

impl StoreArgs {
    /// Returns the options that were given, which go before those of the configuration.
    pub(crate) fn given(&self) -> StoreOptions {
        let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        StoreOptions {
            error_retry: self.error_retry,
            error_retry_base_interval: self.error_retry_base_interval.map(nanoseconds),
            client_cert: self.client_cert.clone(),
            client_key: self.client_key.clone(),
            ca_cert: self.ca_cert.clone(),
            trust_insecure: self.trust_insecure,
            ..StoreOptions::default()
        }
    }
}

/// Where chunks come from.
#[derive(Clone, Debug, Args)]
pub struct SourceArgs {
    /// Stores to take chunks from, asked in order; "a|b" is a group that stands in for one another
    #[arg(
        short = 's',
        long = "store",
        value_name = "LOCATION",
        value_delimiter = ',',
        required = true
    )]
    pub stores: Vec<String>,
    /// Store to keep chunks in that came from the others
    #[arg(short = 'c', long, value_name = "LOCATION")]
    pub cache: Option<String>,
    /// How stores are reached.
    #[command(flatten)]
    pub store: StoreArgs,
}

/// How new indexes are cut.
#[derive(Clone, Debug, Args)]
pub struct CutArgs {
    /// Smallest, average and largest chunk, in KiB
    #[arg(
        short = 'm',
        long = "chunk-size",
        value_name = "MIN:AVG:MAX",
        default_value = "16:64:256"
    )]
    pub sizes: ChunkSizes,
    /// Where to cut; use the one the store's other data was cut with
    #[arg(long, value_name = "NAME", default_value = "modern")]
    pub chunker: ChunkerName,
}

/// A chunker, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ChunkerName {
    /// As desync after 1.0.4; equal to casync at usual sizes
    Modern,
    /// As casync
    Casync,
    /// As desync up to 1.0.4
    Legacy,
    /// FastCDC: quicker, and not what desync cuts
    Fastcdc,
}

/// `make`
#[derive(Debug, Args)]
pub struct MakeArgs {
    /// Index to write, - for standard output
    pub index: String,
    /// File to chunk
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Store to put the chunks into
    #[arg(short = 's', long, value_name = "LOCATION")]
    pub store: Option<String>,
    /// How to cut.
    #[command(flatten)]
    pub cut: CutArgs,
    /// Print how many chunks were cut and kept, as JSON on standard error
    #[arg(long)]
    pub print_stats: bool,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// `extract`
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// Index to read, - for standard input
    pub index: String,
    /// File to write
    #[arg(value_hint = ValueHint::FilePath)]
    pub output: PathBuf,
    /// Indexes of files at hand, as INDEX (data beside it) or INDEX:DATA
    #[arg(long = "seed", value_name = "INDEX[:DATA]", value_delimiter = ',')]
    pub seeds: Vec<String>,
    /// Folders with indexes and the files they describe
    #[arg(long = "seed-dir", value_name = "DIR", value_delimiter = ',')]
    pub seed_dirs: Vec<PathBuf>,
    /// Change the file in place and keep what is right of it, also if something fails
    #[arg(short = 'k', long)]
    pub in_place: bool,
    /// Do without seeds that do not match their index
    #[arg(long, conflicts_with = "regenerate_invalid_seeds")]
    pub skip_invalid_seeds: bool,
    /// Chunk seeds again that do not match their index
    #[arg(long)]
    pub regenerate_invalid_seeds: bool,
    /// Print where the chunks came from, as JSON
    #[arg(long)]
    pub print_stats: bool,
    /// Where chunks come from.
    #[command(flatten)]
    pub source: SourceArgs,
}

/// `cat`
#[derive(Debug, Args)]
pub struct CatArgs {
    /// Index to read, - for standard input
    pub index: String,
    /// File to write in place of standard output
    pub output: Option<PathBuf>,
    /// First byte
    #[arg(short = 'o', long, value_name = "BYTES", default_value = "0")]
    pub offset: u64,
    /// Number of bytes, 0 for all
    #[arg(short = 'l', long, value_name = "BYTES", default_value = "0")]
    pub length: u64,
    /// Where chunks come from.
    #[command(flatten)]
    pub source: SourceArgs,
}

/// `chunk`
#[derive(Debug, Args)]
pub struct ChunkArgs {
    /// File to cut
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// How to cut.
    #[command(flatten)]
    pub cut: CutArgs,
    /// Where to start, in bytes
    #[arg(short = 'S', long, value_name = "BYTES", default_value = "0")]
    pub start: u64,
}

/// Chunks to leave out.
#[derive(Debug, Args)]
pub struct IgnoreArgs {
    /// Indexes whose chunks are left out
    #[arg(long = "ignore", value_name = "INDEX", value_delimiter = ',')]
    pub ignore_indexes: Vec<String>,
    /// Files with ids of chunks to leave out, one on each line
    #[arg(long = "ignore-chunks", value_name = "FILE", value_delimiter = ',')]
    pub ignore_lists: Vec<PathBuf>,
}

/// `chop`
#[derive(Debug, Args)]
pub struct ChopArgs {
    /// Index of the file, - for standard input
    pub index: String,
    /// The file
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Store to put the chunks into
    #[arg(short = 's', long, value_name = "LOCATION", required = true)]
    pub store: String,
    /// Chunks to leave out.
    #[command(flatten)]
    pub ignore: IgnoreArgs,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// `cache`
#[derive(Debug, Args)]
pub struct CacheArgs {
    /// Indexes whose chunks to copy
    #[arg(required = true)]
    pub indexes: Vec<String>,
    /// Stores to copy from
    #[arg(
        short = 's',
        long = "store",
        value_name = "LOCATION",
        value_delimiter = ',',
        required = true
    )]
    pub stores: Vec<String>,
    /// Store to copy to
    #[arg(short = 'c', long, value_name = "LOCATION", required = true)]
    pub cache: String,
    /// Chunks to leave out.
    #[command(flatten)]
    pub ignore: IgnoreArgs,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// `tar`
#[derive(Debug, Args)]
pub struct TarArgs {
    /// Archive or index to write, - for standard output
    pub output: String,
    /// Folder to pack
    #[arg(value_hint = ValueHint::DirPath)]
    pub source: PathBuf,
    /// Write an index and put the chunks into a store
    #[arg(short = 'i', long, requires = "store")]
    pub index: bool,
    /// Store to put the chunks into
    #[arg(short = 's', long, value_name = "LOCATION")]
    pub store: Option<String>,
    /// What the source is: a folder, or a tar file (- for standard input)
    #[arg(long, value_name = "FORM", default_value = "disk")]
    pub input_format: InputFormat,
    /// Put the members of a tar file into a root of their own
    #[arg(long)]
    pub tar_add_root: bool,
    /// Leave times out, so that the same files give the same archive
    #[arg(long)]
    pub no_time: bool,
    /// Leave out what lies on other file systems
    #[arg(short = 'x', long)]
    pub one_file_system: bool,
    /// How to cut.
    #[command(flatten)]
    pub cut: CutArgs,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// What `tar` packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// A folder
    Disk,
    /// A tar file
    Tar,
}

/// What `untar` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// A folder
    Disk,
    /// A tar file in GNU's format
    GnuTar,
}

/// An archive that may lie in chunks.
#[derive(Debug, Args)]
pub struct IndexedArgs {
    /// Read an index and take chunks from a store
    #[arg(short = 'i', long, requires = "stores")]
    pub index: bool,
    /// Stores to take chunks from, asked in order
    #[arg(short = 's', long = "store", value_name = "LOCATION", value_delimiter = ',')]
    pub stores: Vec<String>,
    /// Store to keep chunks in that came from the others
    #[arg(short = 'c', long, value_name = "LOCATION")]
    pub cache: Option<String>,
}

/// `untar`
#[derive(Debug, Args)]
pub struct UntarArgs {
    /// Archive or index to read, - for standard input
    pub input: String,
    /// Folder to unpack into
    #[arg(value_hint = ValueHint::DirPath)]
    pub target: PathBuf,
    /// Whether it is an index, and where its chunks come from.
    #[command(flatten)]
    pub indexed: IndexedArgs,
    /// Folders with files that may be in the archive, such as an older version; the target is always one
    #[arg(long = "seed", value_name = "DIR", value_delimiter = ',')]
    pub seeds: Vec<PathBuf>,
    /// What to make: a folder, or a tar file (- for standard output)
    #[arg(long, value_name = "FORM", default_value = "disk")]
    pub output_format: OutputFormat,
    /// Keep files owned by whoever runs this
    #[arg(long)]
    pub no_same_owner: bool,
    /// Use the umask in place of the archive's permissions
    #[arg(long)]
    pub no_same_permissions: bool,
    /// Leave extended attributes out
    #[arg(long)]
    pub no_same_xattrs: bool,
    /// Read and compare all files, also if nothing has touched them since the same index was unpacked here
    #[arg(long)]
    pub full_check: bool,
    /// Print how much was left alone, taken from seeds and fetched, as JSON
    #[arg(long)]
    pub print_stats: bool,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// `mtree`
#[derive(Debug, Args)]
pub struct MtreeArgs {
    /// Archive, index or folder to list
    pub input: String,
    /// Whether it is an index, and where its chunks come from.
    #[command(flatten)]
    pub indexed: IndexedArgs,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// `info`
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// Index to read, - for standard input
    pub index: String,
    /// Stores in which to look for the chunks
    #[arg(short = 's', long = "store", value_name = "LOCATION", value_delimiter = ',')]
    pub stores: Vec<String>,
    /// Indexes whose chunks are at hand
    #[arg(long = "seed", value_name = "INDEX", value_delimiter = ',')]
    pub seeds: Vec<String>,
    /// Cache in which to look for the chunks
    #[arg(short = 'c', long, value_name = "LOCATION")]
    pub cache: Option<String>,
    /// Form of the output
    #[arg(short = 'f', long, value_name = "FORM", default_value = "json")]
    pub format: InfoFormat,
    /// File with stored sizes, as inspect-chunks writes it
    #[arg(long, value_name = "FILE")]
    pub chunks_info: Option<PathBuf>,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// Form of `info`'s output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InfoFormat {
    /// One JSON object
    Json,
    /// One line for each figure
    Plain,
}

/// `inspect-chunks`
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Index to read, - for standard input
    pub index: String,
    /// File to write in place of standard output
    pub output: Option<PathBuf>,
    /// Local store with the chunks
    #[arg(short = 's', long, value_name = "FOLDER")]
    pub store: Option<String>,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// `list-chunks`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Index to read, - for standard input
    pub index: String,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// `verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Local store to check
    #[arg(short = 's', long, value_name = "FOLDER", required = true)]
    pub store: String,
    /// Chunks worked on at the same time; more than 512 count as 512
    #[arg(short = 'n', long, value_name = "N", default_value = "10", value_parser = parse_concurrency, allow_negative_numbers = true)]
    pub concurrency: u16,
    /// Delete damaged chunks
    #[arg(short = 'r', long)]
    pub repair: bool,
}

/// `verify-index`
#[derive(Debug, Args)]
pub struct VerifyIndexArgs {
    /// Index of the file, - for standard input
    pub index: String,
    /// The file
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// `prune`
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Indexes whose chunks are kept
    #[arg(required = true)]
    pub indexes: Vec<String>,
    /// Store to delete chunks from
    #[arg(short = 's', long, value_name = "LOCATION", required = true)]
    pub store: String,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// How stores are reached.
    #[command(flatten)]
    pub options: StoreArgs,
}

/// `config`
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// Write the configuration to its file
    #[arg(short = 'w', long)]
    pub write: bool,
}

/// `pull`
#[derive(Debug, Args)]
pub struct PullArgs {
    /// Always -
    #[arg(value_name = "-", allow_hyphen_values = true)]
    pub base: String,
    /// Always -
    #[arg(value_name = "-", allow_hyphen_values = true)]
    pub archive: String,
    /// Always -
    #[arg(value_name = "-", allow_hyphen_values = true)]
    pub index: String,
    /// Local store with the chunks
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub store: String,
}

/// Reads how many chunks to work on at a time. It is a bound, so more than there can be use for is no mistake.
fn parse_concurrency(text: &str) -> Result<u16, String> {
    match text.parse::<u64>() {
        Ok(0) | Err(_) => Err(format!(
            "give a number from 1 on; more than {MAX_CONCURRENCY} count as {MAX_CONCURRENCY}"
        )),
        Ok(wanted) => Ok(u16::try_from(wanted).map_or(MAX_CONCURRENCY, |wanted| wanted.min(MAX_CONCURRENCY))),
    }
}

/// Reads Go's form of times: a sum of numbers with units, such as `500ms` or `1m30s`. One below zero is no wait at all.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let refuse = || "it is no time: write a number and ns, us, ms, s, m or h".to_owned();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut rest = unsigned;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit_len = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let scale = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" if number == "0" => 0.0,
            _ => return Err(refuse()),
        };
        seconds += number.parse::<f64>().map_err(|_| refuse())? * scale;
        rest = after;
    }
    if unsigned.is_empty() {
        return Err(refuse());
    }
    if text.starts_with('-') {
        return Ok(Duration::ZERO);
    }
    match seconds > MAX_WAIT {
        true => Err("it is more than 24h, which no wait may be".to_owned()),
        false => Ok(Duration::from_secs_f64(seconds)),
    }
}

const MAX_CONCURRENCY: u16 = 512;
/// In seconds.
const MAX_WAIT: f64 = 86_400.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_gos_form() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m1.5s"), Ok(Duration::from_millis(61_500)));
        assert_eq!(parse_duration("+1s"), Ok(Duration::from_secs(1)));
        assert_eq!(parse_duration("24h"), Ok(Duration::from_secs(86_400)));
        for none in ["0", "-0", "-1s", "-200h"] {
            assert_eq!(parse_duration(none), Ok(Duration::ZERO), "{none}");
        }
        for bad in ["", "-", "5", "-5", "s", "5x", "--1s", "1e9h", "1..2s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_that_mean_something_to_desync_are_taken_and_others_refused_with_their_limit() {
        let options = |flag: &str| {
            let words = ["desync", "list-chunks"].into_iter().chain(flag.split(' '));
            let cli = DesyncCli::try_parse_from(words.chain(["index"]));
            match cli.map_err(|error| error.to_string())?.args.command {
                DesyncCommand::ListChunks(list) => Ok(list.options),
                other => Err(format!("{other:?}")),
            }
        };
        for (flag, expected) in [("-n 1", 1), ("-n 512", 512), ("-n=513", 512), ("-n 100000", 512)] {
            assert_eq!(options(flag).unwrap().concurrency, expected, "{flag}");
        }
        for flag in ["-e -1", "-e=-1", "--error-retry -1"] {
            assert_eq!(options(flag).unwrap().error_retry, Some(-1), "{flag}");
        }
        for flag in ["-b -1s", "-b=-1s", "--error-retry-base-interval -1s"] {
            let wait = options(flag).unwrap().error_retry_base_interval;
            assert_eq!(wait, Some(Duration::ZERO), "{flag}");
        }
        for (flag, limit) in [
            ("-n 0", "from 1 on"),
            ("-n -1", "from 1 on"),
            ("-n=-1", "from 1 on"),
            ("-n many", "from 1 on"),
            ("-e few", "--error-retry"),
            ("-b 200h", "24h"),
            ("-b soon", "no time"),
        ] {
            let refused = options(flag).unwrap_err();
            assert!(refused.contains(limit), "{flag}: {refused}");
        }
    }

    #[test]
    fn a_certificate_check_can_be_asked_for_against_the_configuration() {
        for (flags, expected) in [
            ("", None),
            ("-t", Some(true)),
            ("--trust-insecure", Some(true)),
            ("-t=1", Some(true)),
            ("--trust-insecure=false", Some(false)),
            ("-t -t=F", Some(false)),
        ] {
            let line = format!("desync list-chunks {flags} i");
            let cli = DesyncCli::try_parse_from(line.split_whitespace()).unwrap();
            let DesyncCommand::ListChunks(list) = cli.args.command else {
                panic!("{line}");
            };
            assert_eq!(list.options.given().trust_insecure, expected, "{line}");
            assert_eq!(list.index, "i", "{line}");
        }
    }

    #[test]
    fn desyncs_command_lines_are_understood() {
        for line in [
            "make -s st -m 8:32:128 - file",
            "make --print-stats a.caibx file -s http://host/store -n 2 -e 5 -b 1s -t -r=true",
            "extract -s a -s b,c -c d --seed x.caibx,y.caibx:/data -k --regenerate-invalid-seeds i.caibx out",
            "cat -s a -o 10 -l 20 i.caibx out",
            "chunk -S 5 file",
            "chop -s a --ignore i --ignore-chunks l idx file",
            "cache -s a -c b one two",
            "tar -i -s a --no-time -x out dir",
            "untar -i -s a --no-same-owner --no-same-permissions in dir",
            "mtree -i -s a in",
            "info -s a --seed b -c c -f plain --chunks-info j idx",
            "inspect-chunks -s a idx out",
            "list-chunks --digest sha256 idx",
            "verify -s a -n 3 -r",
            "verify-index idx file",
            "prune -s a -y one two",
            "config -w --config file",
            "pull - - - store",
            "make -s one -s two i file",
            "extract -tk -s a -r=0 i out",
        ] {
            let words = std::iter::once("desync").chain(line.split(' '));
            assert!(DesyncCli::try_parse_from(words).is_ok(), "{line}");
        }
    }
}
