// SPDX-License-Identifier: MIT
//! What one run of a program takes: time, processor time, memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{self, Running};

/// What a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    /// From start to end.
    pub(super) wall: Duration,
    /// Processor time in user and kernel mode, of all threads. Zero where the system does not tell.
    pub(super) cpu: Duration,
    /// The most memory the program had in use (resident), in bytes. Zero where the system does not tell.
    pub(super) peak: u64,
}

impl Figures {
    /// Returns the run in the middle by time, with the largest peak of all runs.
    pub(super) fn median(mut runs: Vec<Self>) -> Option<Self> {
        runs.sort_by_key(|run| run.wall);
        let peak = runs.iter().map(|run| run.peak).max()?;
        let middle = *runs.get(runs.len() / 2)?;
        Some(Self { peak, ..middle })
    }
}

/// Runs `command` to its end and measures it. What it prints goes to the file `log`.
///
/// Anything but success is an error with the end of what was printed.
pub(super) fn measure(command: &mut Command, log: &Path) -> Result<Figures> {
    let output = fs_err::File::create(log)?.into_parts().0;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    let start = Instant::now();
    let mut running = process::spawn(command)?;
    let usage = watch(&running);
    let wall = start.elapsed();
    let (cpu, peak) = finish(usage, &running);
    let status = running.wait()?;
    if !status.success() {
        let text = fs_err::read(log)?;
        let last = process::last_lines(&String::from_utf8_lossy(&text));
        bail!("{} ended with {status}:\n{last}", process::describe(command));
    }
    Ok(Figures { wall, cpu, peak })
}

/// Waits until the child has ended, without taking its exit status, and returns its peak memory so far.
#[cfg(target_os = "linux")]
fn watch(running: &Running) -> u64 {
    use std::sync::mpsc::{RecvTimeoutError, channel};

    use rustix::process::{WaitId, WaitIdOptions, waitid};

    let Some(pid) = pid(running) else { return 0 };
    let id = running.id();
    std::thread::scope(|scope| {
        let (ended, wait) = channel::<()>();
        let sampler = scope.spawn(move || {
            let mut peak = 0;
            loop {
                // The mark only rises, so all that can be missed is a rise right before the end.
                peak = peak.max(high_water_mark(id).unwrap_or(0));
                if wait.recv_timeout(SAMPLE) != Err(RecvTimeoutError::Timeout) {
                    return peak;
                }
            }
        });
        // The exit status stays for the caller, and with it what /proc tells about the process.
        let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        drop(ended);
        sampler.join().unwrap_or(0)
    })
}

/// Returns processor time and peak memory of a child that has ended but was not waited for.
#[cfg(target_os = "linux")]
fn finish(peak: u64, running: &Running) -> (Duration, u64) {
    let stat = fs_err::read_to_string(format!("/proc/{}/stat", running.id())).unwrap_or_default();
    let ticks = cpu_ticks(&stat).unwrap_or(0);
    (Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND), peak)
}

#[cfg(target_os = "linux")]
fn pid(running: &Running) -> Option<rustix::process::Pid> {
    i32::try_from(running.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
}

/// Returns the most memory that the process had in use so far, in bytes, where the system tells.
pub(super) fn high_water_mark(process: u32) -> Option<u64> {
    let text = fs_err::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Returns user and kernel time out of a line of `/proc/PID/stat`, in clock ticks.
#[cfg(any(target_os = "linux", test))]
fn cpu_ticks(stat: &str) -> Option<u64> {
    // The program's name may hold anything, so counting starts behind it: at field 3.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    // User and kernel time of the program itself, then of the children that it waited for.
    let mut sum = 0;
    for _ in 0..4 {
        sum += fields.next()?.parse::<u64>().ok()?;
    }
    Some(sum)
}

#[cfg(not(target_os = "linux"))]
fn watch(_running: &Running) {}

#[cfg(not(target_os = "linux"))]
fn finish(_usage: (), _running: &Running) -> (Duration, u64) {
    (Duration::ZERO, 0)
}

/// The unit of times in /proc, which Linux promises to keep on the processors that there are builds for.
#[cfg(target_os = "linux")]
const TICKS_PER_SECOND: u64 = 100;

#[cfg(target_os = "linux")]
const SAMPLE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_real_run_with_the_largest_peak() {
        let run = |seconds, peak| Figures {
            wall: Duration::from_secs(seconds),
            cpu: Duration::from_secs(seconds),
            peak,
        };
        let median = Figures::median(vec![run(9, 1), run(1, 7), run(4, 2)]);
        assert_eq!(median, Some(run(4, 7)));
        assert_eq!(Figures::median(Vec::new()), None);
    }

    #[test]
    fn processor_time_is_found_behind_any_program_name() {
        let stat = "7 (a) b (c)) Z 1 7 7 0 -1 4 5 6 7 8 30 12 3 4 20 0 1 0 99";
        assert_eq!(cpu_ticks(stat), Some(49));
        assert_eq!(cpu_ticks("7 (a"), None);
    }
}
