//! Queue names as labels of metrics: clients make up queues, so their number is bounded.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// This many queues have labels of their own, the first that come; the others share one.
const MOST_QUEUES: usize = 100;
/// The label they share.
pub(crate) const OTHER: &str = "other";

/// Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueueLabels(Arc<Mutex<HashSet<String>>>);

impl QueueLabels {
    /// The label of a queue.
    pub(crate) fn of(&self, queue: &str) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(queue) {
            return queue.to_owned();
        }
        if known.len() >= MOST_QUEUES {
            return OTHER.to_owned();
        }
        known.insert(queue.to_owned());
        queue.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hundred_queues_have_labels() {
        let labels = QueueLabels::default();
        for n in 0..150 {
            let (queue, own) = (format!("q{n}"), n < MOST_QUEUES);
            assert_eq!(labels.of(&queue), if own { queue } else { OTHER.to_owned() });
        }
        assert_eq!(labels.of("q99"), "q99");
    }
}
