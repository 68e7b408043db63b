// SPDX-License-Identifier: MIT
//! Running other programs.
//!
//! Every child leads a process group of its own and is registered until it has been waited for, so that a
//! Ctrl-C (or a SIGTERM) ends whatever this program started, children of children included.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// A running child, ended and waited for when it is dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    reaped: bool,
}

impl Running {
    /// Returns the process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the exit status if the child has ended.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        let status = self
            .child
            .try_wait()
            .with_context(|| format!("wait for {}", self.name))?;
        if status.is_some() {
            self.forget();
        }
        Ok(status)
    }

    /// Waits until the child ends.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let status = self
            .child
            .wait()
            .with_context(|| format!("wait for {}", self.name))?;
        self.forget();
        Ok(status)
    }

    /// Waits until the child ends, but not beyond `limit`: then it is ended and an error returned.
    pub fn wait_at_most(&mut self, limit: Duration) -> Result<ExitStatus> {
        match self.poll_until(Instant::now() + limit)? {
            Some(status) => Ok(status),
            None => {
                self.stop();
                bail!("{} did not end within {} seconds", self.name, limit.as_secs())
            }
        }
    }

    /// Waits until the child, a server, takes connections at `address`.
    ///
    /// # Errors
    /// It ends, or takes none within 30 seconds.
    pub fn wait_for_connections(&mut self, address: &str) -> Result<()> {
        let deadline = Instant::now() + ANSWER;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = self.try_wait()? {
                bail!("{} ended with {status}", self.name);
            }
            if Instant::now() > deadline {
                bail!("{} does not answer at {address}", self.name);
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Asks the child's group to end, insists after five seconds, and waits.
    pub fn stop(&mut self) {
        if self.reaped {
            return;
        }
        signal_group(self.child.id(), Signal::Terminate);
        let deadline = Instant::now() + GRACE;
        if !matches!(self.poll_until(deadline), Ok(Some(_))) {
            signal_group(self.child.id(), Signal::Kill);
            // Without process groups the child itself is all that can be ended.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        self.forget();
    }

    /// Kills the child's group at once, as a power cut would, and waits.
    pub fn kill(&mut self) {
        if self.reaped {
            return;
        }
        signal_group(self.child.id(), Signal::Kill);
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.forget();
    }

    /// Returns the child's standard output, once, if it was started with a pipe for it.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    fn poll_until(&mut self, deadline: Instant) -> Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            thread::sleep(POLL);
        }
    }

    fn forget(&mut self) {
        if !self.reaped {
            self.reaped = true;
            unregister(self.child.id());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts `command` in a process group of its own.
pub fn spawn(command: &mut Command) -> Result<Running> {
    let name = describe(command);
    lead_a_group(command);
    let child = {
        // The lock is held over the start, so that a signal cannot fall between start and registration.
        let mut groups = lock_groups();
        if ENDING.load(Ordering::SeqCst) {
            bail!("{name} is not started: the command is being ended");
        }
        let child = command.spawn().with_context(|| format!("start {name}"))?;
        groups.push(child.id());
        child
    };
    Ok(Running {
        name,
        child,
        reaped: false,
    })
}

/// Runs `command` to its end with the output of this program; anything but success is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = status(command)?;
    if !status.success() {
        bail!("{} ended with {status}", describe(command));
    }
    Ok(())
}

/// Runs `command` to its end with the output of this program and returns how it ended.
pub fn status(command: &mut Command) -> Result<ExitStatus> {
    spawn(command)?.wait()
}

/// Runs `command` to its end and returns what it printed; anything but success is an error that ends with
/// the last lines of the output.
pub fn read(command: &mut Command) -> Result<String> {
    let output = capture(command, None)?;
    if !output.status.success() {
        bail!(
            "{} ended with {}:\n{}",
            describe(command),
            output.status,
            last_lines(&text(&output))
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command` to its end, for `limit` at most, and returns what it printed and how it ended.
pub fn capture(command: &mut Command, limit: Option<Duration>) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut running = spawn(command)?;
    let stdout = drain(running.child.stdout.take());
    let stderr = drain(running.child.stderr.take());
    let status = match limit {
        Some(limit) => running.wait_at_most(limit),
        None => running.wait(),
    };
    let mut output = Output {
        status: ExitStatus::default(),
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
    };
    output.status = status.with_context(|| format!("output so far:\n{}", last_lines(&text(&output))))?;
    Ok(output)
}

/// Returns all that was printed, the standard output first.
#[must_use]
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// Returns the last lines of `text` that have something in them, indented for an error message.
#[must_use]
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(25)..]
        .iter()
        .map(|line| format!("    {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns an address that was free a moment ago, for servers that do not tell which port the system chose.
pub fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("look for a free port")?;
    Ok(listener.local_addr().context("look for a free port")?.to_string())
}

/// Starts the server `command`, whose output nobody reads, and waits until it takes connections at `address`.
///
/// # Errors
/// As [`Running::wait_for_connections`].
pub fn serve(command: &mut Command, address: &str) -> Result<Running> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut running = spawn(command)?;
    running.wait_for_connections(address)?;
    Ok(running)
}

/// Reads what `running` prints until `look` finds something in a line, for 30 seconds at most.
///
/// # Errors
/// It finds nothing.
pub fn wait_for_line<T: Send + 'static>(
    running: &mut Running,
    look: impl Fn(&str) -> Option<T> + Send + 'static,
) -> Result<T> {
    let output = running.take_stdout().context("the output is no pipe")?;
    let (tell, told) = mpsc::channel();
    // Reads on to the end, so that the program never waits for somebody to take what it prints.
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(found) = look(&line) {
                let _ = tell.send(found);
            }
        }
    });
    let found = told.recv_timeout(ANSWER);
    found.with_context(|| format!("{} does not print what it should", running.name))
}

/// Returns the program `name` of `PATH`, if it is there and can be executed.
#[must_use]
pub fn which(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    executable_in(std::env::split_paths(&path), name)
}

/// The same for a program of the superuser, whose folders other users' `PATH` leaves out.
#[must_use]
pub fn which_of_system(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    which(name).or_else(|| executable_in(folders, name))
}

fn executable_in(folders: impl IntoIterator<Item = PathBuf>, name: &str) -> Option<PathBuf> {
    let mut files = folders.into_iter().map(|folder| folder.join(name));
    files.find(|file| is_executable(file))
}

/// Returns whether `file` is a regular file that can be executed.
#[must_use]
pub fn is_executable(file: &Path) -> bool {
    let Ok(metadata) = fs_err::metadata(file) else {
        return false;
    };
    metadata.is_file() && has_execute_bit(&metadata)
}

/// Returns whether this is the superuser's process.
#[must_use]
pub fn is_root() -> bool {
    #[cfg(unix)]
    return rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    false
}

/// Makes Ctrl-C and SIGTERM end every child before they end this program.
///
/// Returns an error if the handler cannot be installed. Call it once, first of all.
pub fn end_children_on_signal() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the signal handler")?;
    let listener = move || {
        let code = runtime.block_on(signalled());
        ENDING.store(true, Ordering::SeqCst);
        let _ = writeln!(io::stderr(), "\nending what was started ...");
        end_all();
        std::process::exit(code);
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(listener)
        .context("start the signal handler")?;
    Ok(())
}

/// Returns at once, or never if a signal is ending this program: then the handler has the last word, and
/// the exit code of a child that it ended means nothing.
pub fn leave_it_to_the_signal() {
    while ENDING.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// Returns the program and arguments of `command` as one would type them, shortened.
#[must_use]
pub fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    let mut words = vec![program.to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    let mut text = words.join(" ");
    if text.len() > 200 {
        text = text.chars().take(200).collect();
        text.push_str(" ...");
    }
    text
}

/// Returns the environment variable `LD_LIBRARY_PATH` without the folders that Cargo added to it for this
/// program: other programs must not look for libraries there.
#[must_use]
pub fn library_path_of_the_user(target_dir: &Path) -> Option<OsString> {
    let value = std::env::var_os("LD_LIBRARY_PATH")?;
    let foreign = |folder: &PathBuf| {
        !folder.starts_with(target_dir)
            && !folder
                .components()
                .any(|part| part.as_os_str() == "rustlib" || part.as_os_str() == "toolchains")
    };
    let kept: Vec<PathBuf> = std::env::split_paths(&value).filter(foreign).collect();
    if kept.is_empty() {
        None
    } else {
        std::env::join_paths(kept).ok()
    }
}

/// Waits for Ctrl-C, a polite end or a closed terminal and returns the exit code that shells expect then.
async fn signalled() -> i32 {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut terminate), Ok(mut hangup)) =
            (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        {
            return tokio::select! {
                _ = tokio::signal::ctrl_c() => 130,
                _ = terminate.recv() => 143,
                _ = hangup.recv() => 129,
            };
        }
    }
    let _ = tokio::signal::ctrl_c().await;
    130
}

fn end_all() {
    let groups = lock_groups().clone();
    for group in &groups {
        signal_group(*group, Signal::Terminate);
    }
    // The waiting threads reap the children; what is still registered afterwards did not listen.
    let deadline = Instant::now() + GRACE;
    while Instant::now() < deadline && groups.iter().any(|group| group_exists(*group)) {
        thread::sleep(POLL);
    }
    for group in groups.iter().filter(|group| group_exists(**group)) {
        signal_group(*group, Signal::Kill);
    }
}

fn lock_groups() -> std::sync::MutexGuard<'static, Vec<u32>> {
    GROUPS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn unregister(group: u32) {
    lock_groups().retain(|other| *other != group);
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}

#[derive(Clone, Copy)]
enum Signal {
    Terminate,
    Kill,
}

#[cfg(unix)]
fn signal_group(group: u32, signal: Signal) {
    let signal = match signal {
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    if let Some(pid) = group_id(group) {
        let _ = rustix::process::kill_process_group(pid, signal);
    }
}

#[cfg(unix)]
fn group_exists(group: u32) -> bool {
    group_id(group).is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
}

#[cfg(unix)]
fn group_id(group: u32) -> Option<rustix::process::Pid> {
    i32::try_from(group).ok().and_then(rustix::process::Pid::from_raw)
}

#[cfg(unix)]
fn lead_a_group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

#[cfg(unix)]
fn has_execute_bit(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn signal_group(_group: u32, _signal: Signal) {}

#[cfg(not(unix))]
fn group_exists(_group: u32) -> bool {
    false
}

#[cfg(not(unix))]
fn lead_a_group(_command: &mut Command) {}

#[cfg(not(unix))]
fn has_execute_bit(_metadata: &std::fs::Metadata) -> bool {
    true
}

static GROUPS: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static ENDING: AtomicBool = AtomicBool::new(false);

/// How long what was asked to end may take.
const GRACE: Duration = Duration::from_secs(5);
/// How long a server may take to start.
const ANSWER: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
