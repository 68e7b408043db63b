// SPDX-License-Identifier: MIT
//! A server and an export in a real S3 cluster, of which a node is lost.

use vsekai_tests::garage::{Garage, REGION};
use vsekai_tests::site::{server_command, write};
use vsekai_tests::tree;
use vsekai_tests::world::World;
use xtask::{events, process};

#[test]
fn a_cluster_that_loses_a_node_goes_on_taking_releases_and_serving_players() {
    // The cluster's web server goes by the name of the host.
    let Some(mut cluster) = Garage::with_buckets(&["chunks", "localhost"]) else {
        return;
    };
    let mut world = World::configured(&format!(
        "chunks = \"s3://chunks/vsekai\"\ns3_endpoint = \"{}\"\ns3_region = \"{REGION}\"\ns3_credentials = \"{}\"\n",
        cluster.address(),
        cluster.credentials().display()
    ));
    let first = world.make_build(1);
    let server = |world: &World, words: &[&str]| {
        let mut command = server_command(world);
        command.arg("--config").arg(world.server().configuration());
        command.args(words);
        command
    };
    let export = |world: &World| write(&mut server(world, &["export", "--to", "s3://localhost"]));
    let (chunks, _) = export(&world);
    assert!(chunks > 0);
    world.update();
    tree::assert_same(&first, &world.installed());

    cluster.kill_one();
    let second = world.make_build(2);
    world.update();
    tree::assert_same(&second, &world.installed());
    process::read(&mut server(&world, &["fsck", "--deep"])).unwrap();
    let (new, _) = export(&world);
    assert!(new > 0 && new < chunks, "{new} of {chunks}");

    // Players need the cluster alone.
    world.kill_server();
    fs_err::remove_dir_all(world.install_folder()).unwrap();
    let run = events::run(&mut world.update_command(&cluster.web_address())).unwrap();
    run.successful().unwrap();
    tree::assert_same(&second, &world.installed());
}
