use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn arb_new() -> impl Strategy<Value = NewRecord> {
    let body = (
        proptest::collection::btree_map("[a-z]{1,8}", "[a-z]{0,8}", 0..4),
        any::<[u64; 2]>(),
        1.0..100.0,
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
    );
    let policy = (
        any::<u32>(),
        any::<bool>(),
        proptest::option::of(any::<[u8; 16]>()),
        0..1u64 << 48,
    );
    let names = (
        "[a-z][a-z0-9_-]{0,63}",
        "[A-Z][A-Za-z0-9._-]{0,127}",
        "[a-z][A-Za-z0-9._-]{0,127}",
    );
    (names, 1u8..5, 1u8..=100, any::<u32>(), policy, body).prop_map(
        |((namespace, queue, kind), priority, max_attempts, attempt_timeout_ms, policy, body)| NewRecord {
            namespace: Namespace::new(&namespace).unwrap(),
            queue: Name::new(&queue).unwrap(),
            kind: Name::new(&kind).unwrap(),
            priority: Priority::from_number(priority).unwrap(),
            max_attempts,
            attempt_timeout_ms,
            retention_s: policy.0,
            drop_input: policy.1,
            key_digest: policy.2,
            expires_in_ms: policy.3,
            body: StoredBody {
                labels: body.0,
                trace: None,
                initial_backoff_ms: body.1[0],
                max_backoff_ms: body.1[1],
                multiplier: body.2,
                input: body.3.map(|data| v1::Payload {
                    content_type: String::new(),
                    content: Some(v1::payload::Content::Data(data.into())),
                }),
            },
        },
    )
}

/// The state events that [`stored`] writes.
fn events(count: u32) -> Vec<StateEvent> {
    let event = |number| StateEvent {
        sequence: number,
        state: TaskState::Queued,
        cause: Cause::Enqueued,
        attempt: number as u8,
        time_ms: (1 << 47) + u64::from(number),
    };
    (1..=count).map(event).collect()
}

/// What the enqueue script makes of the template: state, version and sequence set, events and an outcome appended.
fn stored(new: &NewRecord, count: u32, outcome: &StoredOutcome) -> Vec<u8> {
    let mut bytes = new.encode().to_vec();
    bytes[1] = TaskState::Queued as u8;
    bytes[4..8].copy_from_slice(&count.to_be_bytes());
    bytes[8..12].copy_from_slice(&(count + 5).to_be_bytes());
    for event in events(count) {
        bytes.extend(event.sequence.to_be_bytes());
        bytes.extend([event.state as u8, event.cause as u8, event.attempt]);
        bytes.extend(&event.time_ms.to_be_bytes()[2..]);
    }
    bytes.extend(outcome.encode_to_vec());
    bytes
}

proptest! {
    #[test]
    fn what_was_written_is_read(new in arb_new(), count in 1u32..5, reason in "[a-z]{0,9}") {
        let outcome = StoredOutcome { cancel_reason: reason, ..StoredOutcome::default() };
        let bytes = Bytes::from(stored(&new, count, &outcome));
        let record = Record::parse(&bytes, true).unwrap();
        prop_assert_eq!((&record.namespace, &record.queue, &record.kind), (&new.namespace, &new.queue, &new.kind));
        prop_assert_eq!(&record.body().unwrap(), &new.body);
        prop_assert_eq!(&record.outcome().unwrap(), &outcome);
        prop_assert_eq!(&record.events, &events(count));
        let header = &record.header;
        prop_assert_eq!((header.state, header.priority, header.version), (TaskState::Queued, new.priority, count));
        prop_assert_eq!((header.max_attempts, header.attempt_timeout_ms), (new.max_attempts, new.attempt_timeout_ms));
        prop_assert_eq!((header.sequence, header.fence, header.settled), (count + 5, 0, settled::NONE));
        prop_assert_eq!(header.has(flags::KEY), new.key_digest.is_some());
        prop_assert_eq!(header.has(flags::EXPIRES), new.expires_in_ms > 0);

        // As the store reads it without the body: from the end of names, policy and key to the first event is left out.
        let body_from = HEADER_BYTES + header.body_len as usize - new.body.encoded_len();
        let short = [&bytes[..body_from], &bytes[HEADER_BYTES + header.body_len as usize..]].concat();
        let record = Record::parse(&short.into(), false).unwrap();
        prop_assert_eq!(record.body().unwrap(), StoredBody::default());
        prop_assert_eq!((record.events, record.outcome), (events(count), Bytes::from(outcome.encode_to_vec())));
    }

    /// A script cuts the input by its length alone.
    #[test]
    fn the_input_is_the_end_of_the_body(new in arb_new()) {
        let new = NewRecord { drop_input: true, ..new };
        let bytes = new.encode();
        let names = 2 + new.namespace.as_str().len() + 1 + new.queue.as_str().len() + new.kind.as_str().len();
        let at = HEADER_BYTES + names + 4;
        let cut = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let body = bytes.slice(bytes.len() - new.body.encoded_len()..bytes.len() - cut);
        prop_assert_eq!(StoredBody::decode(body).unwrap(), StoredBody { input: None, ..new.body });
    }

    /// Damage is an error, never a panic.
    #[test]
    fn damaged_bytes_do_no_harm(new in arb_new(), count in 1u32..5, at in any::<usize>(), byte in any::<u8>(), cut in any::<usize>()) {
        let mut bytes = stored(&new, count, &StoredOutcome::default());
        let len = bytes.len();
        bytes[at % len] = byte;
        bytes.truncate(1 + cut % len);
        for with_body in [true, false] {
            if let Ok(record) = Record::parse(&Bytes::from(bytes.clone()), with_body) {
                let _ = (record.body(), record.outcome(), record.attempt(), record.created_ms(), record.finished_ms());
            }
        }
    }

    #[test]
    fn noise_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = LAYOUT;
        }
        let _ = Record::parse(&Bytes::from(bytes), true);
    }
}

#[test]
fn a_newer_layout_is_refused() {
    let mut bytes = [0; HEADER_BYTES];
    bytes[0] = LAYOUT + 1;
    assert_eq!(Header::parse(&bytes), Err(RecordError::Layout(LAYOUT + 1)));
}

#[test]
fn the_input_may_be_absent() {
    let body = StoredBody {
        labels: BTreeMap::new(),
        ..StoredBody::default()
    };
    assert_eq!(body.encoded_len(), 0);
}
