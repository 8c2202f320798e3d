//! The command line: the rig's options, and the subcommands with which it starts itself.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures the floors of this machine and a whole Tidemill, and prints one table.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) rig: RigArgs,
}

/// A part of the table that can be measured alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Row {
    /// Bulk and the Redis share of it, `fast`.
    Bulk,
    /// The same, `strict`.
    Strict,
    /// One call and one watch for each task.
    Unary,
    /// One task at a time.
    Latency,
    /// An even rate.
    Paced,
    /// Bytes of Redis.
    Memory,
    /// Idle watch streams.
    Streams,
    /// A system without tasks.
    Idle,
    /// A deep queue against a shallow one.
    Depth,
}

#[derive(Debug, Args)]
pub(crate) struct RigArgs {
    /// Measure only this; may be repeated. The floors that it is compared with are measured, too
    #[arg(long, value_enum)]
    pub(crate) only: Vec<Row>,
    /// A tenth of the tasks and of the time: to see that it works, not to quote
    #[arg(long)]
    pub(crate) quick: bool,
    /// Write the figures as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Write the table into the generated part of this file
    #[arg(long, value_name = "FILE")]
    pub(crate) results: Option<PathBuf>,
    /// The program that is measured
    #[arg(long, value_name = "PROGRAM", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/tidemill"))]
    pub(crate) binary: PathBuf,
    /// Another build of it, whose results role is measured with idle streams, too: e.g. one with the C library's allocator
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) other_binary: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
#[command(hide = true)]
pub(crate) enum Command {
    /// Server of the floor E.
    EchoServer,
    /// Client of the floor E.
    EchoClient(EchoArgs),
    /// The floor R.
    RedisFloor(RedisArgs),
    /// A handler process that does nothing with its tasks.
    Handler(HandlerArgs),
    /// A load client.
    #[command(subcommand)]
    Load(Load),
}

#[derive(Debug, Args)]
pub(crate) struct EchoArgs {
    #[arg(long)]
    pub(crate) url: String,
    #[arg(long)]
    pub(crate) calls: usize,
}

#[derive(Debug, Args)]
pub(crate) struct RedisArgs {
    #[arg(long)]
    pub(crate) redis: String,
    #[arg(long)]
    pub(crate) tasks: usize,
}

#[derive(Debug, Args)]
pub(crate) struct HandlerArgs {
    #[arg(long)]
    pub(crate) worker: String,
    #[arg(long)]
    pub(crate) credits: i32,
    #[arg(long, default_value_t = 1)]
    pub(crate) streams: usize,
    /// Take this many tasks, report that, and complete them only when told
    #[arg(long, default_value_t = 0)]
    pub(crate) hold: usize,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Target {
    #[arg(long)]
    pub(crate) gateway: String,
    #[arg(long)]
    pub(crate) results: String,
    #[arg(long)]
    pub(crate) worker: String,
    #[arg(long)]
    pub(crate) tasks: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Load {
    /// Closed loops of BatchEnqueue, all results on one WatchResults stream.
    Bulk {
        #[command(flatten)]
        target: Target,
        #[arg(long)]
        loops: usize,
    },
    /// Closed loops of Enqueue and WatchResult.
    Unary {
        #[command(flatten)]
        target: Target,
        #[arg(long)]
        in_flight: usize,
        #[arg(long)]
        connections: usize,
    },
    /// Enqueue and WatchResult at an even rate, whatever the answers take.
    Paced {
        #[command(flatten)]
        target: Target,
        #[arg(long)]
        rate: u32,
    },
    /// BatchEnqueue only.
    Fill {
        #[command(flatten)]
        target: Target,
    },
    /// WatchResult streams that have nothing to say.
    Streams {
        #[command(flatten)]
        target: Target,
        #[arg(long)]
        connections: usize,
    },
    /// Completes tasks and puts in as many anew: the depth of the queue stays what it is.
    Churn {
        #[command(flatten)]
        target: Target,
    },
}
