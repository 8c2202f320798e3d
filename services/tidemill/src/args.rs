//! The command line.

use std::{fmt::Write, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tidemill_cli::ClientCommand;

/// Exit codes of the roles, and of what is no client command.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "stopped as told, everything drained"),
    (1, "a part failed, or something did not end within the grace"),
    (2, "usage"),
    (74, "the output cannot be written"),
    (
        78,
        "the configuration is wrong, or the Redis server cannot keep what it promises",
    ),
    (130, "ended at once by a second signal"),
    (141, "stdout was closed by its reader"),
];
/// Help is as wide as this on every terminal, and so in the command reference.
const WIDTH: usize = 100;

fn after_help() -> String {
    let mut text = "Exit codes of the roles:\n".to_owned();
    for (code, meaning) in EXIT_CODES {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {code:>3}  {meaning}");
    }
    text + "Client commands have their own: see their --help."
}

/// A durable task queue with a gRPC contract, on Redis.
#[derive(Debug, Parser)]
#[command(version, after_help = after_help(), propagate_version = true, term_width = WIDTH)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take tasks in (with maintenance)
    Gateway(ConfigArgs),
    /// Lease tasks to handler processes (with maintenance)
    Worker(ConfigArgs),
    /// Answer for results and stream them
    Results(ConfigArgs),
    /// Promote, reap, expire, purge and reconcile; it also runs beside gateway and worker
    Maintenance(ConfigArgs),
    /// Run a set of roles in one process, each on its own port
    Run(RunArgs),
    /// Run every role in one process on one port, with a private Redis or Valkey server
    Dev(DevArgs),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    #[command(flatten)]
    Client(ClientCommand),
    /// Print a completion script, e.g. for ~/.bash_completion: tidemill completions bash
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write the pages of all commands
    Man {
        /// Write tidemill.1 and a page for each command into this folder
        directory: Option<PathBuf>,
    },
    /// Write the generated documents, or check that they are current
    #[command(hide = true)]
    InternalDocs(DocsArgs),
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// Takes tasks in.
    Gateway,
    /// Leases them to handler processes.
    Worker,
    /// Answers for results.
    Results,
    /// Keeps time.
    Maintenance,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file (TOML); see `tidemill config show`
    #[arg(long, value_name = "FILE", env = "TIDEMILL_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
    /// Sets one option, e.g. --set redis.url=redis://db:6379; wins over file and environment
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Roles, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', required = true)]
    pub(crate) roles: Vec<Role>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Where the private server keeps its data; it survives a restart
    #[arg(long, value_name = "DIR", default_value = "./.tidemill")]
    pub(crate) data: PathBuf,
    /// Program of the private server [default: valkey-server or redis-server on the search path, then .tools/server]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) redis_server: Option<PathBuf>,
    /// Use the server at this URL instead of a private one
    #[arg(long, value_name = "URL", conflicts_with = "redis_server")]
    pub(crate) redis_url: Option<String>,
    /// Show a short demo once everything runs, then go on serving
    #[arg(long)]
    pub(crate) demo: bool,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the effective configuration, secrets masked, with the source of each value that is not a default
    Show(ConfigArgs),
    /// Check the configuration and say what is wrong
    Check(ConfigArgs),
    /// Print the commented defaults: the reference, and a start for your own file
    Defaults,
}

#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// Folder of the documents
    pub(crate) directory: PathBuf,
    /// Write nothing; fail if a document is not current
    #[arg(long)]
    pub(crate) check: bool,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
