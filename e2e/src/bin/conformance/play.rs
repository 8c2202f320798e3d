//! Plays one case.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tidemill_e2e::{assignment_json, duration, payload, task_json};
use tidemill_proto::v1::{CompleteTaskRequest, LeaseTasksRequest};
use tokio::time::sleep;

use crate::{
    case::{Case, Check, Events, Log, Step, Suffer},
    look::{at, told, whole},
    runner::Runner,
    suite::ENDS,
    value::{Names, differs, filled, short},
    world::{Site, World, role},
};

/// Longest wait for anything, unless the step says otherwise.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(30);

/// Why a case ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    Failed(String),
    /// The runner said so.
    Unsupported(String),
}

impl From<&str> for Stop {
    fn from(text: &str) -> Self {
        Self::Failed(text.to_owned())
    }
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Self::Failed(text)
    }
}

/// One case under way.
pub(crate) struct Play<'a> {
    runner: &'a mut Runner,
    site: &'a mut Site,
    names: Names,
    /// Commands whose answers are waited for later: their ids, and when they were said.
    started: HashMap<String, (u64, Instant)>,
    /// Workers that were started and not stopped.
    pub(crate) workers: Vec<String>,
    patience: Duration,
}

/// Plays a case from its first step to its last. `number` tells its queue from those of all other cases.
pub(crate) async fn play(
    case: &Case,
    number: usize,
    runner: &mut Runner,
    world: &mut World,
    patience: Option<Duration>,
) -> Result<(), Stop> {
    let mut names = world.names(&case.cluster).await?;
    names.insert("queue".to_owned(), json!(format!("q{number}")));
    names.insert("unknown_id".to_owned(), json!("019a0000-0000-7000-8000-000000000000"));
    runner.heard().forget();
    let site = world.site(&case.cluster).await?;
    let mut play = Play {
        runner,
        site,
        names,
        started: HashMap::new(),
        workers: Vec::new(),
        patience: patience.unwrap_or(PATIENCE),
    };
    let played = play.all(case).await;
    let left = std::mem::take(&mut play.workers);
    play.site.restore().await;
    played?;
    match left.is_empty() || case.name == ENDS {
        true => Ok(()),
        false => Err(Stop::Failed(format!("the case leaves workers running: {left:?}"))),
    }
}

