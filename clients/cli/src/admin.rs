//! `tidemill queues` and `tidemill list`.

use std::io::Write;

use clap::{Args, ValueEnum, value_parser};
use tidemill_proto::v1::{ListQueuesRequest, ListTasksRequest, Queue, TaskState};

use crate::{ClientOptions, Error, client::Client, command::Outcome, json, printer::Printer, text};

const PAGE_SIZE: i32 = 500;

/// Arguments of `tidemill queues`.
#[derive(Debug, Args)]
pub struct QueuesArgs {
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

/// Arguments of `tidemill list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The queue [default: default]
    #[arg(long, short = 'q')]
    queue: Option<String>,
    /// The state
    #[arg(long, ignore_case = true)]
    state: StateArg,
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
    fn to_proto(self) -> TaskState {
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

impl QueuesArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = Client::new(&self.options)?;
        let queues = all_queues(&client).await?;
        if printer.is_json() {
            queues
                .iter()
                .try_for_each(|queue| printer.line(&json::queue(queue).to_string()))?;
            return Ok(Outcome::Done);
        }
        if queues.is_empty() {
            printer.note("there is no queue yet; the first task makes one: tidemill enqueue KIND");
            return Ok(Outcome::Done);
        }
        let width = queues
            .iter()
            .map(|queue| queue.name.len())
            .max()
            .unwrap_or_default()
            .max("QUEUE".len());
        printer.line(&text::queue_header(width))?;
        queues
            .iter()
            .try_for_each(|queue| printer.line(&text::queue(queue, width)))?;
        Ok(Outcome::Done)
    }
}

/// Every page: the columns are as wide as the longest name.
async fn all_queues(client: &Client) -> Result<Vec<Queue>, Error> {
    let mut queues = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = client
            .list_queues(ListQueuesRequest {
                page_size: PAGE_SIZE,
                page_token,
            })
            .await?;
        queues.extend(page.queues);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(queues);
        }
    }
}

impl ListArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = Client::new(&self.options)?;
        let (mut left, mut page_token) = (self.limit, String::new());
        loop {
            let request = ListTasksRequest {
                queue: self.queue.clone().unwrap_or_default(),
                state: self.state.to_proto() as i32,
                page_size: left.min(PAGE_SIZE),
                page_token,
            };
            let page = client.list_tasks(request).await?;
            for task in page.tasks.iter().take(usize::try_from(left).unwrap_or_default()) {
                printer.either(|| text::task(task), || json::task(task))?;
            }
            // A page may be empty and yet not be the last one.
            left = left.saturating_sub(i32::try_from(page.tasks.len()).unwrap_or(i32::MAX));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(Outcome::Done);
            }
            if left <= 0 {
                printer.note(&format!("there are more than {}; see --limit", self.limit));
                return Ok(Outcome::Done);
            }
        }
    }
}
