//! The lifecycle as one table. Everything that draws, documents or checks the machine reads it; the scripts of the store implement its
//! rows, and each names the rows it implements.

use crate::state::{Cause, TaskState, TaskState::*};

/// What can happen to a task. One event may have several rows: the guard decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// T0: a client enqueued it to run now.
    Enqueue,
    /// T0: a client enqueued it to run later.
    EnqueueDelayed,
    /// T1: its time came.
    Promote,
    /// T2: a worker leased it.
    Lease,
    /// T4: the handler completed it.
    Complete,
    /// T4: the handler completed it with an output over the limit.
    CompleteTooLarge,
    /// T5: the attempt failed, or its handler agreed to stop after it ran too long, and another one is allowed.
    FailRetry,
    /// T5: the attempt failed for good: permanent, or attempts used up.
    FailFinal,
    /// T5, T7: the attempt ended without success while a cancel or expiry request was pending.
    EndRequested,
    /// T6: the lease expired and another attempt is allowed.
    ReapRetry,
    /// T6: the lease expired and the crash limit or max_attempts is reached.
    ReapFinal,
    /// T7: the handler process gave it back.
    Release,
    /// T7: the handler gave it back more often than allowed.
    ReleaseLimit,
    /// T8: a client cancelled it.
    Cancel,
    /// T9: the handler agreed to stop.
    CancelAck,
    /// T13: its `expires_in` passed.
    Expire,
}

impl Event {
    /// Every event.
    pub const ALL: &'static [Self] = &[
        Self::Enqueue,
        Self::EnqueueDelayed,
        Self::Promote,
        Self::Lease,
        Self::Complete,
        Self::CompleteTooLarge,
        Self::FailRetry,
        Self::FailFinal,
        Self::EndRequested,
        Self::ReapRetry,
        Self::ReapFinal,
        Self::Release,
        Self::ReleaseLimit,
        Self::Cancel,
        Self::CancelAck,
        Self::Expire,
    ];

    /// Label for the chart.
    pub fn label(self) -> &'static str {
        match self {
            Self::Enqueue => "enqueue",
            Self::EnqueueDelayed => "enqueue with delay",
            Self::Promote => "due",
            Self::Lease => "lease",
            Self::Complete => "complete",
            Self::CompleteTooLarge => "complete, output too large",
            Self::FailRetry => "fail, attempts left",
            Self::FailFinal => "fail, permanent or attempts used up",
            Self::EndRequested => "fail, release or crash after a cancel or expiry request",
            Self::ReapRetry => "lease expired",
            Self::ReapFinal => "lease expired, crash limit or attempts used up",
            Self::Release => "release",
            Self::ReleaseLimit => "released too often",
            Self::Cancel => "cancel",
            Self::CancelAck => "handler agrees to the cancel or expiry request",
            Self::Expire => "expires_in passed",
        }
    }
}

/// One edge of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Number of the transition in the lifecycle document.
    pub transition: &'static str,
    /// State before; `None`: the task does not exist.
    pub from: Option<TaskState>,
    /// What happens.
    pub event: Event,
    /// State after.
    pub to: TaskState,
    /// Cause written to the task's log.
    pub cause: Cause,
}

const fn row(transition: &'static str, from: Option<TaskState>, event: Event, to: TaskState, cause: Cause) -> Row {
    Row {
        transition,
        from,
        event,
        to,
        cause,
    }
}

