//! Torture: a whole Tidemill as separate processes, under load and faults, and a checker that judges the invariants.
//!
//! A round ([`round`]) plays one [`plans::Plan`]: it starts a [`world::World`] (Redis, two gateways, workers and results roles, handler
//! processes, a proxy on each way and a shim before each clock and disk), puts a [`load`] on it, lets the [`nemesis`] inject
//! [`faults`], heals everything, waits until all is quiet, and then holds three things against each other ([`check`]): what the clients
//! were told ([`history`]), what the handlers wrote down before they did anything (the journal), and what the [`store`] holds, read past
//! all roles. Everything is decided by a seed but the timing of the machine.
//!
//! A checker is worth what it finds: `torture-mutants` builds Tidemill with seeded bugs and insists that each is caught.

#![expect(
    clippy::expect_used,
    reason = "a test rig: whatever is not as expected must end it loudly"
)]

pub mod check;
pub mod clock;
pub mod control;
mod damage;
pub mod evidence;
pub mod faults;
pub mod history;
pub mod load;
pub mod meter;
pub mod nemesis;
pub mod plans;
mod power;
pub mod probes;
pub mod reload;
pub mod report;
pub mod round;
pub mod spec;
pub mod store;
pub mod watchers;
pub mod world;
