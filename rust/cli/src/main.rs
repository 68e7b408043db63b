// SPDX-License-Identifier: MIT
//! The program `vsekai`.

fn main() -> std::process::ExitCode {
    vsekai_cli::shell::log_if_asked();
    vsekai_cli::main_with(std::env::args_os(), vsekai_cli::Shell::system()).into()
}
