use super::*;
use crate::testing::{detail, info, status};

fn read(status: &Status) -> Refusal {
    Refusal::new(status, "http://here")
}

#[test]
fn names_every_violation_on_one_line() {
    let violation = |field: &str, description: &str| rpc::bad_request::FieldViolation {
        field: field.into(),
        description: description.into(),
        ..Default::default()
    };
    let bad = rpc::BadRequest {
        field_violations: vec![violation("kind", "is required"), violation("delay", "too long")],
    };
    let status = status(
        Code::InvalidArgument,
        "the request is invalid",
        vec![
            info("INVALID_REQUEST", &[("outcome", "not_applied")]),
            detail("google.rpc.BadRequest", &bad),
        ],
    );
    let refusal = read(&status);
    assert_eq!(
        refusal.to_string(),
        "INVALID_REQUEST (INVALID_ARGUMENT): the request is invalid; kind: is required; delay: too long"
    );
    assert_eq!(refusal.exit_code(), 2);
    assert!(!refusal.outcome_unknown());
}

#[test]
fn says_what_to_do_next() {
    let retry = rpc::RetryInfo {
        retry_delay: Some(prost_types::Duration { seconds: 2, nanos: 0 }),
    };
    let full = read(&status(
        Code::ResourceExhausted,
        "queue `q` is full",
        vec![info("QUEUE_FULL", &[]), detail("google.rpc.RetryInfo", &retry)],
    ));
    assert_eq!(
        full.to_string(),
        "QUEUE_FULL (RESOURCE_EXHAUSTED): queue `q` is full; try again in 2s"
    );
    assert_eq!((full.exit_code(), full.retry_delay), (6, Some(Duration::from_secs(2))));
    let reused = read(&status(
        Code::AlreadyExists,
        "m",
        vec![info("IDEMPOTENCY_KEY_REUSED", &[("task_id", "T1")])],
    ));
    assert!(reused.to_string().ends_with("see `tidemill get T1`"), "{reused}");
    assert_eq!(reused.exit_code(), 4);
    let missing = read(&status(Code::Unimplemented, "", vec![]));
    assert!(missing.to_string().contains("--results-url"), "{missing}");
}

#[test]
fn knows_what_is_unknown() {
    let with = |code, outcome: &[(&str, &str)]| read(&status(code, "m", vec![info("STORE_UNAVAILABLE", outcome)]));
    assert!(with(Code::Unavailable, &[("outcome", "unknown")]).outcome_unknown());
    assert!(!with(Code::Unavailable, &[("outcome", "not_applied")]).outcome_unknown());
    assert!(with(Code::Internal, &[]).outcome_unknown());
    assert!(!with(Code::NotFound, &[]).outcome_unknown());
}

#[test]
fn details_that_are_not_ours_or_not_readable_are_left_out() {
    let foreign = rpc::ErrorInfo {
        reason: "X".into(),
        domain: "proxy.example".into(),
        metadata: HashMap::new(),
    };
    let broken = prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.BadRequest".into(),
        value: vec![0xff],
    };
    let refusal = read(&status(
        Code::Internal,
        "m",
        vec![detail("google.rpc.ErrorInfo", &foreign), broken],
    ));
    assert_eq!(refusal.to_string(), "INTERNAL from http://here: m");
    assert_eq!(refusal.exit_code(), 70);
}
