//! `make bench`: measures the floors of this machine and a whole Tidemill in the same run, and prints one table of ratios.
//!
//! ```text
//!  rig ──starts──▶ server, gateway, worker, results (the release binary), and itself as load client and as handler process
//!   └── CPU of each from the operating system, before and after what is measured ──▶ rows ──▶ table, JSON, RESULTS.md
//! ```
//!
//! Everything that is not the rig runs as a process of its own with one thread, so that its CPU can be told from that of the others.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a measurement that cannot be made must stop loudly"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a load client and a handler process spawn what they like, as clients do"
)]

mod args;
mod child;
mod cpu;
mod floor;
mod gate;
mod handler;
mod load;
mod results_file;
mod rows;
mod system;
mod table;

use clap::Parser;

use args::{Arguments, Command};

/// As in the program that is measured, so that the floor is measured on the same ground.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments = Arguments::parse();
    let Some(command) = arguments.command else {
        rows::run(&arguments.rig);
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        match command {
            Command::EchoServer => floor::echo::serve().await,
            Command::EchoClient(args) => floor::echo::call(args).await,
            Command::RedisFloor(args) => floor::script::run(args).await,
            Command::Handler(args) => handler::run(args).await,
            Command::Load(load) => load::run(load).await,
        }
    });
}
