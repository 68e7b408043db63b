// SPDX-License-Identifier: MIT
//! `completion` and `manpage`: what follows from the description of the command line alone.

use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory as _;
use fs_err as fs;
use vsekai_desync::DesyncError;

use super::args::{CompletionArgs, Line, ManpageArgs};

/// Prints the script for a shell, for the program under the name `desync`.
pub(super) fn completion(args: &CompletionArgs, out: &mut dyn Write) -> Result<(), DesyncError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Line::command(), NAME, &mut script);
    let written = out.write_all(&script).and_then(|()| out.flush());
    written.map_err(failed("write the script"))
}

/// Writes a page for the program and one for each command into a folder that must be there.
pub(super) fn manpage(args: &ManpageArgs) -> Result<(), DesyncError> {
    let mut program = Line::command().name(NAME).disable_help_subcommand(true);
    // Gives the commands their whole names.
    program.build();
    page(&program, args)?;
    let shown = program.get_subcommands().filter(|command| !command.is_hide_set());
    shown.into_iter().try_for_each(|command| page(command, args))
}

fn page(command: &clap::Command, args: &ManpageArgs) -> Result<(), DesyncError> {
    let name = command.get_display_name().unwrap_or(NAME);
    let title = args.title.as_deref().unwrap_or(name);
    let page = clap_mangen::Man::new(command.clone())
        .title(title)
        .section(&args.section)
        .source(args.source.as_deref().unwrap_or_default())
        .manual(args.manual.as_deref().unwrap_or_default());
    let mut text = Vec::new();
    page.render(&mut text).map_err(failed("make the page"))?;
    let file = Path::new(&args.folder).join(format!("{name}.{}", args.section));
    fs::write(file, text).map_err(failed("write the page"))
}

fn failed(action: &'static str) -> impl Fn(io::Error) -> DesyncError {
    move |source| DesyncError::File { action, source }
}

/// The name to complete and to describe.
const NAME: &str = "desync";
