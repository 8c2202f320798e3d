use tidemill_proto::google::rpc;
use tonic::Code;

use super::*;

fn full() -> ApiError {
    ApiError::new(ErrorReason::QueueFull, "queue `mail` is full")
        .metadata("queue", "mail")
        .outcome(Outcome::NotApplied)
        .retry_after(Duration::from_millis(1500))
        .resource("queue", "mail")
        .quota("queues/mail", "at most 10 unfinished tasks")
        .precondition("LEASE", "task", "granted to another")
        .field("kind", "must not be empty")
        .field("payload", "too large")
}

#[test]
fn details_round_trip_and_appear_once() {
    let status = Status::from(full());
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(status.message(), "queue `mail` is full");
    let details = status.check_error_details().unwrap();
    let info = details.error_info().unwrap();
    assert_eq!(
        (info.reason.as_str(), info.domain.as_str()),
        ("QUEUE_FULL", "tidemill.dev")
    );
    assert_eq!(info.metadata["outcome"], "not_applied");
    assert_eq!(info.metadata["queue"], "mail");
    assert_eq!(
        details.retry_info().unwrap().retry_delay,
        Some(Duration::from_millis(1500))
    );
    assert_eq!(details.resource_info().unwrap().resource_name, "mail");
    assert_eq!(details.quota_failure().unwrap().violations[0].subject, "queues/mail");
    assert_eq!(details.precondition_failure().unwrap().violations[0].r#type, "LEASE");
    let fields: Vec<_> = details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|v| v.field.as_str())
        .collect();
    assert_eq!(fields, ["kind", "payload"]);

    let kinds: Vec<_> = full()
        .to_rpc_status()
        .details
        .iter()
        .map(|any| any.type_url.clone())
        .collect();
    let mut unique = kinds.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 6, "{kinds:?}");
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}

#[test]
fn only_error_info_is_always_there() {
    let status = ApiError::new(ErrorReason::TaskNotFound, "no such task").to_rpc_status();
    assert_eq!(
        (status.code, status.message.as_str()),
        (Code::NotFound as i32, "no such task")
    );
    assert_eq!(status.details.len(), 1);
    let any = &status.details[0];
    assert_eq!(any.type_url, "type.googleapis.com/google.rpc.ErrorInfo");
    assert_eq!(
        rpc::ErrorInfo::decode(any.value.as_slice()).unwrap().reason,
        "TASK_NOT_FOUND"
    );
}

#[test]
fn every_reason_has_a_name_and_the_code_of_its_comment() {
    let proto = include_str!("../../../../proto/tidemill/v1/error.proto");
    let mut seen = 0;
    for (index, line) in proto.lines().enumerate() {
        let Some((name, number)) = line.trim().strip_suffix(';').and_then(|l| l.split_once(" = ")) else {
            continue;
        };
        let (Ok(number), true) = (number.parse::<i32>(), name.starts_with("ERROR_REASON_")) else {
            continue;
        };
        let reason = ErrorReason::try_from(number).unwrap();
        assert_eq!(format!("ERROR_REASON_{}", reason_name(reason)), name);
        let above: Vec<&str> = proto.lines().take(index).collect();
        let comment = above
            .iter()
            .rev()
            .take_while(|l| l.trim().starts_with("//"))
            .last()
            .unwrap()
            .trim();
        let word = comment.trim_start_matches("// ").split('.').next().unwrap();
        let screaming = word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let expected = if screaming { word } else { "INTERNAL" };
        let camel: String = format!("{:?}", code(reason));
        assert_eq!(camel.to_uppercase(), expected.replace('_', ""), "{name}");
        seen += 1;
    }
    assert!(seen >= 23, "{seen}");
}

#[test]
fn a_status_stays_small_whatever_goes_in() {
    let mut error = ApiError::new(ErrorReason::InvalidRequest, "ä".repeat(10_000)).metadata("m", "x".repeat(10_000));
    for i in 0..1000 {
        error = error.field(format!("labels[{i}]"), "é".repeat(1000));
    }
    assert_eq!(error.fields().len(), 1000);
    let status = Status::from(error);
    assert_eq!(status.message().len(), MAX_MESSAGE_BYTES);
    assert!(status.details().len() < 4 * 1024, "{}", status.details().len());
    let details = status.check_error_details().unwrap();
    let violations = &details.bad_request().unwrap().field_violations;
    let last = violations.last().unwrap();
    let sent = violations.len() - 1;
    assert!(sent > 3);
    assert_eq!(
        last.description,
        format!("{} more violations were left out", 1000 - sent)
    );
}

#[test]
fn internal_errors_say_nothing() {
    let error = ApiError::internal("redis://10.0.0.1 said WRONGTYPE").outcome(Outcome::Unknown);
    assert_eq!(error.reason(), ErrorReason::Internal);
    assert!(!error.message().contains("redis"));
    assert_eq!(
        error.to_string(),
        "INTERNAL: internal error; the server's log has the details"
    );
    let status = Status::from(error);
    assert_eq!(status.get_details_error_info().unwrap().metadata["outcome"], "unknown");
}