/// Every legal edge. What is not here cannot happen (invariant I10). Heartbeats (T3) renew a lease and change no state; purge (T11)
/// removes a terminal task; reconcile (T12) mends indexes only.
pub const TABLE: &[Row] = &[
    row("T0", None, Event::Enqueue, Queued, Cause::Enqueued),
    row("T0", None, Event::EnqueueDelayed, Scheduled, Cause::Enqueued),
    row("T1", Some(Scheduled), Event::Promote, Queued, Cause::Due),
    row("T2", Some(Queued), Event::Lease, Running, Cause::Leased),
    row("T4", Some(Running), Event::Complete, Succeeded, Cause::Finished),
    row("T4", Some(Running), Event::CompleteTooLarge, Failed, Cause::Finished),
    row("T5", Some(Running), Event::FailRetry, Scheduled, Cause::Retry),
    row("T5", Some(Running), Event::FailFinal, Failed, Cause::Finished),
    row(
        "T5/T6/T7",
        Some(Running),
        Event::EndRequested,
        Cancelled,
        Cause::Finished,
    ),
    row("T5/T6/T7", Some(Running), Event::EndRequested, Expired, Cause::Finished),
    row("T6", Some(Running), Event::ReapRetry, Scheduled, Cause::Crashed),
    row("T6", Some(Running), Event::ReapFinal, Failed, Cause::Finished),
    row("T7", Some(Running), Event::Release, Queued, Cause::Released),
    row("T7", Some(Running), Event::ReleaseLimit, Failed, Cause::Finished),
    row("T8", Some(Scheduled), Event::Cancel, Cancelled, Cause::Finished),
    row("T8", Some(Queued), Event::Cancel, Cancelled, Cause::Finished),
    row("T8", Some(Running), Event::Cancel, Running, Cause::CancelRequested),
    row("T9", Some(Running), Event::CancelAck, Cancelled, Cause::Finished),
    row("T9", Some(Running), Event::CancelAck, Expired, Cause::Finished),
    row("T13", Some(Scheduled), Event::Expire, Expired, Cause::Finished),
    row("T13", Some(Queued), Event::Expire, Expired, Cause::Finished),
    row("T13", Some(Running), Event::Expire, Running, Cause::ExpiryRequested),
];

/// The rows for `event` in state `from`; none: the event is refused there.
pub fn rows(from: Option<TaskState>, event: Event) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.from == from && row.event == event)
}

/// True if a task may go from `from` to `to` with `cause` written to its log.
pub fn is_legal(from: Option<TaskState>, to: TaskState, cause: Cause) -> bool {
    TABLE
        .iter()
        .any(|row| row.from == from && row.to == to && row.cause == cause)
}

/// The lifecycle as a Mermaid state diagram, for the documentation.
pub fn mermaid() -> String {
    let mut chart = String::from("stateDiagram-v2\n");
    for row in TABLE {
        let from = row.from.map_or("[*]", TaskState::name);
        chart.push_str(&format!(
            "    {from} --> {}: {} {}\n",
            row.to.name(),
            row.transition,
            row.event.label()
        ));
    }
    for state in TaskState::ALL.iter().filter(|state| state.is_terminal()) {
        chart.push_str(&format!("    {} --> [*]: T11 purge\n", state.name()));
    }
    chart
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks every state and event: which pairs are allowed is written out a second time here, on purpose.
    #[test]
    fn every_state_and_event_pair_is_decided() {
        for event in Event::ALL {
            for from in [None].into_iter().chain(TaskState::ALL.iter().copied().map(Some)) {
                let allowed = rows(from, *event).count() > 0;
                let expected = match (from, event) {
                    (None, Event::Enqueue | Event::EnqueueDelayed) => true,
                    (None, _) => false,
                    (Some(state), _) if state.is_terminal() => false,
                    (Some(_), Event::Cancel | Event::Expire) => true,
                    (Some(Scheduled), event) => *event == Event::Promote,
                    (Some(Queued), event) => *event == Event::Lease,
                    (Some(Running), event) => !matches!(
                        event,
                        Event::Enqueue | Event::EnqueueDelayed | Event::Promote | Event::Lease
                    ),
                    _ => false,
                };
                assert_eq!(allowed, expected, "{from:?} {event:?}");
            }
        }
    }

    #[test]
    fn terminal_rows_and_only_they_are_caused_by_finished() {
        for row in TABLE {
            assert_eq!(row.to.is_terminal(), row.cause == Cause::Finished, "{row:?}");
        }
    }

    #[test]
    fn every_state_can_be_reached_and_left() {
        for state in TaskState::ALL {
            assert!(TABLE.iter().any(|row| row.to == *state));
            assert_eq!(TABLE.iter().any(|row| row.from == Some(*state)), !state.is_terminal());
        }
    }
}
