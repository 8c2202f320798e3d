use sha2::{Digest, Sha256};
use tidemill_proto::v1;

use super::{
    CREDITS_MAX, HANDLER_NAME_MAX_BYTES, HEARTBEAT_MAX, KEY_MAX_BYTES, LEASE_MAX, Limits, Violations, check::Checker,
    time::WAIT,
};
use crate::id::{LeaseToken, Name, Namespace};

/// A validated LeaseTasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseCall {
    /// Queues to serve, each once.
    pub queues: Vec<Name>,
    /// Kinds to serve, each once.
    pub kinds: Vec<Name>,
    /// Most tasks to lease: 1 to 128.
    pub max: u32,
    /// How long to wait for the first task, in ms.
    pub wait_ms: u64,
    /// Digest of namespace and request id; `None`: the caller sent none.
    pub request: Option<[u8; 16]>,
}

/// LeaseTasks.
pub fn parse_lease(
    request: &v1::LeaseTasksRequest,
    namespace: &Namespace,
    limits: &Limits,
) -> Result<LeaseCall, Violations> {
    let mut check = Checker::default();
    let queues = check.queues(&request.queues, limits);
    let kinds = check.kinds(&request.kinds);
    let max = check.within("max", request.max, 0, LEASE_MAX).unwrap_or(0).max(1);
    let wait_ms = request
        .wait
        .as_ref()
        .and_then(|wait| check.duration("wait", wait, WAIT))
        .unwrap_or(0);
    check.longest("request_id", request.request_id.len(), KEY_MAX_BYTES);
    let digest = (!request.request_id.is_empty()).then(|| request_digest(namespace, &request.request_id));
    check.finish(Some(LeaseCall {
        queues,
        kinds,
        max,
        wait_ms,
        request: digest,
    }))
}

/// The namespace is part of it: one tenant's request id must never answer with another's leases.
fn request_digest(namespace: &Namespace, request_id: &str) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(namespace.as_str())
        .chain_update([0])
        .chain_update(request_id)
        .finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    first
}

/// HeartbeatTasks: one token for each that was sent, in order.
pub fn parse_heartbeat(request: &v1::HeartbeatTasksRequest) -> Result<Vec<LeaseToken>, Violations> {
    let mut check = Checker::default();
    if request.lease_tokens.is_empty() {
        check.add(
            "lease_tokens",
            format!("must have 1 to {HEARTBEAT_MAX} entries, has none"),
        );
    }
    let tokens = check.tokens("lease_tokens", &request.lease_tokens, HEARTBEAT_MAX);
    check.finish(Some(tokens))
}

/// A validated Register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Queues to serve, each once.
    pub queues: Vec<Name>,
    /// Kinds it has handlers for, each once.
    pub kinds: Vec<Name>,
    /// Tasks it will hold at a time.
    pub credits: u32,
    /// Leases still held from a broken stream, each once.
    pub held: Vec<LeaseToken>,
    /// Name for logs and metrics.
    pub name: String,
}

/// The first message of a Work stream.
pub fn parse_register(request: &v1::Register, limits: &Limits) -> Result<Registration, Violations> {
    let mut check = Checker::default();
    let queues = check.queues(&request.queues, limits);
    let kinds = check.kinds(&request.kinds);
    let credits = check.within("credits", request.credits, 0, CREDITS_MAX).unwrap_or(0);
    let tokens = check.tokens("held", &request.held, CREDITS_MAX as usize);
    let mut seen = std::collections::HashSet::new();
    let held = tokens.into_iter().filter(|token| seen.insert(*token)).collect();
    check.longest("name", request.name.len(), HANDLER_NAME_MAX_BYTES);
    check.finish(Some(Registration {
        queues,
        kinds,
        credits,
        held,
        name: request.name.clone(),
    }))
}

/// A change of credits on a Work stream: the new total.
pub fn parse_credits(request: &v1::Credits) -> Result<u32, Violations> {
    let mut check = Checker::default();
    let credits = check.within("credits", request.credits, 0, CREDITS_MAX);
    check.finish(credits)
}
