// SPDX-License-Identifier: MIT
//! The commands as a program of their own: `cargo run -p vsekai-desync --example desync -- --help`.
//!
//! Shows what a program has to bring along; `vsekai desync` does the same.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use vsekai_desync::{Cancel, DesyncCli, Env};

fn main() -> ExitCode {
    let cli = DesyncCli::parse();
    let cancel = Cancel::default();
    let env = Env {
        out: Box::new(std::io::stdout()),
        err: Box::new(std::io::stderr()),
        err_is_terminal: std::io::stderr().is_terminal(),
        input: Box::new(std::io::stdin()),
        variables: Box::new(|name| std::env::var_os(name)),
        working_folder: std::env::current_dir().ok(),
        cancel: cancel.clone(),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string(), 1),
    };
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });
    let outcome = runtime.block_on(vsekai_desync::run(cli.args, env));
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error.to_string(), error.exit_code()),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    eprintln!("Error: {message}");
    ExitCode::from(code)
}
