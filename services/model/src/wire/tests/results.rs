use tidemill_proto::v1;

use super::{fields, nanos, seconds, token};
use crate::{
    id::Name,
    state::TaskState,
    wire::{
        Limits, parse_cancel, parse_get_queue, parse_get_result, parse_get_task, parse_list_queues, parse_list_tasks,
        parse_task_id, parse_watch, parse_watch_target,
    },
};

const OK: [&str; 0] = [];

fn id() -> String {
    token().task.to_string()
}

#[test]
fn task_ids_have_one_form() {
    assert_eq!(parse_task_id("add[2].task_id", &id()), Ok(token().task));
    for bad in [
        "",
        "x",
        &id().replace('-', ""),
        &format!("{{{}}}", id()),
        "00000000-0000-4000-8000-000000000000",
    ] {
        assert_eq!(
            fields(parse_task_id("add[2].task_id", bad)),
            ["add[2].task_id"],
            "{bad}"
        );
    }
    assert_eq!(
        fields(parse_get_task(&v1::GetTaskRequest { task_id: "x".into() })),
        ["task_id"]
    );
}

#[test]
fn cancel_has_a_short_reason() {
    let cancel = |task_id: String, len: usize| {
        parse_cancel(&v1::CancelTaskRequest {
            task_id,
            reason: "r".repeat(len),
        })
    };
    assert_eq!(cancel(id(), 0).unwrap().outcome.len(), 0);
    assert_eq!(fields(cancel(id(), 1_024)), OK);
    assert_eq!(fields(cancel("x".into(), 1_025)), ["task_id", "reason"]);
}

#[test]
fn get_result_waits_a_minute_at_most() {
    let get = |task_id: String, wait| parse_get_result(&v1::GetResultRequest { task_id, wait });
    for (wait, ms) in [(None, 0), (seconds(0), 0), (nanos(0, 1), 1), (seconds(60), 60_000)] {
        assert_eq!(get(id(), wait).map(|parsed| parsed.wait_ms), Ok(ms));
    }
    for bad in [nanos(60, 1), seconds(-1), nanos(1, -1)] {
        assert_eq!(fields(get("x".into(), bad)), ["task_id", "wait"]);
    }
}

#[test]
fn a_cursor_is_not_negative_and_may_be_beyond_everything() {
    let watch = |after_sequence| {
        parse_watch(&v1::WatchResultRequest {
            task_id: id(),
            after_sequence,
        })
    };
    for after in [0, 1, i64::from(u32::MAX) + 1, i64::MAX] {
        assert_eq!(watch(after).map(|watch| watch.after_sequence), Ok(after));
    }
    assert_eq!(fields(watch(-1)), ["after_sequence"]);
    let target = v1::WatchTarget {
        task_id: String::new(),
        after_sequence: i64::MIN,
    };
    assert_eq!(fields(parse_watch_target(&target)), ["task_id", "after_sequence"]);
}

#[test]
fn pages_have_defaults_and_caps() {
    let queues = |page_size, token: usize| {
        parse_list_queues(&v1::ListQueuesRequest {
            page_size,
            page_token: "t".repeat(token),
        })
    };
    for (sent, size) in [(0, 100), (1, 1), (1_000, 1_000), (1_001, 1_000), (i32::MAX, 1_000)] {
        assert_eq!(queues(sent, 1_024).map(|page| page.size), Ok(size));
    }
    assert_eq!(fields(queues(-1, 1_025)), ["page_size", "page_token"]);

    let tasks = |queue: &str, state, page_size| {
        let request = v1::ListTasksRequest {
            queue: queue.into(),
            state,
            page_size,
            page_token: String::new(),
        };
        parse_list_tasks(&request, &Limits::default())
    };
    for (sent, size) in [(0, 50), (500, 500), (501, 500)] {
        assert_eq!(
            tasks("q", 5, sent).map(|page| (page.size, page.state)),
            Ok((size, TaskState::Failed))
        );
    }
    assert_eq!(tasks("", 7, 0).map(|page| page.queue), Ok(Name::default_queue()));
    for state in [0, 8, -1, 257] {
        assert_eq!(fields(tasks("?", state, -1)), ["queue", "state", "page_size"]);
    }
}

#[test]
fn get_queue_needs_its_name() {
    let get = |queue: &str| parse_get_queue(&v1::GetQueueRequest { queue: queue.into() });
    assert_eq!(get("mail").map(|name| name.to_string()), Ok("mail".into()));
    assert_eq!(fields(get("")), ["queue"]);
    assert_eq!(fields(get("a/b")), ["queue"]);
}
