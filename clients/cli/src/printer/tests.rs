use tidemill_client::proto::{self, TaskEvent, TaskResult, task_event};

use super::*;

fn running(sequence: i64) -> Event {
    let (state, cause) = (proto::TaskState::Running as i32, proto::StateCause::Leased as i32);
    Event::from(TaskEvent {
        sequence,
        attempt: 1,
        time: None,
        event: Some(task_event::Event::StateChanged(proto::StateChanged { state, cause })),
    })
}

fn ended(state: proto::TaskState, content: Option<Content>, error: Option<proto::TaskError>) -> Event {
    let output = content.map(|content| proto::Payload {
        content_type: String::new(),
        content: Some(content),
    });
    let result = TaskResult {
        state: state as i32,
        output,
        error,
    };
    Event::from(TaskEvent {
        sequence: 2,
        attempt: 1,
        time: None,
        event: Some(task_event::Event::Result(result)),
    })
}

fn succeeded(content: Content) -> Event {
    ended(proto::TaskState::Succeeded, Some(content), None)
}

fn printed(format: OutputFormat, terminal: bool, quiet: bool, events: &[Event]) -> String {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, format, Shape::Array, quiet);
    printer.terminal = terminal;
    events.iter().for_each(|event| printer.event(event).expect("printed"));
    printer.finish().expect("printed");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn text_output_follows_the_events() {
    let events = [running(1), succeeded(Content::Text("hello".into()))];
    assert_eq!(
        printed(OutputFormat::Text, false, false, &events),
        "#1 RUNNING attempt 1\n#2 SUCCEEDED\nhello\n"
    );
    assert_eq!(printed(OutputFormat::Text, false, true, &events), "hello\n");
}

#[test]
fn json_is_one_document_and_jsonl_one_object_for_each_line() {
    let events = [running(1), succeeded(Content::Text("hello\n".into()))];
    let document = printed(OutputFormat::Json, false, false, &events);
    let array: Vec<Value> = serde_json::from_str(&document).expect("one document");
    assert_eq!(array[1]["result"]["output"]["text"], "hello\n");
    let lines = printed(OutputFormat::Jsonl, false, false, &events);
    let objects = lines.lines().map(|line| serde_json::from_str(line).expect("an object"));
    assert_eq!(objects.collect::<Vec<Value>>(), array);
    let quiet = printed(OutputFormat::Jsonl, false, true, &events);
    assert_eq!(quiet.lines().collect::<Vec<_>>(), [array[1].to_string()]);
}

#[test]
fn a_document_that_is_cut_short_is_one_all_the_same() {
    let cut = printed(OutputFormat::Json, false, false, &[running(1)]);
    assert_eq!(serde_json::from_str::<Vec<Value>>(&cut).expect("a document").len(), 1);
    assert_eq!(printed(OutputFormat::Json, false, false, &[]), "[]\n");
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, OutputFormat::Json, Shape::Object, false);
    printer.item(|_| String::new(), || Value::from(7)).expect("printed");
    printer.finish().expect("printed");
    assert_eq!(out, b"7\n");
}

#[test]
fn json_is_pretty_and_bytes_are_described_on_a_terminal() {
    let event = succeeded(Content::Json(prost_types::Value::from(vec![prost_types::Value::from(
        true,
    )])));
    assert_eq!(printed(OutputFormat::Text, true, true, &[event]), "[\n  true\n]\n");
    let event = [succeeded(Content::Data(b"\x01abc".to_vec().into()))];
    assert_eq!(
        printed(OutputFormat::Text, true, true, &event),
        "<4 bytes, application/octet-stream>\n"
    );
    assert_eq!(printed(OutputFormat::Text, false, true, &event), "\x01abc");
}

#[test]
fn text_cannot_drive_a_terminal() {
    let event = [succeeded(Content::Text("a\u{1b}[2Jb\nc\n".into()))];
    assert_eq!(printed(OutputFormat::Text, true, true, &event), "a\\u{1b}[2Jb\nc\n");
    assert_eq!(printed(OutputFormat::Text, false, true, &event), "a\u{1b}[2Jb\nc\n");
}

#[test]
fn a_failed_task_prints_no_output() {
    let error = proto::TaskError {
        reason: 20,
        message: "boom".into(),
        ..proto::TaskError::default()
    };
    let event = ended(proto::TaskState::Failed, None, Some(error));
    assert_eq!(printed(OutputFormat::Text, false, true, &[event]), "");
}

#[test]
fn a_file_takes_the_output_of_a_task_that_succeeded() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("out");
    let run = |event: Event| {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, OutputFormat::Text, Shape::Array, true);
        printer.output_to(Some(&path)).expect("opened");
        printer.event(&event).expect("printed");
        assert!(out.is_empty(), "{out:?}");
    };
    run(ended(proto::TaskState::Cancelled, None, None));
    assert!(!path.exists());
    run(succeeded(Content::Text("hello".into())));
    assert_eq!(std::fs::read(&path).expect("written"), b"hello");
}
