use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use super::*;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn filter(level: &str) -> EnvFilter {
    super::filter(&LogConfig {
        level: level.to_owned(),
        ..LogConfig::default()
    })
    .unwrap()
}

const NASTY: &str = "a\nERROR forged\r\x1b[31m\u{85}\u{2028}é";

#[test]
fn a_text_line_stays_one_line() {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = text(filter("info"), move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(queue = NASTY, "hello {NASTY}");
        tracing::debug!("not shown");
    });
    let text = buffer.text();
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(
        text.ends_with('\n') && text.contains("forged") && text.contains('é'),
        "{text:?}"
    );
    assert!(!text.trim_end_matches('\n').contains(is_unsafe), "{text:?}");
}

#[test]
fn a_json_line_is_one_object_with_the_original_text() {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = json(filter("info"), move || writer.clone());
    tracing::subscriber::with_default(subscriber, || tracing::info!(queue = NASTY, count = 3, "hello"));
    let text = buffer.text();
    assert_eq!(text.lines().count(), 1, "{text:?}");
    assert!(!text.trim_end_matches('\n').contains(is_unsafe), "{text:?}");
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["queue"], NASTY);
    assert_eq!(object["message"], "hello");
    assert_eq!(object["count"], 3);
    assert_eq!(object["level"], "INFO");
}

#[test]
fn starting_twice_is_harmless_and_a_bad_level_is_named() {
    let config = LogConfig {
        level: "warn".to_owned(),
        ..LogConfig::default()
    };
    init(&config).unwrap();
    init(&config).unwrap();
    let config = LogConfig {
        level: "loud=very".to_owned(),
        format: LogFormat::Json,
    };
    assert!(init(&config).unwrap_err().to_string().contains("`loud=very`"));
}
