//! The subcommands, and how their outcome becomes an exit code.

use std::io::{self, IsTerminal, Write};

use clap::Subcommand;
use tidemill_proto::v1::TaskState;

use crate::{CancelArgs, EnqueueArgs, Error, GetArgs, ListArgs, QueuesArgs, WatchArgs, names, printer::Printer};

const EXIT_CODES: &str = "\
Exit codes:
    0  ok
    1  the task did not succeed: FAILED, CANCELLED or EXPIRED
    2  usage, or the request was refused as it stands (INVALID_ARGUMENT)
    3  not found
    4  conflict with what is there, e.g. a reused idempotency key
    5  unavailable, deadline passed, or not finished within --wait
    6  resource exhausted: the queue or the store is full
   70  internal error, here or at the server
  141  stdout was closed by its reader";

/// What a client of Tidemill can do from a shell. Mount it with `#[command(flatten)]` among other subcommands.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Store a task and print its id; with --watch follow it to its end
    #[command(after_help = EXIT_CODES)]
    Enqueue(Box<EnqueueArgs>),
    /// Show the state of a task, and its output or error once it has finished
    #[command(after_help = EXIT_CODES)]
    Get(GetArgs),
    /// Follow the events of a task to its end, through broken connections
    #[command(after_help = EXIT_CODES)]
    Watch(WatchArgs),
    /// Cancel a task: a waiting one ends at once, a running one is asked to stop
    #[command(after_help = EXIT_CODES)]
    Cancel(CancelArgs),
    /// List the queues and their counters
    #[command(after_help = EXIT_CODES)]
    Queues(QueuesArgs),
    /// List the tasks of one queue that are in one state
    #[command(after_help = EXIT_CODES)]
    List(ListArgs),
}

impl ClientCommand {
    /// Runs the command and returns the exit code of the process. Writes data to stdout, notes and errors to stderr. Needs a Tokio
    /// runtime with time and I/O enabled; either flavour will do.
    pub async fn run(self) -> u8 {
        match self.execute().await {
            Ok(outcome) => outcome.exit_code(),
            Err(error) => {
                if !error.is_closed_output() {
                    note("error", &error.to_string());
                }
                error.exit_code()
            }
        }
    }

    async fn execute(self) -> Result<Outcome, Error> {
        let printer = &mut self.printer();
        match self {
            Self::Enqueue(args) => args.run(printer).await,
            Self::Get(args) => args.run(printer).await,
            Self::Watch(args) => args.run(printer).await,
            Self::Cancel(args) => args.run(printer).await,
            Self::Queues(args) => args.run(printer).await,
            Self::List(args) => args.run(printer).await,
        }
    }

    fn printer(&self) -> Printer<io::Stdout> {
        let (options, quiet) = match self {
            Self::Enqueue(args) => (&args.options, args.quiet),
            Self::Get(args) => (&args.options, args.quiet),
            Self::Watch(args) => (&args.options, args.quiet),
            Self::Cancel(args) => (&args.options, false),
            Self::Queues(args) => (&args.options, false),
            Self::List(args) => (&args.options, false),
        };
        let stdout = io::stdout();
        let raw = !stdout.is_terminal();
        Printer::new(stdout, options.output, raw, quiet)
    }
}

/// How a command ended that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what was asked for.
    Done,
    /// The task ended in a state other than SUCCEEDED.
    NotSucceeded,
    /// `--wait` was over before the task finished.
    NotFinished,
}

impl Outcome {
    /// What the end of a task in this state means for the exit code.
    pub(crate) fn of_state(state: i32) -> Self {
        if names::is_terminal(state) && state != TaskState::Succeeded as i32 {
            Self::NotSucceeded
        } else {
            Self::Done
        }
    }

    fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NotSucceeded => 1,
            Self::NotFinished => 5,
        }
    }
}

/// One line on stderr. A closed stderr is no reason to fail.
pub(crate) fn note(label: &str, message: &str) {
    let _ = writeln!(io::stderr(), "{label}: {}", crate::text::one_line(message));
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(subcommand)]
        command: ClientCommand,
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_documents_its_exit_codes_and_addresses() {
        for sub in Cli::command().get_subcommands_mut() {
            let help = sub.render_help().to_string();
            assert!(help.contains("Exit codes:") && help.contains("TIDEMILL_URL"), "{help}");
        }
    }

    #[test]
    fn parses_the_commands_of_the_readme() {
        for line in [
            "enqueue echo --text hello --watch",
            "enqueue echo --file - --queue q --key k --priority urgent --delay 10s --label a=b --label c=d --quiet",
            "enqueue echo --json {} --max-attempts 3 --initial-backoff 1s --max-backoff 1m --attempt-timeout 5m --expires-in 1h",
            "get id --wait 30s",
            "watch id --after 4 --give-up-after 5m --output json",
            "cancel id --reason why",
            "queues --url http://example:1",
            "list --queue q --state FAILED --limit 3",
        ] {
            let args = ["tidemill"].into_iter().chain(line.split(' '));
            assert!(Cli::try_parse_from(args).is_ok(), "{line}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_meant() {
        for line in [
            "enqueue",
            "enqueue echo --text a --json 1",
            "enqueue echo --delay 10",
            "enqueue echo --label a",
            "enqueue echo --max-attempts 0",
            "enqueue echo --key=",
            "list --queue q",
            "list --state done",
            "watch id --after=-1",
        ] {
            let args = ["tidemill"].into_iter().chain(line.split(' '));
            let error = Cli::try_parse_from(args).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn may_run_on_any_runtime() {
        fn sendable<T: Send>(_: T) {}
        let cli = Cli::try_parse_from(["tidemill", "queues"]).expect("parsed");
        sendable(cli.command.run());
    }

    #[test]
    fn exit_codes_of_states() {
        let code = |state: TaskState| Outcome::of_state(state as i32).exit_code();
        assert_eq!(
            [TaskState::Queued, TaskState::Running, TaskState::Succeeded].map(code),
            [0, 0, 0]
        );
        assert_eq!(
            [TaskState::Failed, TaskState::Cancelled, TaskState::Expired].map(code),
            [1, 1, 1]
        );
        assert_eq!(Outcome::NotFinished.exit_code(), 5);
    }
}
