//! Producers that enqueue with keys, as careful clients do, whatever happens meanwhile.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tidemill_proto::v1::EnqueueRequest;
use tokio::task::JoinSet;

use crate::{
    client::{Client, request},
    wait::{LIMIT, until},
};

/// Producers at work.
#[derive(Debug)]
pub struct Load {
    producers: JoinSet<Vec<(String, String)>>,
    acknowledged: Arc<AtomicUsize>,
    total: usize,
}

impl Load {
    /// Enqueues `total` tasks of kind `quick` with `producers` at a time, each with a key of its own.
    #[must_use]
    pub fn start(client: &Client, producers: usize, total: usize) -> Self {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..producers {
            let (client, acknowledged, next) = (client.clone(), Arc::clone(&acknowledged), Arc::clone(&next));
            tasks.spawn(async move {
                let mut stored = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= total {
                        return stored;
                    }
                    let key = format!("load-{number}");
                    let task: EnqueueRequest = request("quick", &key, &key);
                    stored.push((key, client.enqueue(task).await.task_id));
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self {
            producers: tasks,
            acknowledged,
            total,
        }
    }

    /// Waits until so many are acknowledged.
    pub async fn reached(&self, count: usize) {
        let reached = async || (self.acknowledged.load(Ordering::Relaxed) >= count).then_some(());
        until(&format!("{count} of {} tasks acknowledged", self.total), LIMIT, reached).await;
    }

    /// Waits for all. Answers with task id by key; panics if two keys share a task.
    pub async fn finish(mut self) -> HashMap<String, String> {
        let mut by_key = HashMap::new();
        while let Some(stored) = self.producers.join_next().await {
            by_key.extend(stored.expect("a producer ended"));
        }
        assert_eq!(by_key.len(), self.total);
        let ids: std::collections::HashSet<&String> = by_key.values().collect();
        assert_eq!(ids.len(), self.total, "two keys were answered with the same task");
        by_key
    }
}
