use std::collections::VecDeque;

use super::{Defect, ReferenceQueue};
use crate::{
    id::{LeaseToken, TaskId},
    op::{LeaseRequest, Leased, Line},
    record::{EVENT_BYTES, settled},
    state::TaskState,
    transition::Event,
};

/// How long a repeated lease request is answered with the same leases.
const REPEAT_MS: u64 = 60_000;
/// Every so many leases of a line, the lowest level goes first.
const LOWEST_EVERY: u32 = 16;

/// A place in a line: the task and its ready number. Any other number in the task makes this place a tombstone.
pub(super) type Place = (TaskId, u64);

/// The ready tasks of one queue and kind.
#[derive(Debug, Clone, Default)]
pub(super) struct LineState {
    /// By priority, the lowest first.
    levels: [VecDeque<Place>; 4],
    leases: u32,
    last_number: u64,
}

impl LineState {
    pub(super) fn entries(&self) -> impl Iterator<Item = &Place> {
        self.levels.iter().rev().flatten()
    }
}

/// What a lease request got.
#[derive(Debug, Clone)]
pub(super) struct PastRequest {
    at_ms: u64,
    tokens: Vec<LeaseToken>,
}

enum Next {
    Leased(Leased),
    Empty,
    Full,
}

impl ReferenceQueue {
    /// T2.
    pub fn lease(&mut self, now_ms: u64, request: &LeaseRequest) -> Vec<Leased> {
        if let Some(past) = self
            .requests
            .get(&request.request)
            .filter(|past| now_ms < past.at_ms + REPEAT_MS)
        {
            return past.tokens.iter().filter_map(|token| self.still_held(token)).collect();
        }
        let max = request.max as usize;
        let waiting = request
            .lines
            .iter()
            .filter(|line| self.has_ready(request, line))
            .count();
        let share = max.div_ceil(waiting.max(1));
        let mut leased = Vec::new();
        let mut full = false;
        for turn_max in [share, max] {
            for line in &request.lines {
                let turn_end = max.min(leased.len() + turn_max);
                while !full && leased.len() < turn_end && !self.is_paused(request, line) {
                    match self.lease_next(now_ms, request, line, &leased) {
                        Next::Leased(one) => leased.push(one),
                        Next::Empty => break,
                        Next::Full => full = true,
                    }
                }
            }
        }
        if !leased.is_empty() {
            let tokens = leased.iter().map(|one| one.token).collect();
            self.requests
                .insert(request.request, PastRequest { at_ms: now_ms, tokens });
        }
        leased
    }

    /// Lines without ready tasks take no share.
    fn has_ready(&self, request: &LeaseRequest, line: &Line) -> bool {
        let line_key = (request.namespace.clone(), line.clone());
        let ready = |state: &LineState| state.entries().any(|place| self.is_ready(place));
        !self.is_paused(request, line) && self.lines.get(&line_key).is_some_and(ready)
    }

    /// The first ready task of a line. Clears away tombstones and expired tasks before it.
    fn lease_next(&mut self, now_ms: u64, request: &LeaseRequest, line: &Line, leased: &[Leased]) -> Next {
        let line_key = (request.namespace.clone(), line.clone());
        let Some(state) = self.lines.get(&line_key) else {
            return Next::Empty;
        };
        let lowest_first = (state.leases + 1) % LOWEST_EVERY == 0;
        let order = if lowest_first { [0, 1, 2, 3] } else { [3, 2, 1, 0] };
        for level in order {
            while let Some(place) = self.head(&line_key, level) {
                if !self.is_ready(&place) {
                    self.pop(&line_key, level);
                } else if self
                    .tasks
                    .get(&place.0)
                    .and_then(|task| task.expires_ms)
                    .is_some_and(|at| at <= now_ms)
                {
                    self.pop(&line_key, level);
                    self.step(now_ms, place.0, Event::Expire, TaskState::Expired);
                } else if !leased.is_empty() && self.too_large(&place.0, request.max_bytes, leased) {
                    return Next::Full;
                } else {
                    self.pop(&line_key, level);
                    if let Some(state) = self.lines.get_mut(&line_key) {
                        state.leases += 1;
                    }
                    return self.grant(now_ms, request, place.0).map_or(Next::Empty, Next::Leased);
                }
            }
        }
        Next::Empty
    }

    fn too_large(&self, id: &TaskId, max_bytes: u64, leased: &[Leased]) -> bool {
        let before: usize = leased.iter().map(|one| one.record.len()).sum();
        let next = self.tasks.get(id).map_or(0, |task| task.record_len() + EVENT_BYTES);
        (before + next) as u64 > max_bytes
    }

    fn grant(&mut self, now_ms: u64, request: &LeaseRequest, id: TaskId) -> Option<Leased> {
        let header = &mut self.tasks.get_mut(&id)?.header;
        header.fence += if self.defect == Some(Defect::SameFence) && header.fence > 0 {
            0
        } else {
            1
        };
        header.nonce = request.nonce;
        header.deadline_ms = now_ms + self.rules.lease_ttl_ms;
        header.mark = now_ms;
        header.run_ms = 0;
        header.settled = settled::NONE;
        let token = LeaseToken {
            task: id,
            fence: header.fence,
            nonce: header.nonce,
        };
        self.step(now_ms, id, Event::Lease, TaskState::Running);
        self.still_held(&token)
    }

    /// The lease of this token, if it was not lost or settled since.
    fn still_held(&self, token: &LeaseToken) -> Option<Leased> {
        let task = self.tasks.get(&token.task)?;
        let held = task.header.state == TaskState::Running && task.granted_last(token);
        held.then(|| Leased {
            token: *token,
            record: task.record_bytes(),
        })
    }

    pub(super) fn is_ready(&self, place: &Place) -> bool {
        let task = self.tasks.get(&place.0);
        task.is_some_and(|task| task.header.state == TaskState::Queued && task.header.mark == place.1)
    }

    /// Puts a task that became QUEUED into its line.
    pub(super) fn push_ready(&mut self, id: TaskId, at_head: bool) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        let state = self
            .lines
            .entry((task.namespace.clone(), task.line.clone()))
            .or_default();
        state.last_number += 1;
        task.header.mark = state.last_number;
        let place = (id, state.last_number);
        if let Some(level) = state.levels.get_mut(task.header.priority as usize - 1) {
            if at_head {
                level.push_front(place)
            } else {
                level.push_back(place)
            }
        }
    }

    fn head(&self, line: &(crate::id::Namespace, Line), level: usize) -> Option<Place> {
        self.lines.get(line)?.levels.get(level)?.front().copied()
    }

    fn pop(&mut self, line: &(crate::id::Namespace, Line), level: usize) {
        if let Some(level) = self.lines.get_mut(line).and_then(|state| state.levels.get_mut(level)) {
            level.pop_front();
        }
    }
}
