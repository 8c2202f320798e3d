//! Whoever breaks things: one nemesis for each track of the plan.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::time::sleep;

use crate::{clock::unix_ms, faults::Injected, meter::Meter, plans::Track, world::World};

/// The load must come back within this time after a fault, or the run is void.
const LOAD_LIMIT: Duration = Duration::from_secs(30);
/// After a fault somebody must be served within this time, or it counts as not recovered.
const RECOVERY_LIMIT: Duration = Duration::from_secs(30);

/// What became of a track.
#[derive(Debug, Default)]
pub struct Told {
    /// What was injected.
    pub injected: Vec<Injected>,
    /// The load fell too low and did not come back: why the run is void.
    pub void: Option<String>,
}

/// Plays one track until the meter stops. The seed decides which fault comes when.
pub async fn play(world: Arc<World>, meter: Arc<Meter>, track: Track, seed: u64) -> Told {
    let mut rng = Rng::with_seed(seed);
    let mut told = Told::default();
    while !meter.is_stopped() {
        sleep(Duration::from_millis(rng.u64(track.pause.clone()))).await;
        if !meter.wait_for_load(LOAD_LIMIT).await {
            if !meter.is_stopped() {
                told.void = Some(format!("the load stayed below the least for {LOAD_LIMIT:?}"));
            }
            return told;
        }
        let fault = track.faults[rng.usize(0..track.faults.len())];
        let from_ms = unix_ms();
        let report = fault.inject(&world, &mut rng).await;
        let to_ms = unix_ms();
        let recovery = meter.wait_for_next(RECOVERY_LIMIT).await;
        // With no load nobody can be served.
        let last = meter.is_stopped();
        told.injected.push(Injected {
            fault,
            from_ms,
            to_ms,
            recovery,
            last,
            pid: report.pid,
            note: report.note,
        });
    }
    told
}
