//! Leasing: one future for all streams of the process, so that credits are never promised twice.
//!
//! A group is looked at when it may get something it could not get before: a credit gained, a new stream, a bell, or the poll. A look
//! leases until a reply is not full. While nothing is marked nothing is asked.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    sync::Arc,
    time::Duration,
};

use tidemill_model::{
    id::LeaseToken,
    op::{LeaseRequest, Leased, Line, Settle},
};
use tidemill_store::StoreError;

use crate::{
    random::{backoff, bits, jittered},
    registry::Group,
    settle,
    shared::Shared,
    stream::Grant,
    subscription::{Subscription, rotated},
};

/// Tasks of one lease call.
const MAX_TASKS: u32 = 128;
/// Bytes of records of one lease call.
pub(crate) const MAX_BYTES: u64 = 3 << 20;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// Runs until the draining begins.
pub(crate) async fn run(shared: Arc<Shared>) {
    let poll_interval = shared.config.poll_interval.get();
    let (mut next_poll, mut failures) = (tokio::time::Instant::now() + jittered(poll_interval), 0);
    loop {
        tokio::select! {
            biased;
            () = shared.draining.requested() => return,
            () = shared.registry.woken() => {}
            () = tokio::time::sleep_until(next_poll) => {
                shared.registry.groups().iter().for_each(|group| { group.mark(true); });
            }
        }
        match run_once(&shared).await {
            Ok(()) => failures = 0,
            Err(error) => {
                failures += 1;
                let pause = backoff(failures, FIRST_BACKOFF, LONGEST_BACKOFF);
                tracing::warn!(%error, ?pause, "cannot lease");
                tokio::select! {
                    () = shared.draining.requested() => return,
                    () = tokio::time::sleep(pause) => shared.registry.wake(),
                }
            }
        }
        if next_poll <= tokio::time::Instant::now() {
            next_poll = tokio::time::Instant::now() + jittered(poll_interval);
        }
    }
}

/// Looks for tasks until nothing is marked that has free credits, then tells the bell what to wait for.
async fn run_once(shared: &Shared) -> Result<(), StoreError> {
    let rung = shared.bell.take_rung();
    for subscription in &rung {
        shared.registry.group(subscription).iter().for_each(|group| {
            group.mark(true);
        });
    }
    pass_on(shared, &rung).await?;
    loop {
        let mut again = false;
        for group in shared.registry.groups() {
            if shared.draining.is_requested() {
                return Ok(());
            }
            if group.is_dirty() && group.free() > 0 {
                again |= look(shared, &group).await?;
            }
        }
        if !again {
            break;
        }
    }
    let groups = shared.registry.groups();
    let idle = groups.iter().filter(|group| !group.is_dirty() && group.free() > 0);
    let idle = idle.map(|group| Arc::clone(&group.subscription)).collect();
    shared.bell.wait_for(shared, idle, !groups.is_empty()).await;
    Ok(())
}

/// One lease call for each portion of the group's lines, as long as there are credits. Answers whether to come again.
async fn look(shared: &Shared, group: &Arc<Group>) -> Result<bool, StoreError> {
    group.mark(false);
    if let Some(request) = group.take_unanswered() {
        // Credits may have gone meanwhile: what nobody can take is given back, uncharged.
        let leased = lease(shared, group, request).await?;
        deliver(shared, group, &leased);
        group.mark(true);
        return Ok(group.free() > 0);
    }
    for portion in rotated(&group.portions, group.next_turn()) {
        let free = u32::try_from(group.free()).unwrap_or(u32::MAX);
        if free == 0 {
            group.mark(true);
            break;
        }
        let request = request(&group.subscription, &portion, group.next_turn(), free.min(MAX_TASKS))?;
        let leased = lease(shared, group, request).await?;
        deliver(shared, group, &leased);
    }
    Ok(group.is_dirty() && group.free() > 0)
}

/// One lease call. Marks the group if there is reason to come again.
async fn lease(shared: &Shared, group: &Group, request: LeaseRequest) -> Result<Vec<Leased>, StoreError> {
    match shared.store.lease(&request).await {
        Ok((leased, more)) => {
            if more || leased.len() >= request.max as usize {
                group.mark(true);
            }
            Ok(leased)
        }
        Err(error) => {
            group.mark(true);
            group.set_unanswered(request);
            Err(error)
        }
    }
}

