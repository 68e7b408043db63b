// SPDX-License-Identifier: MIT
//! How far a command is, in the forms in which desync shows it to people and to programs.

use std::io::{self, Read, Write};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Not at all.
    Nothing,
    /// A line every half second, for programs.
    Lines,
    /// One line that changes, for people.
    Bar,
}

/// How much of some work is done; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    done: Arc<AtomicU64>,
    /// What there is to do, where that is known before it is done.
    total: Option<u64>,
}

impl Progress {
    /// Starts with nothing done of `total` parts.
    pub(crate) fn of(total: u64) -> Self {
        Self {
            done: Arc::default(),
            total: Some(total),
        }
    }

    /// Starts to count bytes of which only the end tells how many there are.
    pub(crate) fn of_bytes() -> Self {
        Self {
            done: Arc::default(),
            total: None,
        }
    }

    /// Notes that some more parts are done.
    pub(crate) fn add(&self, parts: u64) {
        self.done.fetch_add(parts, Ordering::Relaxed);
    }

    /// Returns how far the work is when `done` parts are done.
    fn at(&self, done: u64) -> Done {
        match self.total {
            Some(0) => Done::Share(0.0),
            Some(total) => Done::Share((done as f64 / total as f64).min(1.0)),
            None => Done::Bytes(done),
        }
    }

    fn now(&self) -> Done {
        self.at(self.done.load(Ordering::Relaxed))
    }

    /// Returns how far the work is when it is finished, however it was counted.
    fn whole(&self) -> Done {
        match self.total {
            Some(_) => Done::Share(1.0),
            None => self.now(),
        }
    }
}

/// How far some work is.
#[derive(Clone, Copy, Debug)]
enum Done {
    /// A share of 1.
    Share(f64),
    /// Bytes, where nobody knows of how many.
    Bytes(u64),
}

/// A reader whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Counted<R> {
    input: R,
    progress: Progress,
}

impl<R> Counted<R> {
    /// Counts what is read of `input` from now on.
    pub(crate) fn new(input: R, progress: Progress) -> Self {
        Self { input, progress }
    }

    /// Returns the figures, which go on counting.
    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}

/// Does `work` and shows meanwhile how far it is.
pub(crate) async fn show<T, E>(
    form: Form,
    err: &mut dyn Write,
    label: &str,
    progress: &Progress,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    if form == Form::Nothing {
        return work.await;
    }
    let began = Instant::now();
    let mut display = Display { form, err, label };
    let mut work = pin!(work);
    display.show(progress.at(0), Duration::ZERO, false);
    loop {
        if let Ok(outcome) = tokio::time::timeout(STEP, work.as_mut()).await {
            if outcome.is_ok() {
                display.show(progress.whole(), began.elapsed(), true);
            }
            return outcome;
        }
        display.show(progress.now(), began.elapsed(), false);
    }
}

/// Where progress is shown. A line ends it, whether the work came to its end or not.
struct Display<'a> {
    form: Form,
    err: &'a mut dyn Write,
    label: &'a str,
}

impl Display<'_> {
    fn show(&mut self, done: Done, took: Duration, finished: bool) {
        let text = text(self.form, self.label, done, took, finished);
        let written = match self.form {
            // Over what stood there, which may have been longer.
            Form::Bar => write!(self.err, "\r{text:<72}"),
            _ => writeln!(self.err, "{text}"),
        };
        // That nobody reads it is no failure of the work.
        let _ = written.and_then(|()| self.err.flush());
    }
}

impl Drop for Display<'_> {
    fn drop(&mut self) {
        let _ = writeln!(self.err);
    }
}

