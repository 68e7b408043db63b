// SPDX-License-Identifier: MIT
//! Two programs that update one folder at the same time, the first of which may be killed.

use serde_json::Value;
use vsekai_tests::player::Player;
use vsekai_tests::tree;
use vsekai_tests::world::World;
use xtask::events;

const ROUNDS: usize = 100;

/// Where the first update is when the second comes, and perhaps when it is killed.
const PHASES: &[&str] = &[
    "Checking",
    "UpdateAvailable",
    "PreparingUpdate",
    "DownloadingUpdate",
    "ApplyingUpdate",
    "FinalizingUpdate",
];

#[test]
fn two_updaters_on_one_folder_never_harm_it_and_no_lock_outlives_its_holder() {
    let (world, builds, pristine) = World::before_an_update();
    let (mut waited, mut refused, mut killed) = (0, 0, 0);
    for round in 0..ROUNDS {
        world.lay_out(Some(&pristine));
        let (phase, kills) = (PHASES[round / 2 % PHASES.len()], round % 2 == 1);
        let (first, second) = race(&world, phase, kills);
        match second.status.success() {
            true => waited += 1,
            false => {
                // The documented code of a folder that another one works on.
                assert_eq!(
                    second.status.code(),
                    Some(LOCKED),
                    "round {round}: {:?}",
                    second.events
                );
                refused += 1;
            }
        }
        killed += usize::from(kills && first.status.code().is_none());
        let player = Player::at(&world.install_folder());
        let at = usize::from(player.version().as_deref() == Some("2.0.0"));
        tree::assert_same(&builds[at], &world.installed());
        // A stale lock would stop this one.
        let _ = player.update();
        tree::assert_same(&builds[1], &world.installed());
        assert!(player.is_intact());
    }
    println!(
        "{ROUNDS} rounds of two updaters, {killed} first ones killed: {waited} second ones completed, {refused} were told; 0 corrupt, 0 stale locks"
    );
    assert!(killed * 3 > ROUNDS && refused > 0);
}

/// Starts a second update when the first reaches a phase; kills the first there if so asked.
fn race(world: &World, phase: &str, kills: bool) -> (events::Run, events::Run) {
    let mut first = world.update_command(world.server().address());
    let mut second = None;
    let is_there = |event: &Value| event["event"] == "state" && event["phase"] == phase;
    let first = events::run_watched(&mut first, |event, running| {
        if second.is_none() && is_there(event) {
            if kills {
                running.kill();
            }
            second = Some(events::run(&mut world.update_command(world.server().address())).unwrap());
        }
    });
    (first.unwrap(), second.expect("the first update never got there"))
}

/// Exit code of an update of a folder that another one works on.
const LOCKED: i32 = 6;
