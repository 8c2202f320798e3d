//! One batcher for each kind of call, on each shard.

use std::sync::Arc;

use tidemill_kit::supervisor::Supervisor;
use tidemill_model::{
    id::TaskId,
    op::{Cancelled, Enqueued, Heartbeat, NewTask, Renewal, Reported, Settlement},
    wire::{outcome_attempt_timeout, outcome_release_limit},
};

use crate::{
    batch::Batcher,
    entry::{self, CancelEntry, ReportEntry, SettleEntry},
    error::StoreError,
    reply::Fields,
    scripts::{Call, Script},
    store::{Inner, ReadRequest, Reading},
};

pub(crate) struct Batchers {
    pub(crate) enqueue: Batcher<Arc<NewTask>, Enqueued>,
    pub(crate) heartbeat: Batcher<Heartbeat, Renewal>,
    pub(crate) complete: Batcher<SettleEntry, Settlement>,
    pub(crate) fail: Batcher<SettleEntry, Settlement>,
    pub(crate) release: Batcher<SettleEntry, Settlement>,
    pub(crate) cancel: Batcher<CancelEntry, Cancelled>,
    pub(crate) report: Batcher<ReportEntry, Reported>,
    pub(crate) read: Batcher<ReadRequest, Option<Reading>>,
}

/// How entries of one kind become a call, and its reply their answers.
struct Kind<T, R> {
    name: &'static str,
    /// The call up to its first entry.
    begin: fn(&Inner, u16) -> Call,
    push: fn(&mut Call, &T),
    task: fn(&T) -> TaskId,
    read: fn(&mut Fields) -> Result<R, StoreError>,
}

impl<T: Send + Sync + 'static, R: Send + 'static> Kind<T, R> {
    fn start(self, inner: &Arc<Inner>, supervisor: &Supervisor, shard: u16) -> Batcher<T, R> {
        let Self {
            name,
            begin,
            push,
            task,
            read,
        } = self;
        let inner = Arc::clone(inner);
        Batcher::start(supervisor, name, move |entries: Vec<T>| {
            let inner = Arc::clone(&inner);
            async move {
                let mut call = begin(&inner, shard);
                for entry in &entries {
                    push(&mut call, entry);
                }
                inner.run_entries(call, &entries, task, read).await
            }
        })
    }
}

fn settle(name: &'static str, begin: fn(&Inner, u16) -> Call) -> Kind<SettleEntry, Settlement> {
    Kind {
        name,
        begin,
        push: entry::push_settle,
        task: |entry| entry.token.task,
        read: entry::settlement,
    }
}

impl Batchers {
    pub(crate) fn start(inner: &Arc<Inner>, supervisor: &Supervisor, shard: u16) -> Self {
        let enqueue = Kind {
            name: "enqueue batch",
            begin: |inner, shard| inner.call(Script::Enqueue, shard),
            push: |call, task: &Arc<NewTask>| entry::push_new_task(call, task),
            task: |task| task.id,
            read: entry::enqueued,
        };
        let heartbeat = Kind {
            name: "heartbeat batch",
            begin: |inner, shard| inner.call(Script::Heartbeat, shard),
            push: entry::push_heartbeat,
            task: |heartbeat: &Heartbeat| heartbeat.token.task,
            read: entry::renewal,
        };
        let release = settle("release batch", |inner, shard| {
            let mut call = inner.call(Script::Release, shard);
            call.arg(outcome_release_limit().as_ref());
            call.arg(outcome_attempt_timeout().as_ref());
            call
        });
        let cancel = Kind {
            name: "cancel batch",
            begin: |inner, shard| inner.call(Script::Cancel, shard),
            push: entry::push_cancel,
            task: |cancel: &CancelEntry| cancel.id,
            read: entry::cancelled,
        };
        let report = Kind {
            name: "report batch",
            begin: |inner, shard| inner.call(Script::Report, shard),
            push: entry::push_report,
            task: |report: &ReportEntry| report.token.task,
            read: entry::reported,
        };
        let read = Kind {
            name: "read batch",
            // Needs no rules.
            begin: |inner, shard| inner.scripts.call(Script::Read, &inner.keys(shard).meta()),
            push: entry::push_read,
            task: |request: &ReadRequest| request.id,
            read: entry::reading,
        };
        Self {
            enqueue: enqueue.start(inner, supervisor, shard),
            heartbeat: heartbeat.start(inner, supervisor, shard),
            complete: settle("complete batch", |inner, shard| inner.call(Script::Complete, shard))
                .start(inner, supervisor, shard),
            fail: settle("fail batch", |inner, shard| inner.call(Script::Fail, shard)).start(inner, supervisor, shard),
            release: release.start(inner, supervisor, shard),
            cancel: cancel.start(inner, supervisor, shard),
            report: report.start(inner, supervisor, shard),
            read: read.start(inner, supervisor, shard),
        }
    }
}
