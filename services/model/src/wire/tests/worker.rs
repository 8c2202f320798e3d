use tidemill_proto::v1;

use super::{fields, nanos, seconds, token};
use crate::{
    id::{Name, Namespace},
    wire::{Limits, parse_credits, parse_heartbeat, parse_lease, parse_register},
};

const OK: [&str; 0] = [];

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("n{number}")).collect()
}

fn lease_of(
    namespace: &str,
    request: v1::LeaseTasksRequest,
) -> Result<crate::wire::LeaseCall, crate::wire::Violations> {
    parse_lease(&request, &Namespace::new(namespace).unwrap(), &Limits::default())
}

fn lease(change: impl FnOnce(&mut v1::LeaseTasksRequest)) -> Result<crate::wire::LeaseCall, crate::wire::Violations> {
    let mut request = v1::LeaseTasksRequest {
        kinds: vec!["k".into()],
        ..Default::default()
    };
    change(&mut request);
    lease_of("default", request)
}

#[test]
fn lease_has_defaults() {
    let call = lease(|_| {}).unwrap();
    assert_eq!(
        (call.queues, call.max, call.wait_ms, call.request),
        (vec![Name::default_queue()], 1, 0, None)
    );
    let twice = |names: &mut Vec<String>| *names = vec!["b".into(), "a".into(), "b".into()];
    let call = lease(|request| {
        twice(&mut request.queues);
        twice(&mut request.kinds);
    });
    let call = call.unwrap();
    assert_eq!(
        call.queues,
        [Name::new("b").unwrap(), Name::new("a").unwrap()],
        "each once, in order"
    );
    assert_eq!(call.kinds, call.queues);
}

#[test]
fn lease_limits() {
    assert_eq!(fields(lease(|request| request.queues = numbered(64))), OK);
    assert_eq!(fields(lease(|request| request.queues = numbered(65))), ["queues"]);
    assert_eq!(
        fields(lease(
            |request| request.queues = vec!["a".into(), String::new(), "?".into()]
        )),
        ["queues[1]", "queues[2]"]
    );
    assert_eq!(fields(lease(|request| request.kinds = numbered(256))), OK);
    assert_eq!(fields(lease(|request| request.kinds = numbered(257))), ["kinds"]);
    assert_eq!(fields(lease(|request| request.kinds.clear())), ["kinds"]);
    for (max, parsed) in [(0, 1), (1, 1), (128, 128)] {
        assert_eq!(lease(|request| request.max = max).map(|call| call.max), Ok(parsed));
    }
    assert_eq!(fields(lease(|request| request.max = 129)), ["max"]);
    assert_eq!(fields(lease(|request| request.max = -1)), ["max"]);
    assert_eq!(
        lease(|request| request.wait = seconds(60)).map(|call| call.wait_ms),
        Ok(60_000)
    );
    assert_eq!(fields(lease(|request| request.wait = nanos(60, 1))), ["wait"]);
    assert_eq!(fields(lease(|request| request.request_id = "r".repeat(255))), OK);
    assert_eq!(
        fields(lease(|request| request.request_id = "r".repeat(256))),
        ["request_id"]
    );
    let bad = lease(|request| {
        *request = v1::LeaseTasksRequest {
            queues: vec!["?".into()],
            kinds: vec![],
            max: 999,
            wait: seconds(-1),
            request_id: "r".repeat(256),
        };
    });
    assert_eq!(fields(bad), ["queues[0]", "kinds", "max", "wait", "request_id"]);
}

#[test]
fn a_request_id_belongs_to_its_namespace() {
    let digest = |namespace, id: &str| {
        let request = v1::LeaseTasksRequest {
            kinds: vec!["k".into()],
            request_id: id.into(),
            ..Default::default()
        };
        lease_of(namespace, request).unwrap().request.unwrap()
    };
    assert_eq!(digest("a", "1"), digest("a", "1"));
    assert_ne!(digest("a", "1"), digest("a", "2"));
    assert_ne!(digest("a", "1"), digest("b", "1"));
}

#[test]
fn heartbeat_takes_one_to_256_tokens() {
    let heartbeat = |lease_tokens| parse_heartbeat(&v1::HeartbeatTasksRequest { lease_tokens });
    assert_eq!(
        heartbeat(vec![token().to_string(); 256]).map(|tokens| tokens.len()),
        Ok(256)
    );
    assert_eq!(fields(heartbeat(vec![])), ["lease_tokens"]);
    assert_eq!(fields(heartbeat(vec!["x".into(); 257])), ["lease_tokens"]);
    assert_eq!(
        fields(heartbeat(vec!["x".into(), token().to_string(), String::new()])),
        ["lease_tokens[0]", "lease_tokens[2]"]
    );
}

#[test]
fn register_limits() {
    let register = |credits, held: Vec<String>, name: usize| {
        let request = v1::Register {
            kinds: vec!["k".into()],
            credits,
            held,
            name: "n".repeat(name),
            queues: vec![],
        };
        parse_register(&request, &Limits::default())
    };
    let registration = register(10_000, vec![token().to_string(); 2], 128).unwrap();
    assert_eq!(
        (registration.credits, registration.held),
        (10_000, vec![token()]),
        "each lease once"
    );
    assert_eq!(
        fields(register(10_001, vec!["x".into()], 129)),
        ["credits", "held[0]", "name"]
    );
    assert_eq!(fields(register(-1, vec![], 0)), ["credits"]);
    assert_eq!(fields(register(0, vec![String::new(); 10_001], 0)), ["held"]);
    let request = v1::Register {
        queues: numbered(65),
        ..Default::default()
    };
    assert_eq!(
        fields(parse_register(&request, &Limits::default())),
        ["queues", "kinds"]
    );
}

#[test]
fn credits_are_at_most_ten_thousand() {
    for (sent, good) in [(-1, false), (0, true), (10_000, true), (10_001, false)] {
        assert_eq!(parse_credits(&v1::Credits { credits: sent }).is_ok(), good);
    }
}
