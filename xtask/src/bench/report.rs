// SPDX-License-Identifier: MIT
//! The results as Markdown: the machine, a table, and which goals hold.

use std::fmt::Write as _;
use std::path::Path;

use super::measure::Figures;
use super::mebibytes;

/// The results of one kind of benchmark.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    title: String,
    notes: Vec<String>,
    rows: Vec<Row>,
    tables: Vec<Table>,
    goals: Vec<Goal>,
}

/// Figures that are no times of whole programs.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// What stands above the columns; the first one names the rows.
    pub(super) head: Vec<String>,
    /// The rows.
    pub(super) rows: Vec<Vec<String>>,
}

/// One piece of work, done by several programs. The first one is ours.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What was done, on what.
    pub(super) name: String,
    /// Names of the programs with what they took.
    pub(super) results: Vec<(&'static str, Figures)>,
}

impl Row {
    /// Returns what the program `name` took.
    pub(super) fn of(&self, name: &str) -> Option<Figures> {
        self.results
            .iter()
            .find(|(program, _)| *program == name)
            .map(|(_, figures)| *figures)
    }

    /// Returns how many times as long the program `name` took as ours.
    pub(super) fn ratio(&self, name: &str) -> Option<f64> {
        let ours = self.results.first()?.1.wall.as_secs_f64();
        let other = self.of(name)?.wall.as_secs_f64();
        (ours > 0.0).then(|| other / ours)
    }
}

/// Something to reach, and what was.
#[derive(Clone, Debug)]
struct Goal {
    text: String,
    found: String,
    holds: bool,
}

impl Report {
    /// Starts a report.
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// Adds a line about the circumstances.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Adds results.
    pub(super) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds results, and the goal for the memory that ours took.
    pub(super) fn work(&mut self, row: Row) {
        let peak = row.of("ours").map(|figures| mebibytes(figures.peak));
        self.at_most(&format!("memory, {}", row.name), 64.0, "MiB", peak);
        self.row(row);
    }

    /// Adds a table of its own, before that of the results.
    pub(super) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Adds a goal for how many times as long as ours another program takes.
    pub(super) fn at_least(&mut self, text: &str, goal: f64, found: Option<f64>) {
        let Some(found) = found else { return };
        self.goals.push(Goal {
            text: format!("{text}: at least {goal} times as fast"),
            found: format!("{found:.2} times"),
            holds: found >= goal,
        });
    }

    /// Adds a goal for a figure that must not be larger.
    pub(super) fn at_most(&mut self, text: &str, goal: f64, unit: &str, found: Option<f64>) {
        let Some(found) = found else { return };
        self.goals.push(Goal {
            text: format!("{text}: at most {goal} {unit}"),
            found: format!("{found:.2} {unit}"),
            holds: found <= goal,
        });
    }

    /// Returns the report as Markdown.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("# {}\n\n", self.title);
        for note in &self.notes {
            // Writing to a string does not fail, here and below.
            let _ = writeln!(text, "- {note}");
        }
        for table in &self.tables {
            let _ = write!(text, "\n| {} |\n", table.head.join(" | "));
            let _ = writeln!(
                text,
                "| ---{} |",
                " | ---:".repeat(table.head.len().saturating_sub(1))
            );
            for row in &table.rows {
                let _ = writeln!(text, "| {} |", row.join(" | "));
            }
        }
        if !self.rows.is_empty() {
            self.write_work(&mut text);
        }
        text.push_str("\n| goal | found | |\n| --- | --- | --- |\n");
        for goal in &self.goals {
            let verdict = if goal.holds { "holds" } else { "**missed**" };
            let _ = writeln!(text, "| {} | {} | {verdict} |", goal.text, goal.found);
        }
        text
    }

    fn write_work(&self, text: &mut String) {
        let programs = self.programs();
        let others: Vec<&str> = programs.iter().skip(1).copied().collect();
        text.push_str("\n| work |");
        for program in &programs {
            let _ = write!(text, " {program} |");
        }
        for other in &others {
            let _ = write!(text, " {other} / ours |");
        }
        text.push_str("\n| --- |");
        text.push_str(&" --- |".repeat(programs.len()));
        text.push_str(&" ---: |".repeat(others.len()));
        text.push('\n');
        for row in &self.rows {
            let _ = write!(text, "| {} |", row.name);
            for program in &programs {
                let cell = row.of(program).map(cell).unwrap_or_default();
                let _ = write!(text, " {cell} |");
            }
            for other in &others {
                let ratio = row.ratio(other).map(|ratio| format!("{ratio:.2}"));
                let _ = write!(text, " {} |", ratio.unwrap_or_default());
            }
            text.push('\n');
        }
        text.push_str("\nEach cell: time, processor time of all threads, peak memory.\n");
    }

    fn programs(&self) -> Vec<&'static str> {
        let mut programs = Vec::new();
        for (program, _) in self.rows.iter().flat_map(|row| &row.results) {
            if !programs.contains(program) {
                programs.push(*program);
            }
        }
        programs
    }
}