impl Play<'_> {
    async fn all(&mut self, case: &Case) -> Result<(), Stop> {
        let mut client =
            json!({ "op": "client", "url": "$url", "results_url": "$results_url", "worker_url": "$worker_url" });
        for (key, value) in &case.client {
            client[key] = value.clone();
        }
        let first = Step::Command {
            command: client,
            start: None,
            again: false,
            check: Check::default(),
        };
        for (index, step) in std::iter::once(&first).chain(&case.steps).enumerate() {
            let played = self.step(step).await;
            let played = played.and_then(|()| {
                self.runner
                    .heard()
                    .problem()
                    .map_or(Ok(()), |problem| Err(problem.into()))
            });
            played.map_err(|stop| match stop {
                Stop::Failed(why) => Stop::Failed(format!("step {index}, {}: {why}", told(step))),
                other => other,
            })?;
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), Stop> {
        match step {
            Step::Command {
                command,
                start: None,
                again: true,
                check,
            } => self.command_again(command, check).await,
            Step::Command {
                command, start, check, ..
            } => self.command(command, start.as_deref(), check).await,
            Step::Answer { name, check } => {
                let (id, since) = self
                    .started
                    .remove(name)
                    .ok_or_else(|| format!("`{name}` was not started"))?;
                self.answer(id, since, check).await
            }
            Step::Event { event, check } => self.event(event, check).await,
            Step::NoEvent { event, for_ms } => self.no_event(event, *for_ms).await,
            Step::Events(events) => self.events(events),
            Step::Log(log) => self.log(log).await,
            Step::Fault(suffer) => self.suffer(suffer).await,
            Step::Task { ids, check } => self.task(ids, check).await,
            Step::Queue { name, check } => self.queue(name, check).await,
            Step::Lease { lease, check } => self.lease(lease, check).await,
            Step::Complete { token, text, check } => self.complete(token, text, check).await,
            Step::Pause { ms } => {
                self.runner.signal("STOP");
                sleep(Duration::from_millis(*ms)).await;
                self.runner.signal("CONT");
                Ok(())
            }
            Step::Sleep { ms } => {
                sleep(Duration::from_millis(*ms)).await;
                Ok(())
            }
        }
    }

    fn filled(&self, value: &Value) -> Result<Value, String> {
        filled(value, &self.names)
    }

    fn limit(&self, check: &Check) -> Duration {
        check
            .within_ms
            .map_or(self.patience, Duration::from_millis)
            .min(self.patience)
    }

    async fn command(&mut self, command: &Value, start: Option<&str>, check: &Check) -> Result<(), Stop> {
        let command = self.filled(command)?;
        let name = command["worker"].as_str().unwrap_or_default().to_owned();
        match command["op"].as_str() {
            Some("worker_start") if check.expect_error.is_none() => self.workers.push(name),
            Some("worker_stop") => self.workers.retain(|worker| *worker != name),
            _ => {}
        }
        let since = Instant::now();
        let id = self.runner.say(command).await?;
        match start {
            Some(name) => {
                self.started.insert(name.to_owned(), (id, since));
                Ok(())
            }
            None => self.answer(id, since, check).await,
        }
    }

    /// Says a command until its answer is as it must be.
    async fn command_again(&mut self, command: &Value, check: &Check) -> Result<(), Stop> {
        let until = Instant::now() + self.limit(check);
        loop {
            match self.command(command, None, check).await {
                Err(Stop::Failed(_)) if Instant::now() < until => sleep(PAUSE).await,
                end => return end,
            }
        }
    }

    async fn answer(&mut self, id: u64, since: Instant, check: &Check) -> Result<(), Stop> {
        let answer = self.runner.heard().answer(id, self.limit(check)).await?;
        if let Some(why) = answer.get("unsupported").and_then(Value::as_str) {
            return Err(Stop::Unsupported(why.to_owned()));
        }
        let (ok, error) = (answer.get("ok"), answer.get("error"));
        if ok.is_some() == error.is_some() {
            return Err(format!("an answer has either `ok` or `error`: {}", short(&answer)).into());
        }
        match (&check.expect_error, ok, error) {
            (Some(wanted), None, Some(error)) => self.compare(wanted, Some(error), "error")?,
            (Some(_), _, _) => return Err(format!("was not refused: {}", short(&answer)).into()),
            (None, _, Some(error)) => return Err(format!("failed: {}", short(error)).into()),
            (None, _, _) => {}
        }
        if let Some(wanted) = &check.expect {
            self.compare(wanted, ok, "ok")?;
        }
        self.took(since, check)?;
        self.save(ok.or(error).unwrap_or(&Value::Null), check)
    }

    fn took(&self, since: Instant, check: &Check) -> Result<(), Stop> {
        let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &check.took_ms {
            Some(wanted) => self.compare(wanted, Some(&json!(ms)), "took_ms"),
            None => Ok(()),
        }
    }

    fn compare(&self, wanted: &Value, actual: Option<&Value>, path: &str) -> Result<(), Stop> {
        match differs(&self.filled(wanted)?, actual, path) {
            None => Ok(()),
            Some(difference) => Err(format!(
                "{difference}; all of it: {}",
                actual.map_or("nothing".to_owned(), short)
            )
            .into()),
        }
    }

    fn save(&mut self, answer: &Value, check: &Check) -> Result<(), Stop> {
        for (name, path) in &check.save {
            let found = at(answer, path).ok_or_else(|| format!("no `{path}` in {}", short(answer)))?;
            self.names.insert(name.clone(), found);
        }
        Ok(())
    }

    async fn event(&mut self, event: &Value, check: &Check) -> Result<(), Stop> {
        let (wanted, since) = (self.filled(event)?, Instant::now());
        let fits = |event: &Value| differs(&wanted, Some(event), "").is_none();
        let found = self.runner.heard().event(self.limit(check), fits).await?;
        self.took(since, check)?;
        self.save(&found, check)
    }

    async fn no_event(&mut self, event: &Value, for_ms: u64) -> Result<(), Stop> {
        sleep(Duration::from_millis(for_ms)).await;
        let wanted = self.filled(event)?;
        let came = self
            .runner
            .heard()
            .events()
            .into_iter()
            .find(|event| differs(&wanted, Some(event), "").is_none());
        match came {
            Some(event) => Err(format!("came: {}", short(&event)).into()),
            None => Ok(()),
        }
    }

    fn events(&self, step: &Events) -> Result<(), Stop> {
        let wanted = self.filled(&step.events)?;
        let mut found = self.runner.heard().events();
        found.retain(|event| differs(&wanted, Some(event), "").is_none());
        self.compare(&step.count, Some(&json!(found.len())), "count")?;
        if let Some(field) = &step.distinct {
            let mut seen = std::collections::HashSet::new();
            if let Some(twice) = found.iter().find(|event| !seen.insert(event[field].to_string())) {
                return Err(format!("came twice: {}", short(twice)).into());
            }
        }
        if let Some(order) = &step.in_order {
            let came: Vec<Value> = found.iter().map(|event| event[&order.field].clone()).collect();
            self.compare(&order.values, Some(&came.into()), "order")?;
        }
        Ok(())
    }

    async fn log(&mut self, step: &Log) -> Result<(), Stop> {
        let limit = step
            .within_ms
            .map_or(self.patience, Duration::from_millis)
            .min(self.patience);
        let wanted = match &step.task_id {
            // One of many: the others may go on.
            Some(id) => json!({ "watch": step.log, "task_id": self.filled(id)?, "type": "result" }),
            None => json!({ "watch": step.log, "end": true }),
        };
        let id = step.task_id.as_ref().map(|id| self.filled(id)).transpose()?;
        let of_it = |event: &&Value| {
            event["watch"] == step.log.as_str() && id.as_ref().is_none_or(|id| event["task_id"] == *id)
        };
        // A result may have an error as well, the task's own.
        let broke = |event: &Value| of_it(&event) && event.get("error").is_some() && event.get("sequence").is_none();
        let ended = |event: &Value| broke(event) || differs(&wanted, Some(event), "").is_none();
        let end = self.runner.heard().event(limit, ended).await?;
        if broke(&end) {
            return Err(format!("the watch ended with an error: {}", short(&end)).into());
        }
        let all = self.runner.heard().events();
        let mut log: Vec<Value> = all
            .iter()
            .filter(of_it)
            .filter(|event| event.get("sequence").is_some())
            .cloned()
            .collect();
        let first = self.filled(&step.from)?.as_i64().ok_or("`from` is a number")?;
        whole(&log, first)?;
        if let Some(last) = &step.last {
            self.compare(last, log.last(), "last")?;
        }
        if !step.only.is_empty() {
            log.retain(|event| step.only.iter().any(|only| event["type"] == only.as_str()));
        }
        match &step.all {
            Some(wanted) => self.compare(wanted, Some(&log.into()), "log"),
            None => Ok(()),
        }
    }

    async fn suffer(&mut self, step: &Suffer) -> Result<(), Stop> {
        let since = Instant::now();
        for _ in 0..step.times {
            self.site.suffer(step.fault, role(&step.role)?).await?;
            sleep(Duration::from_millis(step.every_ms)).await;
        }
        let took = since.elapsed();
        match step.within_ms {
            Some(limit) if took > Duration::from_millis(limit) => Err(format!("took {took:?}").into()),
            _ => Ok(()),
        }
    }

    /// Waits until the store says so of every one of the tasks.
    async fn task(&mut self, ids: &Value, check: &Check) -> Result<(), Stop> {
        let ids = match self.filled(ids)? {
            Value::Array(ids) => ids,
            id => vec![id],
        };
        if ids.is_empty() {
            return Err("no task to look at".into());
        }
        let until = Instant::now() + self.limit(check);
        for id in ids {
            let id = id.as_str().ok_or("a task's id is a text")?.to_owned();
            loop {
                let shown = task_json(&self.site.direct.task(&id).await);
                let compared = check
                    .expect
                    .as_ref()
                    .map_or(Ok(()), |wanted| self.compare(wanted, Some(&shown), "task"));
                match compared {
                    Ok(()) => {
                        self.save(&shown, check)?;
                        break;
                    }
                    Err(stop) if Instant::now() >= until => return Err(stop),
                    Err(_) => sleep(PAUSE).await,
                }
            }
        }
        Ok(())
    }

    async fn queue(&mut self, name: &Value, check: &Check) -> Result<(), Stop> {
        let name = self.filled(name)?;
        let name = name.as_str().ok_or("a queue's name is a text")?;
        let until = Instant::now() + self.limit(check);
        loop {
            let queue = self.site.direct.queue_if_known(name).await.unwrap_or_default();
            let shown = json!({
                "scheduled": queue.scheduled, "queued": queue.queued, "running": queue.running, "succeeded": queue.succeeded,
                "failed": queue.failed, "cancelled": queue.cancelled, "expired": queue.expired,
            });
            match check
                .expect
                .as_ref()
                .map_or(Ok(()), |wanted| self.compare(wanted, Some(&shown), "queue"))
            {
                Ok(()) => return Ok(()),
                Err(stop) if Instant::now() >= until => return Err(stop),
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// Another handler process takes a task.
    async fn lease(&mut self, lease: &Value, check: &Check) -> Result<(), Stop> {
        let lease = self.filled(lease)?;
        let text = |key: &str| lease[key].as_str().unwrap_or_default().to_owned();
        let wait = self.limit(check).as_millis();
        let request = LeaseTasksRequest {
            queues: vec![text("queue")],
            kinds: vec![text("kind")],
            max: 1,
            wait: Some(duration(i64::try_from(wait).unwrap_or(i64::MAX).min(60_000))),
            request_id: String::new(),
        };
        let answer = self.site.direct.worker(self.site.worker()).lease_tasks(request).await;
        let answer = answer.map_err(|status| format!("LeaseTasks: {status}"))?.into_inner();
        let assignment = answer
            .assignments
            .first()
            .ok_or("there was no task for the other worker")?;
        let shown = assignment_json(assignment);
        if let Some(wanted) = &check.expect {
            self.compare(wanted, Some(&shown), "assignment")?;
        }
        self.save(&shown, check)
    }

    async fn complete(&mut self, token: &Value, text: &str, check: &Check) -> Result<(), Stop> {
        let request = CompleteTaskRequest {
            lease_token: self.filled(token)?.as_str().unwrap_or_default().to_owned(),
            output: payload(text),
        };
        let answer = self.site.direct.worker(self.site.worker()).complete_task(request).await;
        let state = answer
            .map_err(|status| format!("CompleteTask: {status}"))?
            .into_inner()
            .state();
        let shown = json!({ "state": state.as_str_name().replace("TASK_STATE_", "") });
        check
            .expect
            .as_ref()
            .map_or(Ok(()), |wanted| self.compare(wanted, Some(&shown), "answer"))
    }
}
