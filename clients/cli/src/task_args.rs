//! What a task is besides its kind, input and key.

use std::{collections::HashMap, str::FromStr, time::Duration};

use clap::{Args, ValueEnum, value_parser};
use prost_types::Timestamp;
use tidemill_client::proto::{self, EnqueueRequest, RetryPolicy, TraceContext, enqueue_request::Start};

use crate::{
    Error,
    duration::{parse_duration, to_proto},
};

/// Options of a task.
#[derive(Debug, Clone, Args)]
pub(crate) struct TaskArgs {
    /// The queue, made on first use [default: default]
    #[arg(long, short = 'q', value_name = "NAME")]
    queue: Option<String>,
    /// Order among ready tasks [default: normal]
    #[arg(long, value_name = "LEVEL")]
    priority: Option<PriorityArg>,
    /// Not before this long from now
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, group = "start")]
    delay: Option<Duration>,
    /// Not before this time (RFC 3339, e.g. 2026-12-24T18:00:00Z); a time in the past means now
    #[arg(long, value_name = "TIME", value_parser = parse_time, group = "start")]
    run_at: Option<Timestamp>,
    /// Attempts in all, the first included
    #[arg(long, value_name = "N", value_parser = value_parser!(i32).range(1..))]
    max_attempts: Option<i32>,
    /// Longest wait after the first failure
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    initial_backoff: Option<Duration>,
    /// Longest wait between attempts
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_backoff: Option<Duration>,
    /// Growth of the wait from one failure to the next, 1 to 100
    #[arg(long, value_name = "FACTOR", value_parser = parse_multiplier)]
    multiplier: Option<f64>,
    /// Longest run of one attempt
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    attempt_timeout: Option<Duration>,
    /// Give up if the task is not finished by then
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    expires_in: Option<Duration>,
    /// How long the finished task is kept
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    retention: Option<Duration>,
    /// A label; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = parse_label)]
    labels: Vec<(String, String)>,
    /// W3C trace context that the task belongs to
    #[arg(long, value_name = "VALUE")]
    traceparent: Option<String>,
    /// The rest of the trace context
    #[arg(long, value_name = "VALUE", requires = "traceparent")]
    tracestate: Option<String>,
    /// Drop the input once the task has succeeded, to save memory
    #[arg(long)]
    drop_input_on_success: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PriorityArg {
    Low,
    Normal,
    High,
    Urgent,
}

impl TaskArgs {
    /// The request as sent, without kind, input and key. What was not given stays absent, so that the server's defaults apply and the
    /// content under a key is stable.
    pub(crate) fn request(&self) -> Result<EnqueueRequest, Error> {
        let delay = self.delay.map(|delay| Start::Delay(to_proto(delay)));
        Ok(EnqueueRequest {
            queue: self.queue.clone().unwrap_or_default(),
            priority: self
                .priority
                .map_or(proto::Priority::Unspecified, PriorityArg::to_proto) as i32,
            start: delay.or(self.run_at.map(Start::RunAt)),
            retry_policy: self.retry_policy(),
            attempt_timeout: self.attempt_timeout.map(to_proto),
            expires_in: self.expires_in.map(to_proto),
            result_retention: self.retention.map(to_proto),
            labels: self.labels()?,
            trace_context: self.traceparent.clone().map(|traceparent| TraceContext {
                traceparent,
                tracestate: self.tracestate.clone().unwrap_or_default(),
            }),
            drop_input_on_success: self.drop_input_on_success,
            ..EnqueueRequest::default()
        })
    }

    fn retry_policy(&self) -> Option<RetryPolicy> {
        let policy = RetryPolicy {
            max_attempts: self.max_attempts.unwrap_or_default(),
            initial_backoff: self.initial_backoff.map(to_proto),
            max_backoff: self.max_backoff.map(to_proto),
            multiplier: self.multiplier.unwrap_or_default(),
        };
        (policy != RetryPolicy::default()).then_some(policy)
    }

    fn labels(&self) -> Result<HashMap<String, String>, Error> {
        let mut labels = HashMap::with_capacity(self.labels.len());
        for (name, value) in &self.labels {
            if let Some(other) = labels.insert(name.clone(), value.clone()) {
                return Err(Error::Usage(format!(
                    "label `{name}` is given twice; the first value is `{other}`"
                )));
            }
        }
        Ok(labels)
    }
}

impl PriorityArg {
    fn to_proto(self) -> proto::Priority {
        match self {
            Self::Low => proto::Priority::Low,
            Self::Normal => proto::Priority::Normal,
            Self::High => proto::Priority::High,
            Self::Urgent => proto::Priority::Urgent,
        }
    }
}

/// RFC 3339 with a zone, as the contract's JSON mapping has it.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, String> {
    // The parser takes a time without a zone for UTC, and a date for its midnight: too easily meant otherwise.
    let zone = text.ends_with(['Z', 'z']) || text.rfind(['+', '-']).is_some_and(|at| at > "2026-12-24T".len());
    match Timestamp::from_str(text) {
        Ok(time) if zone => Ok(time),
        _ => Err(format!(
            "`{text}` is not a time; write e.g. 2026-12-24T18:00:00Z or 2026-12-24T18:00:00+01:00"
        )),
    }
}

fn parse_multiplier(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok().filter(|factor: &f64| (1.0..=100.0).contains(factor));
    parsed.ok_or_else(|| format!("`{text}` is not a number from 1 to 100"))
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not a label; write KEY=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_zone() {
        let seconds = |text: &str| parse_time(text).map(|time| time.seconds);
        assert_eq!(seconds("1970-01-01T00:01:00Z"), Ok(60));
        assert_eq!(seconds("1970-01-01T01:01:00+01:00"), Ok(60));
        assert_eq!(seconds("1969-12-31T23:01:00-01:00"), Ok(60));
        for text in [
            "1970-01-01",
            "1970-01-01T00:01:00",
            "tomorrow",
            "",
            "1970-01-01T99:00:00Z",
        ] {
            assert!(parse_time(text).expect_err(text).contains("18:00:00Z"));
        }
    }

    #[test]
    fn multipliers_and_labels() {
        assert_eq!(parse_multiplier("1.5"), Ok(1.5));
        for text in ["0.9", "101", "NaN", "x"] {
            assert!(parse_multiplier(text).is_err(), "{text}");
        }
        assert_eq!(parse_label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(parse_label("=b").is_err());
    }
}
