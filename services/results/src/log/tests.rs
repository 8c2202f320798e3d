use bytes::Bytes;
use proptest::prelude::*;
use tidemill_model::{
    id::{Name, Namespace},
    record::{HEADER_BYTES, NewRecord, StoredBody},
    state::{Cause, Priority, TaskState},
    wire::{LogKind, chunk_payload},
};
use tidemill_proto::v1::{Payload, payload, task_event::Event};

use super::*;

/// One event of a made-up log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    State(TaskState, Cause),
    Chunk,
}

const LEASED: Made = Made::State(TaskState::Running, Cause::Leased);
const QUEUED: Made = Made::State(TaskState::Queued, Cause::Enqueued);
const RELEASED: Made = Made::State(TaskState::Queued, Cause::Released);
const DONE: Made = Made::State(TaskState::Succeeded, Cause::Finished);

/// A record as the store would return it without its body.
fn record(log: &[Made]) -> Record {
    let new = NewRecord {
        namespace: Namespace::default(),
        queue: Name::default_queue(),
        kind: Name::new("k").unwrap(),
        priority: Priority::Normal,
        max_attempts: 4,
        attempt_timeout_ms: 1,
        retention_s: 0,
        drop_input: false,
        key_digest: None,
        expires_in_ms: 0,
        body: StoredBody::default(),
    };
    let mut bytes = new.encode().to_vec();
    assert!(bytes.len() > HEADER_BYTES);
    let mut version = 0_u32;
    bytes[1] = TaskState::Queued as u8;
    for (index, made) in log.iter().enumerate() {
        if let Made::State(state, cause) = made {
            version += 1;
            bytes[1] = *state as u8;
            bytes.extend_from_slice(&(index as u32 + 1).to_be_bytes());
            bytes.extend_from_slice(&[*state as u8, *cause as u8, 1]);
            bytes.extend_from_slice(&[0; 6]);
        }
    }
    bytes[4..8].copy_from_slice(&version.to_be_bytes());
    bytes[8..12].copy_from_slice(&(log.len() as u32).to_be_bytes());
    Record::parse(&bytes.into(), true).unwrap()
}

fn chunk(sequence: u32) -> LogEntry {
    let payload = Payload {
        content: Some(payload::Content::Text(sequence.to_string())),
        ..Payload::default()
    };
    LogEntry {
        sequence,
        attempt: 1,
        time_ms: 1,
        kind: LogKind::Chunk,
        payload: chunk_payload(payload),
    }
}

/// What the store would return: the kept chunks after the cursor, at most `most`.
fn read(log: &[Made], trimmed: u32, cursor: u32, most: usize) -> Vec<LogEntry> {
    let chunks = (1..)
        .zip(log)
        .filter(|(n, made)| **made == Made::Chunk && *n > trimmed && *n > cursor);
    chunks.take(most).map(|(n, _)| chunk(n)).collect()
}

fn numbers(page: &Page) -> Vec<i64> {
    page.events.iter().map(|event| event.sequence).collect()
}

fn is_result(event: &TaskEvent) -> bool {
    matches!(event.event, Some(Event::Result(_)))
}

