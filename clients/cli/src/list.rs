//! `tidemill list`.

use std::io::Write;

use clap::{Args, ValueEnum, value_parser};
use tidemill_client::{Client, TaskState};

use crate::{ClientOptions, Error, command::Outcome, json, printer::Printer, text};

const PAGE_SIZE: i32 = 500;
/// Without a state: what is going on first, what is over last.
const ALL: [TaskState; 7] = [
    TaskState::Running,
    TaskState::Queued,
    TaskState::Scheduled,
    TaskState::Failed,
    TaskState::Expired,
    TaskState::Cancelled,
    TaskState::Succeeded,
];

/// Arguments of `tidemill list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The queue [default: default]
    #[arg(long, short = 'q', value_name = "NAME")]
    queue: Option<String>,
    /// Only tasks in this state [default: every state, one after the other]
    #[arg(long, ignore_case = true)]
    state: Option<StateArg>,
    /// Only dead letters: the same as --state failed. Newest first, each with its error
    #[arg(long, conflicts_with = "state")]
    dead_letters: bool,
    /// Most tasks to print
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(i32).range(1..))]
    limit: i32,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StateArg {
    Scheduled,
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
    Expired,
}

impl StateArg {
    fn state(self) -> TaskState {
        match self {
            Self::Scheduled => TaskState::Scheduled,
            Self::Queued => TaskState::Queued,
            Self::Running => TaskState::Running,
            Self::Succeeded => TaskState::Succeeded,
            Self::Failed => TaskState::Failed,
            Self::Cancelled => TaskState::Cancelled,
            Self::Expired => TaskState::Expired,
        }
    }
}

impl ListArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = self.options.client()?;
        let one = self
            .state
            .map(StateArg::state)
            .or(self.dead_letters.then_some(TaskState::Failed));
        let states = one.as_ref().map_or(&ALL[..], std::slice::from_ref);
        let mut left = self.limit;
        for state in states {
            if !self.list(&client, *state, &mut left, printer).await? {
                printer.note(&format!("there are more than {}; see --limit", self.limit));
                return Ok(Outcome::DONE);
            }
        }
        if left == self.limit {
            let queue = self.queue.as_deref().unwrap_or("default");
            printer.note(&format!(
                "queue `{queue}` has no such task; `tidemill queues` lists the queues"
            ));
        }
        Ok(Outcome::DONE)
    }

    /// Prints the tasks in one state. False: there are more than may be printed.
    async fn list<W: Write>(
        &self,
        client: &Client,
        state: TaskState,
        left: &mut i32,
        printer: &mut Printer<W>,
    ) -> Result<bool, Error> {
        let queue = self.queue.as_deref().unwrap_or_default();
        let mut next = None;
        loop {
            // One more than may be printed shows that there is more. A page may be empty and yet not be the last one.
            let size = left.saturating_add(1).min(PAGE_SIZE);
            let page = client.tasks(queue, state, size, next).await?;
            for task in &page.items {
                if *left == 0 {
                    return Ok(false);
                }
                printer.item(|paint| text::task(task, paint), || json::task(task))?;
                *left -= 1;
            }
            next = page.next;
            if next.is_none() {
                return Ok(true);
            }
        }
    }
}
