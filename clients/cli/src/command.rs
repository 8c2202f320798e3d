//! The subcommands, and how their outcome becomes an exit code.

use std::{fmt::Write as _, io};

use clap::Subcommand;
use tidemill_client::TaskState;

use crate::{
    BenchArgs, CancelArgs, ClientOptions, EnqueueArgs, Error, GetArgs, HealthArgs, ListArgs, QueuesArgs, WatchArgs,
    WorkArgs,
    bench::ABOUT_THE_LOAD,
    printer::{self, Printer, Shape},
    work::ABOUT_THE_PROGRAM,
};

/// Exit codes of the client commands.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "ok"),
    (1, "the task did not succeed: FAILED, CANCELLED or EXPIRED"),
    (2, "usage, or the request was refused as it stands (INVALID_ARGUMENT)"),
    (3, "not found"),
    (4, "conflict with what is there, e.g. a reused idempotency key"),
    (
        5,
        "unavailable, TLS mismatch, deadline passed, or not finished within --wait",
    ),
    (6, "resource exhausted: the queue or the store is full"),
    (70, "internal error, here or at the server"),
    (74, "the output cannot be written, e.g. the disk is full"),
    (130, "ended at once by a second Ctrl-C"),
    (141, "stdout was closed by its reader"),
];

/// Environment variables of the client commands that are not the value of a flag.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "TIDEMILL_TOKEN",
        "The credential itself; not a flag, because others can see a process's arguments",
    ),
    ("NO_COLOR", "No colour, if it is set to anything"),
];

fn after_help() -> String {
    // Writing to a String cannot fail.
    let mut text = "Exit codes (of several tasks: the highest):\n".to_owned();
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(text, "  {code:>3}  {meaning}");
    }
    text.push_str("\nEnvironment, beside the variables named above:\n");
    for (name, meaning) in ENVIRONMENT {
        let _ = writeln!(text, "  {name:<14}  {meaning}");
    }
    text
}

/// What a client of Tidemill can do from a shell. Mount it with `#[command(flatten)]` among other subcommands.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Store a task and print its id; with --watch follow it to its end; with --batch store many
    #[command(after_help = after_help())]
    Enqueue(Box<EnqueueArgs>),
    /// Show the state of a task, and its output or error once it has finished
    #[command(after_help = after_help())]
    Get(GetArgs),
    /// Follow the events of tasks to their end, through broken connections
    #[command(after_help = after_help())]
    Watch(WatchArgs),
    /// Cancel a task: a waiting one ends at once, a running one is asked to stop
    #[command(after_help = after_help())]
    Cancel(CancelArgs),
    /// List the tasks of one queue, e.g. its dead letters
    #[command(after_help = after_help())]
    List(ListArgs),
    /// List the queues and their counters, or look at one of them
    #[command(after_help = after_help())]
    Queues(QueuesArgs),
    /// Ask every address whether it serves
    #[command(after_help = after_help())]
    Health(HealthArgs),
    /// Run tasks with a program: any local command becomes a worker
    #[command(after_help = format!("{ABOUT_THE_PROGRAM}\n{}", after_help()))]
    Work(Box<WorkArgs>),
    /// Put load on a deployment and measure throughput and latency
    #[command(after_help = format!("{ABOUT_THE_LOAD}\n{}", after_help()))]
    Bench(Box<BenchArgs>),
}

impl ClientCommand {
    /// Runs the command and returns the exit code of the process. Writes data to stdout, notes and errors to stderr. Needs a Tokio
    /// runtime with time and I/O enabled; either flavour will do.
    pub async fn run(self) -> u8 {
        let (options, shape, quiet) = self.output();
        let mut printer = Printer::stdout(options, shape, quiet);
        let ended = self.execute(&mut printer).await;
        // A document is ended after an error, too; the first error is the one to tell.
        let finished = printer.finish();
        match ended.and_then(|outcome| finished.map(|()| outcome)) {
            Ok(outcome) => outcome.0,
            Err(error) => {
                if !error.is_closed_output() {
                    printer::note("error", &error.to_string());
                }
                error.exit_code()
            }
        }
    }

    async fn execute(self, printer: &mut Printer<io::Stdout>) -> Result<Outcome, Error> {
        match self {
            Self::Enqueue(args) => args.run(printer).await,
            Self::Get(args) => args.run(printer).await,
            Self::Watch(args) => args.run(printer).await,
            Self::Cancel(args) => args.run(printer).await,
            Self::List(args) => args.run(printer).await,
            Self::Queues(args) => args.run(printer).await,
            Self::Health(args) => args.run(printer).await,
            Self::Work(args) => args.run(printer).await,
            Self::Bench(args) => args.run(printer).await,
        }
    }

