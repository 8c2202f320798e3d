use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use tidemill_proto::v1::{self, ErrorReason, payload::Content};

use crate::{
    record::StoredOutcome,
    wire::{
        outcome_attempt_timeout, outcome_attempts_exhausted, outcome_cancel, outcome_crash_limit, outcome_error,
        outcome_lease_expired, outcome_output, outcome_release_limit,
    },
};

fn decode(parts: &[&Bytes]) -> StoredOutcome {
    let joined: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
    StoredOutcome::decode(joined.as_slice()).unwrap()
}

fn arb_error() -> impl Strategy<Value = v1::TaskError> {
    ("[a-z]{0,4}", "[A-Z]{0,4}", any::<bool>(), 0..23).prop_map(|(message, r#type, permanent, reason)| v1::TaskError {
        reason,
        message,
        r#type,
        permanent,
    })
}

fn arb_outcome() -> impl Strategy<Value = StoredOutcome> {
    let output = proptest::option::of("[a-z]{0,4}".prop_map(|text| v1::Payload {
        content_type: String::new(),
        content: Some(Content::Text(text)),
    }));
    (output, proptest::option::of(arb_error()), "[a-z]{0,3}").prop_map(|(output, error, cancel_reason)| StoredOutcome {
        output,
        error,
        cancel_reason,
    })
}

proptest! {
    /// This is what lets a script append an outcome without reading the one before.
    #[test]
    fn bytes_one_after_the_other_are_merged(first in arb_outcome(), second in arb_outcome()) {
        let mut merged = first.clone();
        merged.merge(second.encode_to_vec().as_slice()).unwrap();
        prop_assert_eq!(decode(&[&first.encode_to_vec().into(), &second.encode_to_vec().into()]), merged);
    }

    #[test]
    fn a_later_error_replaces_the_earlier_one_as_a_whole(
        first in arb_outcome(), error in arb_error(), reason in "[a-z]{0,3}"
    ) {
        let joined = decode(&[&first.encode_to_vec().into(), &outcome_error(&error), &outcome_cancel(&reason)]);
        prop_assert_eq!(joined.error, Some(error));
        prop_assert_eq!(joined.output, first.output);
        prop_assert_eq!(joined.cancel_reason, if reason.is_empty() { first.cancel_reason } else { reason });
    }
}

#[test]
fn an_empty_outcome_is_no_bytes() {
    assert_eq!(outcome_cancel(""), Bytes::new());
    assert_eq!(outcome_output(None), Bytes::new());
    assert_eq!(
        decode(&[&outcome_output(Some(v1::Payload::default()))]).output,
        Some(v1::Payload::default())
    );
}

#[test]
fn the_server_names_its_reasons() {
    for (outcome, reason) in [
        (outcome_crash_limit(3), ErrorReason::CrashLimit),
        (outcome_attempts_exhausted(), ErrorReason::AttemptsExhausted),
        (outcome_release_limit(), ErrorReason::ReleaseLimit),
        (outcome_attempt_timeout(), ErrorReason::AttemptTimeout),
        (outcome_lease_expired(), ErrorReason::LeaseLost),
    ] {
        let error = decode(&[&outcome]).error.unwrap();
        assert_eq!(error.reason(), reason);
        assert!(!error.message.is_empty() && !error.permanent);
    }
    assert!(
        decode(&[&outcome_crash_limit(3)])
            .error
            .unwrap()
            .message
            .contains("3 times")
    );
}
