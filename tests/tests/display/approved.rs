// SPDX-License-Identifier: MIT
//! What a display shows, beside the pictures that were approved.

use std::path::Path;
use std::time::{Duration, Instant};

use xtask::{process, workspace};

use super::{Display, pictures};

/// A place of the display, in pixels: left, top, right and bottom.
pub type Place = [u32; 4];

impl Display {
    /// Waits until the display looks as the picture `name` in `tests/pictures` does, but for the places in `varying`,
    /// which have something else in every run. With `VSEKAI_TEST_BLESS` set, what it shows once it stands still is
    /// approved instead.
    ///
    /// # Panics
    /// If it does not for some seconds. The display, and where it differs, are kept with the pictures.
    pub fn assert_approved(&self, name: &str, varying: &[Place]) {
        let approved = workspace::root().join(APPROVED).join(format!("{name}.png"));
        let kept = |end: &str| pictures().join(format!("{name}.{end}"));
        let (whole, half, place) = (kept("png"), kept("half.png"), kept("where.png"));
        let deadline = Instant::now() + PATIENCE;
        let blesses = std::env::var_os("VSEKAI_TEST_BLESS").is_some();
        if blesses && approved.is_file() {
            fs_err::remove_file(&approved).unwrap();
        }
        loop {
            self.take(&whole, &half, varying);
            let is_known = approved.is_file();
            let percent = if is_known {
                self.differing(&half, &approved, &place)
            } else {
                100.0
            };
            if percent <= LIMIT_PERCENT {
                return;
            }
            if blesses {
                fs_err::copy(&half, &approved).unwrap();
            }
            assert!(
                Instant::now() < deadline,
                "{percent} % of {} is not as it was approved, see {}; VSEKAI_TEST_BLESS=1 approves it",
                whole.display(),
                place.display()
            );
        }
    }

    /// Keeps a picture of the display, and one of half its size without the places in `varying`.
    fn take(&self, whole: &Path, half: &Path, varying: &[Place]) {
        let mut command = workspace::command(&self.convert);
        command
            .arg("x:root")
            .arg("-write")
            .arg(whole)
            .args(["-fill", "gray"]);
        for [left, top, right, bottom] in varying {
            command.args(["-draw", &format!("rectangle {left},{top} {right},{bottom}")]);
        }
        command.args(["-scale", "50%", "-strip"]).arg(half);
        process::read(command.env("DISPLAY", self.name())).unwrap();
    }

    /// Returns how much of two pictures differs, in percent, by the measure that `pictures.gd` has too.
    fn differing(&self, one: &Path, other: &Path, place: &Path) -> f64 {
        let mut command = workspace::command(&self.convert);
        command
            .args([one, other])
            .args(["-alpha", "off", "-scale", "50%"]);
        command.args(["-compose", "Difference", "-composite", "-separate"]);
        command.args(["-evaluate-sequence", "Max", "-threshold", CELL_TOLERANCE]);
        command.arg("-write").arg(place);
        let percent = process::read(command.args(["-format", "%[fx:100*mean]", "info:"])).unwrap();
        percent.trim().parse().unwrap()
    }
}

const APPROVED: &str = "tests/pictures/gl_compatibility/window";
/// Cells of four by four pixels whose mean is that far apart are seen as different, and so much of all cells may be.
const CELL_TOLERANCE: &str = "9.4%";
const LIMIT_PERCENT: f64 = 0.15;
const PATIENCE: Duration = Duration::from_secs(10);
