//! `uptick help TOPIC` and `uptick completions SHELL`.

use clap::CommandFactory as _;
use collector::error::{EXIT_OK, Error};

use crate::args::{Args, Completions, Help};
use crate::print;

/// What stands behind `uptick help TOPIC`, by topic.
pub(crate) const TOPICS: [(&str, &str); 7] = [
    ("exit-codes", include_str!("topics/exit-codes.txt")),
    ("configuration", include_str!("topics/configuration.txt")),
    ("metrics", include_str!("topics/metrics.txt")),
    ("noise", include_str!("topics/noise.txt")),
    ("ci", include_str!("topics/ci.txt")),
    ("alerts", include_str!("topics/alerts.txt")),
    ("server", include_str!("topics/server.txt")),
];

pub(crate) fn run(a: &Help) -> anyhow::Result<u8> {
    let mut command = Args::command();
    let Some(topic) = &a.topic else {
        print::out(&command.render_help().to_string())?;
        return Ok(EXIT_OK);
    };
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| name == topic) {
        print::out(text)?;
        return Ok(EXIT_OK);
    }
    command.build();
    let Some(known) = command.find_subcommand_mut(topic) else {
        let topics: Vec<&str> = TOPICS.iter().map(|(name, _)| *name).collect();
        let topics = topics.join(", ");
        let what = format!("`{topic}` is neither a topic ({topics}) nor a command");
        return Err(Error::Usage(what).into());
    };
    print::out(&known.render_long_help().to_string())?;
    Ok(EXIT_OK)
}

pub(crate) fn completions(a: &Completions) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(a.shell, &mut Args::command(), "uptick", &mut script);
    print::out(&String::from_utf8_lossy(&script))?;
    Ok(EXIT_OK)
}
