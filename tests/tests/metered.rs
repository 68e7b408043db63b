// SPDX-License-Identifier: MIT
//! Connections that cost by the byte: the GDExtension in a real Godot, on D-Buses of its own.
#![cfg(target_os = "linux")]

mod godot_support;

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;

use godot_support::{Project, Published};
use serde_json::json;
use vsekai_tests::tool;
use xtask::process::{self, Running};
use xtask::tools::Tool;
use xtask::workspace;
use zbus::connection::Builder;
use zbus::object_server::InterfaceRef;

#[test]
fn an_update_waits_while_the_system_says_that_the_connection_is_metered() {
    let Some(daemon) = tool(Tool::DbusDaemon) else {
        return;
    };
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    let folder = published.world.path("buses");
    fs_err::create_dir_all(&folder).unwrap();
    let (_managed_bus, managed) = bus(&daemon, &folder, "managed");
    let (_empty_bus, empty) = bus(&daemon, &folder, "empty");
    let silent = folder.join("silent");
    // Takes connections, as far as the system is concerned, and never says a word.
    let _listener = UnixListener::bind(&silent).unwrap();

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let manager = runtime.block_on(NetworkManager::serve(&managed));
    let mut config = published.config();
    config["buses"] = json!({
        "managed": managed,
        "empty": empty,
        "silent": address(&silent),
        "absent": address(&folder.join("absent")),
    });
    let output = project.watch(&config, &["metered"], |line| {
        if line == "the connection changes now" {
            runtime.block_on(manager.change(NOT_METERED_AS_A_GUESS));
        }
    });
    println!("{output}");
}

/// A bus of its own, and its address.
fn bus(daemon: &Path, folder: &Path, name: &str) -> (Running, String) {
    let config = folder.join(format!("{name}.conf"));
    fs_err::write(&config, CONFIG.replace("ADDRESS", &address(&folder.join(name)))).unwrap();
    let mut command = workspace::command(daemon);
    command
        .args(["--nofork", "--print-address=1", "--config-file"])
        .arg(config);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = process::spawn(&mut command).unwrap();
    // It tells its address once it can be used.
    let mut line = String::new();
    let mut output = BufReader::new(running.take_stdout().unwrap());
    output.read_line(&mut line).unwrap();
    (running, line.trim().to_owned())
}

fn address(socket: &Path) -> String {
    format!("unix:path={}", socket.display())
}

/// What of NetworkManager a launcher asks for.
struct NetworkManager {
    metered: u32,
}

#[zbus::interface(name = "org.freedesktop.NetworkManager")]
impl NetworkManager {
    #[zbus(property)]
    fn metered(&self) -> u32 {
        self.metered
    }
}

/// A NetworkManager on a bus.
struct Manager(InterfaceRef<NetworkManager>);

impl NetworkManager {
    async fn serve(bus: &str) -> Manager {
        let manager = Self {
            metered: METERED_AS_IT_KNOWS,
        };
        let connection = Builder::address(bus).serve_at(PATH, manager).name(NAME);
        let connection = connection.build().await.unwrap();
        Manager(connection.object_server().interface(PATH).await.unwrap())
    }
}

impl Manager {
    async fn change(&self, metered: u32) {
        let mut manager = self.0.get_mut().await;
        manager.metered = metered;
        manager.metered_changed(self.0.signal_emitter()).await.unwrap();
    }
}

const NAME: &str = "org.freedesktop.NetworkManager";
const PATH: &str = "/org/freedesktop/NetworkManager";
const METERED_AS_IT_KNOWS: u32 = 1;
const NOT_METERED_AS_A_GUESS: u32 = 4;
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>ADDRESS</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;
