use prost::Message;
use tidemill_proto::v1::{self, payload::Content, report_progress_request::Report as ProtoReport};

use super::{DAY_S, fields, nanos, seconds, token};
use crate::{
    op::Settle,
    record::StoredOutcome,
    wire::{Limits, LogEntry, LogKind, parse_complete, parse_fail, parse_release, parse_report, truncated_event},
};

const OK: [&str; 0] = [];

fn text(len: usize) -> v1::Payload {
    v1::Payload {
        content: Some(Content::Text("x".repeat(len))),
        ..Default::default()
    }
}

fn report(report: Option<ProtoReport>) -> Result<crate::wire::Report, crate::wire::Violations> {
    parse_report(
        v1::ReportProgressRequest {
            lease_token: token().to_string(),
            report,
        },
        &Limits::default(),
    )
}

#[test]
fn progress_is_a_share_and_a_short_text() {
    let progress = |fraction, len: usize| {
        report(Some(ProtoReport::Progress(v1::Progress {
            fraction,
            message: "m".repeat(len),
        })))
    };
    assert_eq!(fields(progress(0.0, 0)), OK);
    assert_eq!(fields(progress(1.0, 1_024)), OK);
    for bad in [-0.001, 1.001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(fields(progress(bad, 1_025)), ["progress.fraction", "progress.message"]);
    }
    assert_eq!(fields(report(None)), ["report"]);
    assert_eq!(
        fields(parse_report(v1::ReportProgressRequest::default(), &Limits::default())),
        ["lease_token", "report"]
    );
}

#[test]
fn a_chunk_is_limited_by_its_encoded_length() {
    let chunk = |payload| report(Some(ProtoReport::OutputChunk(payload)));
    let largest = (64 << 10) - 4;
    assert_eq!(text(largest).encoded_len(), 64 << 10);
    assert_eq!(chunk(text(largest)).map(|report| report.kind), Ok(LogKind::Chunk));
    assert_eq!(fields(chunk(text(largest + 1))), ["output_chunk"]);
    let typed = v1::Payload {
        content_type: "t".repeat(257),
        ..Default::default()
    };
    assert_eq!(fields(chunk(typed)), ["output_chunk.content_type"]);
}

#[test]
fn a_report_becomes_the_event_that_watchers_see() {
    let sent = v1::Progress {
        fraction: 0.5,
        message: "half".into(),
    };
    let reports = [
        (
            ProtoReport::Progress(sent.clone()),
            v1::task_event::Event::Progress(sent),
        ),
        (
            ProtoReport::OutputChunk(text(3)),
            v1::task_event::Event::OutputChunk(v1::OutputChunk { payload: Some(text(3)) }),
        ),
    ];
    for (sent, expected) in reports {
        let report = report(Some(sent)).unwrap();
        assert_eq!(LogKind::from_number(report.kind as u8), Some(report.kind));
        let entry = LogEntry {
            sequence: 7,
            attempt: 2,
            time_ms: 1_500,
            kind: report.kind,
            payload: report.payload,
        };
        let event = entry.to_event().unwrap();
        assert_eq!((event.sequence, event.attempt, event.event), (7, 2, Some(expected)));
        assert_eq!(
            event.time,
            Some(prost_types::Timestamp {
                seconds: 1,
                nanos: 500_000_000
            })
        );
        assert!(
            LogEntry {
                payload: vec![0xff].into(),
                ..entry
            }
            .to_event()
            .is_err()
        );
    }
    let event = truncated_event(3, 9);
    let truncated = v1::Truncated {
        from_sequence: 3,
        to_sequence: 9,
    };
    assert_eq!(
        (event.sequence, event.event),
        (9, Some(v1::task_event::Event::Truncated(truncated)))
    );
}

fn complete(output: Option<v1::Payload>) -> (Settle, StoredOutcome) {
    let request = v1::CompleteTaskRequest {
        lease_token: token().to_string(),
        output,
    };
    let (parsed, settle) = parse_complete(request, &Limits::default()).unwrap();
    assert_eq!(parsed, token());
    let (Settle::Complete { outcome } | Settle::CompleteTooLarge { outcome }) = &settle else {
        panic!("{settle:?}")
    };
    let stored = StoredOutcome::decode(outcome.clone()).unwrap();
    (settle, stored)
}

