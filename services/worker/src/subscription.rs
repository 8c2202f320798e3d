//! What a stream or a long poll wants to be served from.

use tidemill_model::{
    id::{Name, Namespace, route},
    op::Line,
};

/// Queues × kinds of a tenant. Sorted, so that streams that named the same in another order share a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Subscription {
    pub(crate) namespace: Namespace,
    queues: Vec<Name>,
    kinds: Vec<Name>,
}

impl Subscription {
    pub(crate) fn new(namespace: Namespace, mut queues: Vec<Name>, mut kinds: Vec<Name>) -> Self {
        queues.sort();
        queues.dedup();
        kinds.sort();
        kinds.dedup();
        Self {
            namespace,
            queues,
            kinds,
        }
    }

    /// Every line, queue by queue.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line> {
        self.queues.iter().flat_map(|queue| {
            self.kinds.iter().map(|kind| Line {
                queue: queue.clone(),
                kind: kind.clone(),
            })
        })
    }

    /// The lines of each shard that has any: one lease call is about one shard.
    pub(crate) fn lines_by_shard(&self, shards: u16) -> Vec<Vec<Line>> {
        let mut by_shard = std::collections::BTreeMap::<u16, Vec<Line>>::new();
        for line in self.lines() {
            by_shard
                .entry(route(&self.namespace, &line.queue) % shards.max(1))
                .or_default()
                .push(line);
        }
        by_shard.into_values().collect()
    }
}

/// The items from a start that the caller moves on, so that no line is always first.
pub(crate) fn rotated<T: Clone>(items: &[T], start: usize) -> Vec<T> {
    let at = start.checked_rem(items.len()).unwrap_or(0);
    let (before, from) = items.split_at(at);
    [from, before].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::new(name).unwrap()).collect()
    }

    #[test]
    fn order_and_repeats_make_no_difference() {
        let a = Subscription::new(Namespace::default(), names(&["b", "a"]), names(&["x", "y", "x"]));
        let b = Subscription::new(Namespace::default(), names(&["a", "b", "a"]), names(&["y", "x"]));
        assert_eq!(a, b);
        assert_eq!(a.lines().count(), 4);
    }

    #[test]
    fn every_line_is_on_the_shard_of_its_queue() {
        let queues: Vec<String> = (0..50).map(|n| format!("q{n}")).collect();
        let queues: Vec<&str> = queues.iter().map(String::as_str).collect();
        let subscription = Subscription::new(Namespace::default(), names(&queues), names(&["x", "y"]));
        assert_eq!(subscription.lines_by_shard(1).len(), 1);
        let by_shard = subscription.lines_by_shard(16);
        assert_eq!(by_shard.iter().map(Vec::len).sum::<usize>(), 100);
        for lines in by_shard {
            let shard = |line: &Line| route(&subscription.namespace, &line.queue) % 16;
            assert!(lines.iter().all(|line| shard(line) == shard(&lines[0])));
        }
    }

    #[test]
    fn rotation_visits_every_start() {
        assert_eq!(rotated(&[1, 2, 3], 4), [2, 3, 1]);
        assert_eq!(rotated(&[1, 2, 3], 0), [1, 2, 3]);
        assert!(rotated::<u8>(&[], 7).is_empty());
    }
}
