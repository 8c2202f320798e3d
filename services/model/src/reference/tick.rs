use super::{Defect, ReferenceQueue};
use crate::{
    id::TaskId,
    op::Ticked,
    record::{flags, settled},
    state::TaskState,
    transition::Event,
    wire::{outcome_attempts_exhausted, outcome_crash_limit, outcome_lease_expired},
};

/// Most tasks of one kind of work in one step.
const BOUND: usize = 128;
/// How much later than two leases from now a lease may end before the clock is taken to have stepped back.
const CLOCK_SLACK_MS: u64 = 5_000;

impl ReferenceQueue {
    /// One step of maintenance: T1, T6, T13, T11, in this order, each by deadline and then by id. During a hold-off `reap_allowed` is
    /// false. `reap_delay` is the wait, in ms, before a reaped task is ready again.
    pub fn tick(&mut self, now_ms: u64, reap_allowed: bool, mut reap_delay: impl FnMut(&TaskId) -> u64) -> Ticked {
        let mut ticked = Ticked {
            now_ms,
            ..Ticked::default()
        };
        let early = self.defect == Some(Defect::TooEarly);
        for id in self.work(if early { u64::MAX } else { now_ms }, &mut ticked, due_time) {
            self.step(now_ms, id, Event::Promote, TaskState::Queued);
            ticked.promoted += 1;
        }
        if reap_allowed {
            for id in self.work(now_ms, &mut ticked, lease_end) {
                let delay_ms = reap_delay(&id);
                self.reap(now_ms, id, delay_ms, &mut ticked);
            }
            self.clamp(now_ms);
        }
        for id in self.work(now_ms, &mut ticked, expiry) {
            self.expire(now_ms, id, &mut ticked);
        }
        for id in self.work(now_ms, &mut ticked, purge_time) {
            let failed = self
                .tasks
                .get(&id)
                .is_some_and(|task| task.header.state == TaskState::Failed);
            ticked.purged_failed += u32::from(failed);
            self.purge(&id);
            ticked.purged += 1;
        }
        ticked.next_ms = self.next_deadline(reap_allowed);
        ticked
    }

    /// Tasks whose deadline has come, at most [`BOUND`].
    fn work(&self, now_ms: u64, ticked: &mut Ticked, deadline: impl Fn(&super::Task) -> Option<u64>) -> Vec<TaskId> {
        let mut due: Vec<(u64, TaskId)> = self
            .tasks
            .values()
            .filter_map(|task| deadline(task).filter(|at| *at <= now_ms).map(|at| (at, task.id)))
            .collect();
        due.sort_unstable();
        ticked.more |= due.len() >= BOUND;
        due.into_iter().take(BOUND).map(|(_, id)| id).collect()
    }

    fn reap(&mut self, now_ms: u64, id: TaskId, delay_ms: u64, ticked: &mut Ticked) {
        let stop_state = self.stop_state(&id);
        let crash_limit = self.rules.crash_limit;
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.header.settled = settled::REAP;
        task.header.crashes += 1;
        let (crashes, attempts) = (task.header.crashes, task.header.crashes + task.header.failures);
        if let Some(to) = stop_state {
            self.step(now_ms, id, Event::EndRequested, to);
            ticked.stopped += 1;
        } else if crashes >= crash_limit {
            task.set_error(&outcome_crash_limit(crash_limit));
            self.step(now_ms, id, Event::ReapFinal, TaskState::Failed);
            ticked.crashed_out += 1;
        } else if attempts >= task.header.max_attempts {
            task.set_error(&outcome_attempts_exhausted());
            self.step(now_ms, id, Event::ReapFinal, TaskState::Failed);
            ticked.crashed_out += 1;
        } else {
            task.set_error(&outcome_lease_expired());
            task.header.deadline_ms = now_ms + delay_ms;
            self.step(now_ms, id, Event::ReapRetry, TaskState::Scheduled);
            ticked.reaped += 1;
        }
    }

    /// A clock that stepped back leaves leases that end too late: recovery waits one lease at most.
    fn clamp(&mut self, now_ms: u64) {
        let (ttl_ms, latest_ms) = (
            self.rules.lease_ttl_ms,
            now_ms + 2 * self.rules.lease_ttl_ms + CLOCK_SLACK_MS,
        );
        for task in self
            .tasks
            .values_mut()
            .filter(|task| lease_end(task).is_some_and(|end| end > latest_ms))
        {
            task.header.deadline_ms = now_ms + ttl_ms;
        }
    }

    fn expire(&mut self, now_ms: u64, id: TaskId, ticked: &mut Ticked) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        if task.header.state == TaskState::Running {
            task.header.flags |= flags::EXPIRY_PASSED;
            self.step(now_ms, id, Event::Expire, TaskState::Running);
            ticked.stopped += 1;
        } else {
            self.step(now_ms, id, Event::Expire, TaskState::Expired);
            ticked.expired += 1;
        }
    }

    fn purge(&mut self, id: &TaskId) {
        if let Some(task) = self.tasks.remove(id)
            && let Some(queue) = self.queues.get_mut(&(task.namespace, task.line.queue))
        {
            *queue.counters.of(task.header.state) -= 1;
        }
    }

    fn next_deadline(&self, reap_allowed: bool) -> u64 {
        let next = self.tasks.values().filter_map(|task| {
            let lease = lease_end(task).filter(|_| reap_allowed);
            [due_time(task), lease, expiry(task), purge_time(task)]
                .into_iter()
                .flatten()
                .min()
        });
        next.min().unwrap_or(0)
    }
}

fn due_time(task: &super::Task) -> Option<u64> {
    (task.header.state == TaskState::Scheduled).then_some(task.header.deadline_ms)
}

fn lease_end(task: &super::Task) -> Option<u64> {
    (task.header.state == TaskState::Running).then_some(task.header.deadline_ms)
}

fn expiry(task: &super::Task) -> Option<u64> {
    task.expires_ms
        .filter(|_| !task.header.state.is_terminal() && !task.header.has(flags::EXPIRY_PASSED))
}

fn purge_time(task: &super::Task) -> Option<u64> {
    task.header.state.is_terminal().then_some(task.header.deadline_ms)
}
