// SPDX-License-Identifier: MIT
//! The program `vsekai`.

/// Chunks come and go between threads. The system's allocator gives the memory of most of them back to the system at
/// once, and gets it again for the next, which takes a tenth of all processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    vsekai_cli::shell::log_if_asked();
    vsekai_cli::main_with(std::env::args_os(), vsekai_cli::Shell::system()).into()
}
