// SPDX-License-Identifier: MIT
//! The program `vsekai`.

fn main() -> std::process::ExitCode {
    // Where that cannot be, the program takes more memory and works as well.
    let _ = vsekai_heap::share_one_arena();
    vsekai_cli::shell::log_if_asked();
    vsekai_cli::main_with(std::env::args_os(), vsekai_cli::Shell::system()).into()
}