#[test]
fn an_output_over_the_limit_ends_the_task_instead_of_being_refused() {
    let largest = (256 << 10) - 4;
    let (settle, stored) = complete(Some(text(largest)));
    assert!(matches!(settle, Settle::Complete { .. }));
    assert_eq!(stored.output, Some(text(largest)));
    let (settle, stored) = complete(Some(text(largest + 1)));
    assert!(matches!(settle, Settle::CompleteTooLarge { .. }));
    let error = stored.error.unwrap();
    assert_eq!(error.reason(), v1::ErrorReason::OutputTooLarge);
    assert!(error.message.contains("262145") && error.message.contains("262144"));
    assert_eq!(complete(None).1, StoredOutcome::default());
    let typed = v1::Payload {
        content_type: "t".repeat(257),
        ..Default::default()
    };
    let request = v1::CompleteTaskRequest {
        lease_token: "x".into(),
        output: Some(typed),
    };
    assert_eq!(
        fields(parse_complete(request, &Limits::default())),
        ["lease_token", "output.content_type"]
    );
}

fn fail(change: impl FnOnce(&mut v1::FailTaskRequest)) -> Result<crate::wire::Failure, crate::wire::Violations> {
    let mut request = v1::FailTaskRequest {
        lease_token: token().to_string(),
        ..Default::default()
    };
    change(&mut request);
    parse_fail(&request)
}

#[test]
fn long_error_texts_are_cut_between_characters() {
    let error = |message: String, r#type: String| {
        let failure = fail(|request| (request.message, request.r#type) = (message, r#type)).unwrap();
        StoredOutcome::decode(failure.outcome).unwrap().error.unwrap()
    };
    let cut = error("m".repeat(8_192), "t".repeat(256));
    assert_eq!((cut.message.len(), cut.r#type.len()), (8_192, 256));
    let cut = error("m".repeat(8_193), "t".repeat(257));
    assert_eq!((cut.message.len(), cut.r#type.len()), (8_192, 256));
    // Three bytes a character: 8,192 = 2,730 * 3 + 2, 256 = 85 * 3 + 1.
    let cut = error("€".repeat(3_000), "€".repeat(100));
    assert_eq!((cut.message.len(), cut.r#type.len()), (8_190, 255));
    assert_eq!(cut.reason(), v1::ErrorReason::HandlerFailed);
}

#[test]
fn the_wish_of_the_handler_goes_before_the_policy() {
    let delay = |retry_after| match fail(|request| request.retry_after = retry_after).unwrap().settle(77) {
        Settle::Fail {
            delay_ms,
            permanent: false,
            ..
        } => delay_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (delay(None), delay(seconds(0)), delay(seconds(7 * DAY_S))),
        (77, 0, 7 * 86_400_000)
    );
    for bad in [nanos(7 * DAY_S, 1), seconds(-1), nanos(1, -1)] {
        assert_eq!(fields(fail(|request| request.retry_after = bad)), ["retry_after"]);
    }
    let settle = fail(|request| request.permanent = true).unwrap().settle(0);
    assert!(matches!(settle, Settle::Fail { permanent: true, .. }));
    assert_eq!(
        fields(fail(
            |request| (request.lease_token, request.retry_after) = ("".into(), seconds(-1))
        )),
        ["lease_token", "retry_after"]
    );
}

#[test]
fn a_release_is_counted_unless_the_process_drains_or_a_cancel_is_agreed_to() {
    let release = |cancelled, draining| {
        parse_release(&v1::ReleaseTaskRequest {
            lease_token: token().to_string(),
            cancelled,
            draining,
        })
    };
    assert_eq!(release(false, false), Ok((token(), Settle::Release { counted: true })));
    assert_eq!(release(false, true), Ok((token(), Settle::Release { counted: false })));
    assert_eq!(release(true, false), Ok((token(), Settle::Stop { delay_ms: 0 })));
    assert_eq!(
        fields(parse_release(&v1::ReleaseTaskRequest::default())),
        ["lease_token"]
    );
}
