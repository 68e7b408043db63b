// SPDX-License-Identifier: MIT
//! Keeps the library in memory until the process ends, where the linker can arrange that.
//!
//! Godot unloads extensions when it quits. Pools of idle threads (rayon's) live as long as the process and
//! must not wake up in memory that is gone.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(target.as_str(), "linux" | "freebsd" | "netbsd" | "openbsd") {
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