    /// How to print: the options, the shape of the document, and whether only what was asked for.
    fn output(&self) -> (&ClientOptions, Shape, bool) {
        match self {
            Self::Enqueue(args) => (&args.options, args.shape(), args.quiet),
            Self::Get(args) => (&args.options, Shape::Object, args.quiet),
            Self::Watch(args) => (&args.options, Shape::Array, args.quiet),
            Self::Cancel(args) => (&args.options, Shape::Object, false),
            Self::List(args) => (&args.options, Shape::Array, false),
            Self::Queues(args) => (&args.options, args.shape(), false),
            Self::Health(args) => (&args.options, Shape::Array, false),
            Self::Work(args) => (&args.options, Shape::Array, args.quiet),
            Self::Bench(args) => (&args.options, Shape::Object, args.quiet),
        }
    }
}

/// How a command ended that was not refused: its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outcome(pub(crate) u8);

impl Outcome {
    /// It did what was asked for.
    pub(crate) const DONE: Self = Self(0);
    /// The task ended in a state other than SUCCEEDED.
    pub(crate) const NOT_SUCCEEDED: Self = Self(1);
    /// `--wait` was over before the task finished, or something does not serve.
    pub(crate) const UNAVAILABLE: Self = Self(5);

    /// What the end of a task in this state means.
    pub(crate) fn of_state(state: TaskState) -> Self {
        if state.is_terminal() && state != TaskState::Succeeded {
            Self::NOT_SUCCEEDED
        } else {
            Self::DONE
        }
    }
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
    fn every_command_documents_its_exit_codes_and_environment() {
        for sub in Cli::command().get_subcommands_mut() {
            let help = sub.render_help().to_string();
            for words in ["Exit codes", "   74  the output", "TIDEMILL_URL", "TIDEMILL_TOKEN "] {
                assert!(help.contains(words), "{words} in {help}");
            }
        }
    }

    #[test]
    fn parses_what_people_write() {
        for line in [
            "enqueue echo --text hello --watch",
            "enqueue echo - --queue q --key k --priority urgent --delay 10s --label a=b --label c=d --quiet",
            "enqueue echo --file - --run-at 2026-01-01T00:00:00Z --retention 1h --multiplier 1.5 --drop-input-on-success",
            "enqueue echo --json {} --max-attempts 3 --initial-backoff 1s --max-backoff 1m --attempt-timeout 5m --expires-in 1h",
            "enqueue --batch tasks.jsonl --key-prefix p",
            "enqueue echo --batch - --queue q -o jsonl",
            "get id --wait 30s --file out",
            "watch id --after 4 --give-up-after 5m --output json",
            "watch a b c",
            "watch -",
            "cancel id --reason why",
            "queues --url http://example:1",
            "queues mail --color never",
            "list --queue q --state FAILED --limit 3",
            "list -q q --dead-letters",
            "list",
            "bench",
            "bench --unary -c 64 -d 30s --workers 2 --payload-size 1024 -o json",
            "bench --batch 256 --rate 5000 --tasks 100000 -q load -k echo --no-watch --quiet",
            "health --service tidemill.v1.GatewayService --worker-url http://w --ca ca.pem --tls-domain w",
        ] {
            let args = ["tidemill"].into_iter().chain(line.split(' '));
            if let Err(error) = Cli::try_parse_from(args) {
                panic!("{line}: {error}");
            }
        }
    }

    #[test]
    fn refuses_what_cannot_be_meant() {
        for line in [
            "enqueue",
            "enqueue echo --text a --json 1",
            "enqueue echo - --text a",
            "enqueue echo stdin",
            "enqueue echo --delay 10",
            "enqueue echo --delay 10s --run-at 2026-01-01T00:00:00Z",
            "enqueue echo --run-at tomorrow",
            "enqueue echo --label a",
            "enqueue echo --max-attempts 0",
            "enqueue echo --multiplier 0.5",
            "enqueue echo --tracestate a=b",
            "enqueue echo --key=",
            "enqueue echo --key-prefix p",
            "enqueue --batch f --key k",
            "enqueue --batch f --watch",
            "list --state done",
            "list --state failed --dead-letters",
            "watch",
            "watch id --after=-1",
            "watch a b --after 1",
            "watch a b --file out",
            "bench --unary --batch 10",
            "bench --rate 5 --concurrency 5",
            "bench --rate 0",
            "bench --batch 1001",
            "bench --duration 10",
            "bench --duration 10s --tasks 5",
            "bench --payload-size 2000000",
            "get id --cert x",
            "get id --output yaml",
        ] {
            let args = ["tidemill"].into_iter().chain(line.split(' '));
            let Err(error) = Cli::try_parse_from(args) else {
                // What clap cannot express is checked first thing.
                assert!(line.starts_with("watch a b"), "{line}");
                continue;
            };
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
    fn outcomes_of_states() {
        use TaskState::{Cancelled, Expired, Failed, Queued, Running, Succeeded};
        let code = |state: TaskState| Outcome::of_state(state).0;
        assert_eq!([Queued, Running, Succeeded].map(code), [0, 0, 0]);
        assert_eq!([Failed, Cancelled, Expired].map(code), [1, 1, 1]);
    }
}