/// Returns what is to be known about this machine to judge the figures.
pub(super) fn machine(folder: &Path) -> String {
    let read = |path: &str| fs_err::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
            .unwrap_or_else(|| "unknown".to_owned())
    };
    let processor = field(&read("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory = memory.strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok());
    let memory = memory.unwrap_or_default() / (1 << 20);
    let kernel = read("/proc/sys/kernel/osrelease");
    let kernel = kernel.trim();
    let file_system = file_system(&read("/proc/self/mounts"), folder);
    let system = std::env::consts::OS;
    format!("{processor}, {cores} cores, {memory} GiB of memory, {system} {kernel}, {file_system}")
}

/// Returns how busy the machine is: the average number of running processes over the last minute.
pub(super) fn load() -> String {
    let text = fs_err::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn file_system(mounts: &str, folder: &Path) -> String {
    let folder = fs_err::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(1);
            Some((Path::new(fields.next()?), fields.next()?))
        })
        .filter(|(place, _)| folder.starts_with(place))
        .max_by_key(|(place, _)| place.as_os_str().len())
        .map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned())
}

fn cell(figures: Figures) -> String {
    let wall = figures.wall.as_secs_f64();
    let cpu = figures.cpu.as_secs_f64();
    let peak = mebibytes(figures.peak);
    format!("{wall:.2} s, {cpu:.2} s, {peak:.0} MiB")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn figures(milliseconds: u64) -> Figures {
        Figures {
            wall: Duration::from_millis(milliseconds),
            cpu: Duration::from_millis(milliseconds * 2),
            peak: 3 << 20,
        }
    }

    #[test]
    fn a_report_shows_ratios_and_goals_held_and_missed() {
        let mut report = Report::new("Title");
        let row = Row {
            name: "make".into(),
            results: vec![("ours", figures(500)), ("desync", figures(1000))],
        };
        report.at_least("make", 1.5, row.ratio("desync"));
        report.at_least("make", 3.0, row.ratio("desync"));
        report.at_most("memory", 64.0, "MiB", Some(3.0));
        report.row(row);
        let text = report.markdown();
        assert!(
            text.contains("| make | 0.50 s, 1.00 s, 3 MiB | 1.00 s, 2.00 s, 3 MiB | 2.00 |"),
            "{text}"
        );
        assert!(
            text.contains("| make: at least 1.5 times as fast | 2.00 times | holds |"),
            "{text}"
        );
        assert!(text.contains("| 2.00 times | **missed** |"), "{text}");
        assert!(
            text.contains("| memory: at most 64 MiB | 3.00 MiB | holds |"),
            "{text}"
        );
    }

    #[test]
    fn the_file_system_is_the_one_mounted_closest() {
        let mounts = "a / ext4 rw 0 0\nb /proc proc rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/proc/self")), "proc");
        assert_eq!(file_system(mounts, Path::new("/nowhere/at/all")), "ext4");
    }
}
