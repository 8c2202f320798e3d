//! The one binary: a subcommand for each role, `run` for a set of them, `dev` for all of them with a private server, and the client
//! commands.
//!
//! ```text
//!  arguments ─▶ settings (checked in full) ─▶ ports bound ─▶ store opened ─▶ roles ─▶ serve … signal ─▶ drain ─▶ exit code
//! ```

mod args;
mod dev;
mod docs;
mod manual;
mod output;
mod process;
mod roles;
mod settings;

use std::process::ExitCode;

use clap::Parser;
use tidemill_kit::config::ConfigError;

pub use args::Role;
pub use settings::DEFAULTS;

use args::{Arguments, Command, ConfigArgs, ConfigCommand};
use process::Failure;
use settings::Settings;

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The default provider must be chosen once; a second choice by a library would only fail.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&Failure::Failed(format!("cannot start the runtime: {error}"))),
    };
    let code = match runtime.block_on(run(arguments.command)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => report(&failure),
    };
    // What is still running ends with the process: the shutdown has already waited as long as it may.
    runtime.shutdown_background();
    code
}

fn report(failure: &Failure) -> ExitCode {
    if !matches!(failure, Failure::Closed) {
        eprintln!("tidemill: {failure}");
    }
    ExitCode::from(failure.exit_code())
}

async fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Gateway(config) => process::run(&[Role::Gateway], &load(&config)?).await?,
        Command::Worker(config) => process::run(&[Role::Worker], &load(&config)?).await?,
        Command::Results(config) => process::run(&[Role::Results], &load(&config)?).await?,
        Command::Maintenance(config) => process::run(&[Role::Maintenance], &load(&config)?).await?,
        Command::Run(run) => {
            let mut roles = run.roles;
            roles.sort_unstable();
            roles.dedup();
            process::run(&roles, &load(&run.config)?).await?;
        }
        Command::Dev(dev) => dev::run(dev).await?,
        Command::Config(ConfigCommand::Defaults) => output::print(DEFAULTS)?,
        Command::Config(ConfigCommand::Show(config)) => {
            let layers = settings::layers(config.config.as_deref(), &config.set);
            Settings::load(&layers)?;
            output::print(layers.effective_toml())?;
        }
        Command::Config(ConfigCommand::Check(config)) => {
            load(&config)?;
            output::print("the configuration is sound\n")?;
        }
        Command::Client(client) => return Ok(client.run().await),
        Command::Completions { shell } => output::print(manual::completions(shell))?,
        Command::Man { directory: None } => output::print(manual::page()?)?,
        Command::Man {
            directory: Some(folder),
        } => manual::write_pages(&folder)?,
        Command::InternalDocs(args) => docs::run(&args)?,
    }
    Ok(0)
}

fn load(config: &ConfigArgs) -> Result<Settings, ConfigError> {
    Settings::load(&settings::layers(config.config.as_deref(), &config.set))
}
