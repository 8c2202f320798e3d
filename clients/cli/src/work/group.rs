//! Process groups: a program and whatever it started get a signal together.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// The groups that run.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups(Arc<Mutex<HashSet<Pid>>>);

/// One that runs; killed when it is dropped, as it is when the lease was lost or the grace is over.
#[derive(Debug)]
pub(super) struct Group {
    leader: Pid,
    all: Groups,
}

impl Groups {
    /// The group of a child that leads one of its own. `None`: it has ended already.
    pub(super) fn enter(&self, child: &tokio::process::Child) -> Option<Group> {
        let leader = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)?;
        self.set().insert(leader);
        let all = self.clone();
        Some(Group { leader, all })
    }

    /// Kills them all.
    pub(super) fn kill_all(&self) {
        for leader in self.set().iter() {
            // One that has ended is no failure.
            let _ = kill_process_group(*leader, Signal::KILL);
        }
    }

    fn set(&self) -> std::sync::MutexGuard<'_, HashSet<Pid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    /// Asks it to stop.
    pub(super) fn terminate(&self) {
        let _ = kill_process_group(self.leader, Signal::TERM);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = kill_process_group(self.leader, Signal::KILL);
        self.all.set().remove(&self.leader);
    }
}
