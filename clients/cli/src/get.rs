//! `tidemill get`.

use std::{io::Write, time::Duration};

use clap::Args;
use tidemill_proto::v1::GetResultResponse;
use tokio::time::{Instant, sleep};

use crate::{
    ClientOptions, Error, client::Client, command::Outcome, duration::parse_duration, names, printer::Printer,
};

/// The server holds an answer back for at most 60 s; half of it also passes proxies that cut quiet calls.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Between two calls of one wait, so that a server that does not hold back is not flooded.
const PAUSE: Duration = Duration::from_millis(200);

/// Arguments of `tidemill get`.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// The task
    task_id: String,
    /// Wait up to this long for the task to finish; exit with 5 if it has not
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    wait: Option<Duration>,
    /// Print only the output
    #[arg(long)]
    pub(crate) quiet: bool,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

impl GetArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = Client::new(&self.options)?;
        let result = wait_for(&client, &self.task_id, self.wait.unwrap_or_default()).await?;
        printer.result(&result)?;
        match self.wait {
            Some(_) if !names::is_terminal(result.state) => Ok(Outcome::NotFinished),
            _ => Ok(Outcome::of_state(result.state)),
        }
    }
}

/// The result, as soon as the task has finished or the wait is over.
async fn wait_for(client: &Client, task_id: &str, wait: Duration) -> Result<GetResultResponse, Error> {
    let until = Instant::now() + wait;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let result = client.get_result(task_id, left.min(LONGEST_WAIT)).await?;
        if names::is_terminal(result.state) || Instant::now() + PAUSE >= until {
            return Ok(result);
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use tidemill_proto::v1::TaskState;

    use super::*;
    use crate::{OutputFormat, testing::TestServer};

    async fn run(states: &[TaskState], wait: Option<Duration>) -> Result<(Outcome, String), Error> {
        let server = TestServer::start(vec![]).await;
        let result = |state: &TaskState| GetResultResponse {
            state: *state as i32,
            ..GetResultResponse::default()
        };
        server.memory().results.extend(states.iter().map(result));
        let args = GetArgs {
            task_id: "T1".into(),
            wait,
            quiet: false,
            options: ClientOptions::for_url(&server.url),
        };
        let mut out = Vec::new();
        let outcome = args
            .run(&mut Printer::new(&mut out, OutputFormat::Text, false, false))
            .await?;
        Ok((outcome, String::from_utf8_lossy(&out).into_owned()))
    }

    #[tokio::test]
    async fn the_outcome_tells_finished_from_not_finished() {
        let one_second = Some(Duration::from_secs(1));
        let running = run(&[TaskState::Running], None).await.expect("answer");
        assert_eq!(running, (Outcome::Done, "RUNNING\n".to_owned()));
        let waited = run(&[TaskState::Running, TaskState::Succeeded], one_second)
            .await
            .expect("answer");
        assert_eq!(waited, (Outcome::Done, "SUCCEEDED\n".to_owned()));
        let failed = run(&[TaskState::Failed], one_second).await.expect("answer");
        assert_eq!(failed.0, Outcome::NotSucceeded);
        let late = run(&[TaskState::Running], Some(Duration::from_millis(1)))
            .await
            .expect("answer");
        assert_eq!(late.0, Outcome::NotFinished);
        assert_eq!(run(&[], None).await.expect_err("unknown").exit_code(), 3);
    }
}