/// Returns label, bar, percentage, and the time that is left or, at the end, that it took. Bytes of nobody knows how many
/// have no bar, and always the time that they took.
fn text(form: Form, label: &str, done: Done, took: Duration, finished: bool) -> String {
    let share = match done {
        Done::Share(share) => share,
        Done::Bytes(bytes) => {
            let time = total(took.as_secs());
            return format!("{label} {:6.1} MiB {time}", bytes as f64 / MIB);
        }
    };
    let bar = match form {
        Form::Bar => format!("[{:-<30}] ", "#".repeat((share * 30.0) as usize)),
        _ => " ".to_owned(),
    };
    let time = match finished {
        true => total(took.as_secs()),
        false if share > 0.0 => {
            let left = took.as_secs_f64() * (1.0 - share) / share;
            let left = left.round() as u64;
            format!("{:02}m{:02}s", left / 60, left % 60)
        }
        false => String::new(),
    };
    let text = format!("{label}{bar}{:6.2}% {time}", share * 100.0);
    text.trim_end().to_owned()
}

/// Returns a time as Go writes it.
fn total(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

const STEP: Duration = Duration::from_millis(500);
const MIB: f64 = (1 << 20) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_form_of_desyncs() {
        let label = "Attempt 1: Assembling ";
        let line = |share, seconds, finished| {
            let took = Duration::from_secs(seconds);
            text(Form::Lines, label, Done::Share(share), took, finished)
        };
        for (found, expected) in [
            (line(0.0, 0, false), "Attempt 1: Assembling    0.00%"),
            (line(0.04, 1, false), "Attempt 1: Assembling    4.00% 00m24s"),
            (line(0.5, 100, false), "Attempt 1: Assembling   50.00% 01m40s"),
            (line(1.0, 75, true), "Attempt 1: Assembling  100.00% 1m15s"),
            (line(1.0, 3723, true), "Attempt 1: Assembling  100.00% 1h2m3s"),
        ] {
            assert_eq!(found, expected);
        }
        let whole = text(Form::Lines, "", Done::Share(1.0), Duration::ZERO, true);
        assert_eq!(whole, " 100.00% 0s");
        let half = text(Form::Bar, "", Done::Share(0.5), Duration::from_secs(1), false);
        assert_eq!(half, "[###############---------------]  50.00% 00m01s");
    }

    #[test]
    fn bytes_of_nobody_knows_how_many_are_told_with_the_time_they_took() {
        for form in [Form::Lines, Form::Bar] {
            let line = |bytes, seconds, finished| {
                let took = Duration::from_secs(seconds);
                text(form, "Packing ", Done::Bytes(bytes), took, finished)
            };
            assert_eq!(line(0, 0, false), "Packing     0.0 MiB 0s");
            assert_eq!(line(3 << 19, 1, false), "Packing     1.5 MiB 1s");
            assert_eq!(line(200 << 30, 75, true), "Packing  204800.0 MiB 1m15s");
        }
    }

    #[test]
    fn what_is_read_is_counted() {
        let mut input = Counted::new(&b"some bytes"[..], Progress::of(20));
        let progress = input.progress();
        io::copy(&mut input, &mut io::sink()).unwrap();
        assert!(matches!(progress.now(), Done::Share(share) if share == 0.5));
        assert!(matches!(progress.whole(), Done::Share(share) if share == 1.0));
    }

    #[tokio::test]
    async fn work_is_followed_to_its_end_or_its_failure() {
        for (outcome, last) in [(Ok(()), " 100.00% 0s\n\n"), (Err(()), "   0.00%\n\n")] {
            let (mut err, progress) = (Vec::<u8>::new(), Progress::of(2));
            let work = async {
                progress.add(1);
                outcome
            };
            let shown = show(Form::Lines, &mut err, "", &progress, work).await;
            assert_eq!(shown, outcome);
            let err = String::from_utf8(err).unwrap();
            assert!(err.starts_with("   0.00%\n") && err.ends_with(last), "{err:?}");
        }
        let mut err = Vec::<u8>::new();
        let work = async { Ok::<_, ()>(()) };
        show(Form::Nothing, &mut err, "", &Progress::of(0), work)
            .await
            .unwrap();
        assert!(err.is_empty());
    }
}