#[test]
fn state_events_and_entries_are_merged_by_number() {
    let log = [
        QUEUED,
        LEASED,
        Made::Chunk,
        Made::Chunk,
        RELEASED,
        LEASED,
        Made::Chunk,
        DONE,
    ];
    let page = page(&record(&log), &read(&log, 0, 0, 32), false, 0).unwrap();
    assert_eq!(numbers(&page), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!((page.cursor, page.after, page.truncated), (8, After::End, 0));
    assert!(is_result(&page.events[7]));
    assert!(matches!(page.events[2].event, Some(Event::OutputChunk(_))));
}

#[test]
fn a_cut_part_is_named_exactly_and_state_events_within_it_stay() {
    let log = [
        QUEUED,
        LEASED,
        Made::Chunk,
        Made::Chunk,
        RELEASED,
        LEASED,
        Made::Chunk,
        Made::Chunk,
    ];
    let page = page(&record(&log), &read(&log, 7, 0, 32), false, 0).unwrap();
    assert_eq!(numbers(&page), [1, 2, 4, 5, 6, 7, 8]);
    assert_eq!(page.events[2], truncated_event(3, 4));
    assert_eq!(page.events[5], truncated_event(7, 7));
    assert_eq!((page.after, page.truncated), (After::Live, 2));
}

#[test]
fn a_full_read_is_delivered_up_to_its_last_entry_only() {
    let log = [QUEUED, LEASED, Made::Chunk, Made::Chunk, Made::Chunk, DONE];
    let page = page(&record(&log), &read(&log, 0, 0, 2), true, 0).unwrap();
    assert_eq!(numbers(&page), [1, 2, 3, 4]);
    assert_eq!((page.cursor, page.after), (4, After::More));
}

#[test]
fn a_full_read_that_ends_with_the_log_is_all_there_is() {
    let log = [QUEUED, LEASED, Made::Chunk];
    let page = page(&record(&log), &read(&log, 0, 0, 1), true, 0).unwrap();
    assert_eq!((numbers(&page), page.after), (vec![1, 2, 3], After::Live));
}

#[test]
fn the_result_comes_even_if_its_own_number_is_the_cursor() {
    let log = [QUEUED, LEASED, DONE];
    let page_at = |cursor| page(&record(&log), &[], false, cursor);
    for cursor in [2, 3] {
        let page = page_at(cursor).unwrap();
        assert_eq!((numbers(&page), page.cursor, page.after), (vec![3], 3, After::End));
        assert!(is_result(&page.events[0]));
    }
    assert_eq!(page_at(4), Err(LogError::Ahead(3)));
}

#[test]
fn a_task_that_is_not_finished_has_nothing_after_its_last_event_and_refuses_what_is_beyond() {
    let log = [QUEUED, LEASED];
    let page_at = |cursor| page(&record(&log), &[], false, cursor);
    assert_eq!(
        page_at(2).unwrap(),
        Page {
            events: vec![],
            truncated: 0,
            cursor: 2,
            after: After::Live
        }
    );
    assert_eq!(page_at(3), Err(LogError::Ahead(2)));
    assert_eq!(page_at(u32::MAX), Err(LogError::Ahead(2)));
}

#[test]
fn an_entry_that_cannot_be_read_is_an_error_and_not_a_hole() {
    let log = [QUEUED, Made::Chunk];
    let bad = LogEntry {
        payload: Bytes::from_static(b"\xff\xff"),
        ..chunk(2)
    };
    assert!(matches!(
        page(&record(&log), &[bad], false, 0),
        Err(LogError::Damaged(_))
    ));
}

fn logs() -> impl Strategy<Value = Vec<Made>> {
    let one = prop_oneof![3 => Just(Made::Chunk), 1 => Just(RELEASED), 1 => Just(LEASED)];
    (prop::collection::vec(one, 0..60), any::<bool>()).prop_map(|(middle, finished)| {
        let mut log = vec![QUEUED];
        log.extend(middle);
        log.extend(finished.then_some(DONE));
        log
    })
}

proptest! {
    /// A watcher that starts anywhere, reads pages of any size and has the log cut under it between any two of them. While it reads the
    /// task goes on: `seen` of the log is there at first, one more event with each page.
    #[test]
    fn ordered_unique_complete(
        log in logs(),
        most in 1_usize..9,
        start in 0_usize..64,
        seen in 1_usize..64,
        cuts in prop::collection::vec(0_u32..20, 1..20),
    ) {
        let start = start.min(log.len());
        let mut seen = seen.min(log.len()).max(start);
        let (mut cursor, mut trimmed, mut events) = (start as u32, 0_u32, Vec::new());
        let mut cuts = cuts.into_iter().cycle();
        loop {
            let now = &log[..seen.max(1)];
            // The newest entry is never cut.
            let newest = (1..).zip(now).filter(|(_, m)| **m == Made::Chunk).map(|(n, _)| n).last().unwrap_or(0_u32);
            trimmed = (trimmed + cuts.next().unwrap_or(0)).min(newest.saturating_sub(1)).max(trimmed);
            let entries = read(now, trimmed, cursor, most);
            let page = page(&record(now), &entries, entries.len() == most, cursor).unwrap();
            prop_assert!(page.cursor >= cursor);
            prop_assert!(page.after != After::More || page.cursor > cursor, "no progress");
            cursor = page.cursor;
            events.extend(page.events);
            match page.after {
                After::End => break,
                After::Live if seen == log.len() => break,
                _ => seen = (seen + 1).min(log.len()),
            }
        }
        let finished = log.last() == Some(&DONE);
        let mut expected = start as i64;
        if finished && start == log.len() {
            expected -= 1;
        }
        for event in &events {
            if let Some(Event::Truncated(cut)) = &event.event {
                prop_assert_eq!(cut.from_sequence, expected + 1);
                prop_assert!(cut.to_sequence >= cut.from_sequence);
                prop_assert_eq!(event.sequence, cut.to_sequence);
                for n in cut.from_sequence..=cut.to_sequence {
                    prop_assert_eq!(log[n as usize - 1], Made::Chunk, "a state event was cut");
                    prop_assert!(n <= i64::from(trimmed), "something was cut that was there");
                }
            } else {
                prop_assert_eq!(event.sequence, expected + 1);
                prop_assert_eq!(is_result(event), log[event.sequence as usize - 1] == DONE);
            }
            expected = event.sequence;
        }
        prop_assert_eq!(expected, log.len() as i64);
        prop_assert_eq!(events.last().is_some_and(is_result), finished);
        prop_assert_eq!(events.iter().filter(|e| is_result(e)).count(), usize::from(finished));
    }
}