pub(crate) fn request(
    subscription: &Subscription,
    lines: &[Line],
    turn: usize,
    max: u32,
) -> Result<LeaseRequest, StoreError> {
    Ok(LeaseRequest {
        namespace: subscription.namespace.clone(),
        lines: rotated(lines, turn),
        max,
        max_bytes: MAX_BYTES,
        request: bits()?,
        nonce: bits()?,
    })
}

/// A bell wakes one process only. If it was for lines that nobody here can serve any more, a lease of nothing passes it on.
async fn pass_on(shared: &Shared, rung: &HashSet<Arc<Subscription>>) -> Result<(), StoreError> {
    for subscription in rung {
        let served = shared
            .registry
            .group(subscription)
            .is_some_and(|group| group.free() > 0);
        if served || shared.bell.is_polled(subscription) {
            continue;
        }
        for lines in subscription.lines_by_shard(shared.store.shards()) {
            let request = request(subscription, &lines, 0, 0)?;
            let (leased, _) = shared.store.lease(&request).await?;
            debug_assert!(leased.is_empty(), "asked for nothing");
        }
    }
    Ok(())
}

/// Deals leased tasks out to the streams of the group; what nobody can take any more goes back, uncharged.
fn deliver(shared: &Shared, group: &Group, leased: &[Leased]) {
    if leased.is_empty() {
        return;
    }
    let streams = if shared.draining.is_requested() {
        Vec::new()
    } else {
        group.streams()
    };
    let free: Vec<u32> = streams.iter().map(|stream| stream.free()).collect();
    let mut hands: Vec<Vec<Grant>> = streams.iter().map(|_| Vec::new()).collect();
    let mut back = Vec::new();
    for (leased, place) in leased.iter().zip(deal(&free, leased.len())) {
        let Some(hand) = place.and_then(|place| hands.get_mut(place)) else {
            back.push(leased.token);
            continue;
        };
        match Grant::new(leased, shared) {
            Ok(grant) => hand.push(grant),
            // Giving it back would only lease it again at once: the crash limit ends it.
            Err(error) => tracing::error!(task = %leased.token.task, %error, "a leased record cannot be read"),
        }
    }
    for (stream, hand) in streams.iter().zip(hands).filter(|(_, hand)| !hand.is_empty()) {
        if let Err(tokens) = stream.assign(hand) {
            back.extend(tokens);
        }
    }
    give_back(shared, back);
}

/// For each task the place of the stream that gets it: always the one with the most free credits, the first of equals. `None`: nobody
/// has any left.
fn deal(free: &[u32], tasks: usize) -> Vec<Option<usize>> {
    let places = free.iter().enumerate().filter(|(_, free)| **free > 0);
    let mut heap: BinaryHeap<(u32, Reverse<usize>)> = places.map(|(place, free)| (*free, Reverse(place))).collect();
    let mut next = || {
        let (free, place) = heap.pop()?;
        if free > 1 {
            heap.push((free - 1, place));
        }
        Some(place.0)
    };
    (0..tasks).map(|_| next()).collect()
}

/// Releases leases that no handler has seen: uncharged, back to the head of their line.
pub(crate) fn give_back(shared: &Shared, tokens: Vec<LeaseToken>) {
    for token in tokens {
        let store = shared.store.clone();
        shared.supervisor.spawn_detached("give back", async move {
            let released = settle::patiently(&store, token, &Settle::Release { counted: false }).await;
            match released {
                Ok(_) => tracing::debug!(task = %token.task, "given back"),
                Err(error) => {
                    tracing::warn!(task = %token.task, %error, "cannot give a task back; its lease will expire")
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::deal;

    fn shares(free: &[u32], tasks: usize) -> (Vec<usize>, usize) {
        let mut shares = vec![0; free.len()];
        let mut left = 0;
        for place in deal(free, tasks) {
            match place {
                Some(place) => shares[place] += 1,
                None => left += 1,
            }
        }
        (shares, left)
    }

    #[test]
    fn equals_get_equal_shares() {
        assert_eq!(shares(&[5, 5, 5], 6), (vec![2, 2, 2], 0));
        assert_eq!(shares(&[5, 5, 5], 1), (vec![1, 0, 0], 0));
    }

    #[test]
    fn most_free_credits_go_first() {
        assert_eq!(shares(&[1, 10, 4], 5), (vec![0, 5, 0], 0));
        assert_eq!(shares(&[1, 10, 4], 10), (vec![0, 8, 2], 0));
    }

    #[test]
    fn nobody_gets_more_than_its_credits() {
        assert_eq!(shares(&[1, 0, 2], 9), (vec![1, 0, 2], 6));
        assert_eq!(shares(&[], 2), (vec![], 2));
    }
}
