//! `completions` and `man`: made from the same definition as the arguments.

use clap::{Args as ArgGroup, CommandFactory};
use clap_complete::Shell;

use crate::cli::args::Args;
use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::cli::exit::DONE;
use crate::report::{Report, Reportable};

/// Arguments of `completions`.
#[derive(Debug, ArgGroup)]
pub struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub fn completions(door: &Door, args: CompletionsArgs) -> Result<u8, Report> {
    let mut text = vec![];
    clap_complete::generate(args.shell, &mut Args::command(), "breakglass", &mut text);
    door.printer().text(&String::from_utf8_lossy(&text))?;
    Ok(DONE)
}

/// The manual page of the program, followed by one section per verb.
pub fn page(door: &Door) -> Result<u8, Report> {
    let mut command = Args::command();
    command.build();
    let mut text = vec![];
    let mut render = || -> std::io::Result<()> {
        clap_mangen::Man::new(command.clone()).render(&mut text)?;
        for verb in command.get_subcommands() {
            let man = clap_mangen::Man::new(verb.clone());
            text.extend_from_slice(format!(".SH \"VERB {}\"\n", verb.get_name().to_uppercase()).as_bytes());
            man.render_synopsis_section(&mut text)?;
            man.render_description_section(&mut text)?;
        }
        Ok(())
    };
    render().map_err(|error| CliError::Stdout(error).report())?;
    door.printer().text(&String::from_utf8_lossy(&text))?;
    Ok(DONE)
}
