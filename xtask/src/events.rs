// SPDX-License-Identifier: MIT
//! The lines that `vsekai --json` and the exported launcher print.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::process;

/// What a run printed and how it ended.
#[derive(Debug)]
pub struct Run {
    /// The events in their order.
    pub events: Vec<Value>,
    /// Other lines of the standard output: a game's, or Godot's.
    pub lines: Vec<String>,
    /// How the run ended.
    pub status: ExitStatus,
}

impl Run {
    /// Returns the last event called `name`.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&Value> {
        self.events.iter().rev().find(|event| event["event"] == name)
    }

    /// Returns the largest value of the number `field` in the events called `name`, 0 without one.
    #[must_use]
    pub fn largest(&self, name: &str, field: &str) -> u64 {
        let events = self.events.iter().filter(|event| event["event"] == name);
        events
            .filter_map(|event| event[field].as_u64())
            .max()
            .unwrap_or(0)
    }

    /// Returns the run, or an error with what went wrong in the run's own words.
    pub fn successful(self) -> Result<Self> {
        if self.status.success() {
            return Ok(self);
        }
        match self.last("failed") {
            Some(failed) => {
                let text = |name: &str| failed[name].as_str().unwrap_or_default().to_owned();
                bail!("{} ({}); {}", text("message"), text("code"), text("hint"))
            }
            None => bail!("the run ended with {}:\n{}", self.status, self.lines.join("\n")),
        }
    }
}

/// Runs `command` to its end. Its standard error goes where that of this program goes.
pub fn run(command: &mut Command) -> Result<Run> {
    run_watched(command, |_, _| {})
}

/// Runs `command` to its end and shows each event to `watch` as it comes, with the running child.
pub fn run_watched(
    command: &mut Command,
    mut watch: impl FnMut(&Value, &mut process::Running),
) -> Result<Run> {
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = process::spawn(command)?;
    let output = running
        .take_stdout()
        .context("the child has no standard output")?;
    let (mut events, mut lines) = (Vec::new(), Vec::new());
    for line in BufReader::new(output).lines() {
        let line = line.context("read the output of the child")?;
        match parse(&line) {
            Some(event) => {
                watch(&event, &mut running);
                events.push(event);
            }
            None => lines.push(line),
        }
    }
    Ok(Run {
        events,
        lines,
        status: running.wait()?,
    })
}

fn parse(line: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(line).ok()?;
    value.get("event").is_some().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_with_an_event_are_events() {
        assert!(parse(r#"{"event":"progress","network_bytes":5}"#).is_some());
        assert!(parse(r#"{"other":1}"#).is_none());
        assert!(parse("V-Sekai Sample 0.1.0 started").is_none());
    }
}
