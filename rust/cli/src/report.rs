// SPDX-License-Identifier: MIT
//! Turns events into what people see and programs read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use vsekai_engine::{Event, Observer, Phase, PlanSummary, Progress, StateName, Step};

use crate::output::Output;
use crate::units;

/// Prints the engine's events.
#[derive(Debug)]
pub(crate) struct EngineReport {
    output: Arc<Output>,
    /// Tenths of the running step that were told where there is no bar.
    told: AtomicU64,
}

impl EngineReport {
    pub(crate) fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            told: AtomicU64::new(0),
        }
    }

    fn state(&self, state: StateName, phase: Option<Phase>) {
        self.told.store(0, Ordering::Relaxed);
        self.output.clear_bar();
        let text = match (state, phase) {
            (StateName::CheckForUpdates, Some(Phase::Checking)) => "Looking for updates",
            // The bar says so itself.
            (StateName::CheckForUpdates, Some(Phase::DownloadingUpdate)) if self.output.style().bars => {
                return;
            }
            (StateName::CheckForUpdates, Some(Phase::DownloadingUpdate)) => "Downloading",
            (StateName::CheckForUpdates, Some(Phase::ApplyingUpdate)) => "Putting the new version together",
            (StateName::CheckForUpdates, Some(Phase::FinalizingUpdate)) => {
                "Making the new version the current one"
            }
            (StateName::Paused, _) => "Paused",
            _ => return,
        };
        self.output.note(text);
    }

    fn progress(&self, progress: &Progress) {
        let label = match progress.step {
            Step::Download => "Downloading",
            Step::Apply => "Writing",
            Step::Verify => "Checking",
        };
        let text = describe(progress);
        self.output
            .bar(label, progress.done_bytes, progress.total_bytes, &text);
        if self.output.style().bars || progress.total_bytes == 0 {
            return;
        }
        let tenths = progress.done_bytes.saturating_mul(10) / progress.total_bytes;
        if self.told.fetch_max(tenths, Ordering::Relaxed) < tenths {
            self.output.note(&format!("{label}: {} %, {text}", tenths * 10));
        }
    }
}

impl Observer for EngineReport {
    fn on_event(&self, event: Event) {
        match &event {
            Event::Failed(_) => self.output.failure(&event),
            _ => self.output.event(&event),
        }
        match &event {
            Event::State { state, phase } => self.state(*state, *phase),
            Event::Progress(progress) => self.progress(progress),
            Event::Notice { message, .. } => self.output.note(&format!("note: {message}")),
            // Plans, results and errors are printed by the command that asked.
            _ => {}
        }
    }
}

fn describe(progress: &Progress) -> String {
    let mut text = format!(
        "{} of {}",
        units::bytes(progress.done_bytes),
        units::bytes(progress.total_bytes)
    );
    if progress.bytes_per_second > 0 {
        text.push_str(&format!(", {}/s", units::bytes(progress.bytes_per_second)));
    }
    if let Some(seconds) = progress
        .seconds_left
        .filter(|_| progress.done_bytes < progress.total_bytes)
    {
        text.push_str(&format!(", {} left", units::duration(seconds)));
    }
    text
}

/// Returns the lines that say what an update would do.
pub(crate) fn plan(plan: &PlanSummary) -> Vec<String> {
    let mut lines = vec![match &plan.from_version {
        Some(from) => format!("{from} -> {}", plan.version),
        None => plan.version.to_string(),
    }];
    let chunks = units::count(plan.download_chunks, "chunk");
    lines.push(format!(
        "  to download       {} in {chunks}",
        units::bytes(plan.download_bytes)
    ));
    if plan.staged_bytes > 0 {
        lines.push(format!(
            "  ready already     {} from an earlier attempt",
            units::bytes(plan.staged_bytes)
        ));
    }
    lines.push(format!("  to write          {}", units::bytes(plan.write_bytes)));
    if plan.from_version.is_some() {
        lines.push(format!("  kept from before  {}", units::bytes(plan.reused_bytes)));
    }
    lines.push(format!("  free space needed {}", units::bytes(plan.disk_bytes)));
    lines.push(format!(
        "  size installed    {}",
        units::bytes(plan.installed_bytes)
    ));
    let moved = match plan.files_moved {
        0 => String::new(),
        moved => format!(", {moved} moved"),
    };
    lines.push(format!(
        "  files             {} new, {} changed, {} removed{moved}",
        plan.files_added, plan.files_changed, plan.files_removed
    ));
    if plan.left_before && plan.failed_starts == 0 {
        lines.push("  You went back from this version before.".to_owned());
    }
    lines.extend(notes(&plan.notes));
    lines
}

/// Returns the lines that say what is new.
pub(crate) fn notes(notes: &str) -> Vec<String> {
    let text = notes.trim();
    if text.is_empty() {
        return Vec::new();
    }
    let lines = text.lines().map(|line| format!("  {}", line.trim_end()));
    std::iter::once("What is new:".to_owned()).chain(lines).collect()
}

/// Prints how far a publication is.
#[derive(Debug)]
pub(crate) struct PublishReport {
    output: Arc<Output>,
    last: Mutex<Option<(vsekai_publish::Phase, Instant)>>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename = "publish-progress")]
struct PublishEvent {
    phase: &'static str,
    done_bytes: u64,
    total_bytes: u64,
}

impl PublishReport {
    pub(crate) fn new(output: Arc<Output>) -> Self {
        Self {
            output,
            last: Mutex::new(None),
        }
    }

    /// Tells whether the phase is new, or `None` if it is too early to say anything again.
    fn is_new_phase(&self, progress: &vsekai_publish::Progress) -> Option<bool> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = last.is_none_or(|(phase, _)| phase != progress.phase);
        let is_due = last.is_none_or(|(_, at)| at.elapsed() >= INTERVAL);
        let is_end = progress.total_bytes > 0 && progress.done_bytes == progress.total_bytes;
        if is_new || is_due || is_end {
            *last = Some((progress.phase, Instant::now()));
            return Some(is_new);
        }
        None
    }
}

impl vsekai_publish::Observer for PublishReport {
    fn on_progress(&self, progress: vsekai_publish::Progress) {
        let Some(is_new) = self.is_new_phase(&progress) else {
            return;
        };
        let (name, label) = match progress.phase {
            vsekai_publish::Phase::Scanning => ("scanning", "Listing the folder"),
            vsekai_publish::Phase::Reading => ("reading", "Cutting the files into chunks"),
            vsekai_publish::Phase::Comparing => ("comparing", "Asking the server what it lacks"),
            vsekai_publish::Phase::Uploading => ("uploading", "Sending what the server lacks"),
            vsekai_publish::Phase::Releasing => ("releasing", "Making the release visible"),
        };
        let (done_bytes, total_bytes) = (progress.done_bytes, progress.total_bytes);
        self.output.event(&PublishEvent {
            phase: name,
            done_bytes,
            total_bytes,
        });
        if is_new {
            self.output.clear_bar();
            self.output.note(label);
        }
        if total_bytes > 0 {
            let text = format!("{} of {}", units::bytes(done_bytes), units::bytes(total_bytes));
            self.output.bar("", done_bytes, total_bytes, &text);
        }
    }
}

/// Shortest time between two reports of one phase.
const INTERVAL: Duration = Duration::from_millis(100);
