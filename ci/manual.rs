//! `uptick man`: the manual in the format of man(7), made from the same text as `--help`.

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use collector::error::{EXIT_OK, Error};
use collector::files;

use crate::args::{self, Args};
use crate::{help, print};

pub(crate) fn run(a: &args::Man) -> anyhow::Result<u8> {
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = &a.folder else {
        print::out(&main_page(&command)?)?;
        return Ok(EXIT_OK);
    };
    std::fs::create_dir_all(dir).map_err(Error::io(dir))?;
    clap_mangen::generate_to(command.clone(), dir).map_err(unwritten)?;
    files::write(&dir.join("uptick.1"), &main_page(&command)?)?;
    Ok(EXIT_OK)
}

/// The page of the program: its commands, and the topics of `uptick help`.
fn main_page(command: &clap::Command) -> anyhow::Result<String> {
    let mut text = Vec::new();
    Man::new(command.clone())
        .render(&mut text)
        .map_err(unwritten)?;
    for (_, topic) in help::TOPICS {
        section(topic).to_writer(&mut text).map_err(unwritten)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A topic: its first line is its heading, its columns stay as they are.
fn section(topic: &str) -> Roff {
    let (heading, body) = topic.split_once('\n').unwrap_or((topic, ""));
    let mut roff = Roff::new();
    roff.control("SH", [heading.to_uppercase().as_str()]);
    roff.control("nf", []);
    for line in body.trim_matches('\n').lines() {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff
}

fn unwritten(e: std::io::Error) -> Error {
    Error::Failed(format!("the manual cannot be written: {e}"))
}
