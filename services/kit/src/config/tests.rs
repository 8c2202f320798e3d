use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::*;

const DEFAULTS: &str = r#"
# Where Redis is.
[redis]
url = "redis://localhost"
password = ""
pool = 4
ratio = 0.8
[worker]
builtin_kinds = []
ports = [1, 2]
enabled = true
lease = "30s"
max = "256KiB"
labels = {}
[tls]
cert = ""
"#;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    redis: Redis,
    worker: Worker,
    tls: Tls,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Redis {
    url: String,
    password: Secret,
    pool: u32,
    ratio: f64,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Worker {
    builtin_kinds: Vec<String>,
    ports: Vec<u16>,
    enabled: bool,
    lease: HumanDuration,
    max: ByteSize,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    #[serde(deserialize_with = "empty_as_none")]
    cert: Option<PathBuf>,
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn with_env(variables: &[(&str, &str)]) -> Layers {
    Layers::new(DEFAULTS).environment(pairs(variables), CLIENT_VARIABLES)
}

fn problems(layers: &Layers) -> Vec<String> {
    let error = layers.load::<Config>().unwrap_err();
    error.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_alone() {
    let config: Config = Layers::new(DEFAULTS).load().unwrap();
    assert_eq!(config.redis.pool, 4);
    assert_eq!(config.worker.lease.get(), Duration::from_secs(30));
    assert_eq!(config.worker.max.bytes(), 256 * 1024);
    assert_eq!(config.tls.cert, None);
}

#[test]
fn flags_beat_environment_beats_file_in_any_order_of_calls() {
    let file = file("[redis]\npool = 5\nurl = 'redis://file'\npassword = 'f'\n[worker.labels]\na = 'b'\n");
    let layers = Layers::new(DEFAULTS)
        .overrides(pairs(&[("redis.pool", "6"), ("redis.pool", "7")]))
        .environment(
            pairs(&[
                ("TIDEMILL_REDIS_POOL", "8"),
                ("TIDEMILL_REDIS_URL", "redis://env"),
                ("HOME", "/"),
            ]),
            &[],
        )
        .file(file.path());
    let config: Config = layers.load().unwrap();
    assert_eq!(config.redis.pool, 7);
    assert_eq!(config.redis.url, "redis://env");
    assert_eq!(config.redis.password.expose(), "f");
    assert_eq!(config.worker.labels["a"], "b");
    assert_eq!(layers.source_of("redis.pool"), Some(Source::Flag));
    assert_eq!(layers.source_of("redis.ratio"), Some(Source::Defaults));
    assert_eq!(layers.source_of("redis.nothing"), None);
}

#[test]
fn texts_are_read_as_the_type_of_the_default() {
    let config: Config = with_env(&[
        ("TIDEMILL_WORKER_BUILTIN_KINDS", "echo, sleep,"),
        ("TIDEMILL_WORKER_PORTS", "[7, 8]"),
        ("TIDEMILL_WORKER_ENABLED", "false"),
        ("TIDEMILL_REDIS_RATIO", "1"),
        ("TIDEMILL_WORKER_LEASE", "500ms"),
        ("TIDEMILL_TLS_CERT", "/x.pem"),
        ("TIDEMILL_REDIS_PASSWORD", "007"),
        ("TIDEMILL_WORKER_LABELS", "{ zone = 'a' }"),
    ])
    .load()
    .unwrap();
    assert_eq!(config.worker.builtin_kinds, ["echo", "sleep"]);
    assert_eq!(config.worker.ports, [7, 8]);
    assert!(!config.worker.enabled);
    assert!((config.redis.ratio - 1.0).abs() < f64::EPSILON);
    assert_eq!(config.worker.lease.get(), Duration::from_millis(500));
    assert_eq!(config.tls.cert, Some(PathBuf::from("/x.pem")));
    assert_eq!(config.redis.password.expose(), "007");
    assert_eq!(config.worker.labels["zone"], "a");
    let config: Config = with_env(&[("TIDEMILL_WORKER_PORTS", ""), ("TIDEMILL_WORKER_BUILTIN_KINDS", "[]")])
        .load()
        .unwrap();
    assert!(config.worker.ports.is_empty() && config.worker.builtin_kinds.is_empty());
}

#[test]
fn unknown_names_are_named_with_their_source_and_neighbour() {
    let file = file("[redis]\nulr = 'x'\n[wrker]\nlease = '1s'\n[empty]\n");
    let layers = Layers::new(DEFAULTS)
        .file(file.path())
        .environment(pairs(&[("TIDEMILL_REDIS_POOOL", "1")]), CLIENT_VARIABLES)
        .overrides(pairs(&[("worker.leese", "1s")]));
    let path = file.path().display();
    let mut found = problems(&layers);
    found.sort();
    assert_eq!(
        found,
        [
            "unknown key `TIDEMILL_REDIS_POOOL` (environment variable TIDEMILL_REDIS_POOOL); did you mean `TIDEMILL_REDIS_POOL`?".to_owned(),
            format!("unknown key `empty` (file {path}); did you mean `redis.pool`?"),
            format!("unknown key `redis.ulr` (file {path}); did you mean `redis.url`?"),
            "unknown key `worker.leese` (command line); did you mean `worker.lease`?".to_owned(),
            format!("unknown key `wrker.lease` (file {path}); did you mean `worker.lease`?"),
        ]
    );
}

#[test]
fn client_variables_are_ignored_and_others_are_not() {
    let ours = [
        "TIDEMILL_URL",
        "TIDEMILL_RESULTS_URL",
        "TIDEMILL_WORKER_URL",
        "TIDEMILL_CA",
        "TIDEMILL_CERT",
        "TIDEMILL_CERT_KEY",
        "TIDEMILL_TOKEN",
        "TIDEMILL_TOKEN_FILE",
        "TIDEMILL_CONFIG",
        "TIDEMILL_TEST_X",
    ];
    let variables: Vec<_> = ours.iter().map(|name| (*name, "x")).collect();
    with_env(&variables).load::<Config>().unwrap();
    assert_eq!(problems(&with_env(&[("TIDEMILL_URLS", "x")])).len(), 1);
}

#[test]
fn wrong_types_are_all_reported() {
    let file = file("worker = 3\n[redis]\nurl = 1\npool = 'x'\nratio = { a = 1 }\n[tls.cert]\nx = 1\n");
    let path = file.path().display();
    assert_eq!(
        problems(&Layers::new(DEFAULTS).file(file.path())),
        [
            format!("`redis.pool` must be an integer (file {path})"),
            format!("`redis.ratio` must be a number (file {path})"),
            format!("`redis.url` must be a string (file {path})"),
            format!("`tls.cert` must be a string (file {path})"),
            format!("`worker` must be a table (file {path})"),
        ]
    );
    assert_eq!(
        problems(&with_env(&[
            ("TIDEMILL_REDIS_POOL", "many"),
            ("TIDEMILL_WORKER_ENABLED", "yes"),
            ("TIDEMILL_WORKER_PORTS", "1,x"),
            ("TIDEMILL_WORKER_LABELS", "a"),
        ])),
        [
            "`redis.pool` must be an integer (environment variable TIDEMILL_REDIS_POOL)",
            "`worker.enabled` must be true or false (environment variable TIDEMILL_WORKER_ENABLED)",
            "`worker.labels` must be a table (environment variable TIDEMILL_WORKER_LABELS)",
            "`worker.ports` must be an array (environment variable TIDEMILL_WORKER_PORTS)",
        ]
    );
}

#[test]
fn refused_values_are_all_named() {
    let layers = with_env(&[("TIDEMILL_WORKER_LEASE", "30"), ("TIDEMILL_WORKER_MAX", "1KB")])
        .overrides(pairs(&[("redis.pool", "-1")]));
    let found = problems(&layers);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(
        found[0].starts_with("`redis.pool` is not valid (command line): "),
        "{found:?}"
    );
    assert!(
        found[1].starts_with(
            "`worker.lease` is not valid (environment variable TIDEMILL_WORKER_LEASE): `30` is not a duration"
        ),
        "{found:?}"
    );
    assert!(found[2].contains("`1KB` is not a size"), "{found:?}");
}

#[test]
fn unreadable_and_broken_files() {
    assert!(
        problems(&Layers::new(DEFAULTS).file("/nonexistent/x.toml"))[0]
            .starts_with("cannot read the configuration file /nonexistent/x.toml: ")
    );
    let broken = file("[redis\n");
    let found = problems(&Layers::new(DEFAULTS).file(broken.path()));
    assert!(
        found[0].starts_with("not valid TOML (file ") && found[0].contains("line 1"),
        "{found:?}"
    );
}

#[test]
fn bad_defaults_are_our_bug_and_say_so() {
    assert!(problems(&Layers::new("[redis")).concat().contains("built-in defaults"));
    assert!(problems(&Layers::new("a = 1"))[0].starts_with("built-in defaults do not fit: "));
    assert!(problems(&Layers::new("a-b = 1\na_b = 1"))[0].contains("share one environment variable"));
}

#[test]
fn many_problems_are_one_error_with_a_line_each() {
    let error = with_env(&[("TIDEMILL_A", ""), ("TIDEMILL_B", "")])
        .load::<Config>()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("configuration: 2 problems\n  - unknown key"), "{text}");
    assert!(ConfigError::rule("x").to_string().starts_with("configuration: x"));
    assert_eq!(ConfigError::from_problems(Vec::new()), None);
}

#[test]
fn the_effective_configuration_shows_sources_and_hides_secrets() {
    let layers = with_env(&[
        ("TIDEMILL_REDIS_PASSWORD", "hunter2"),
        ("TIDEMILL_REDIS_URL", "redis://me:hunter2@host/1"),
        ("TIDEMILL_REDIS_POOL", "9"),
        ("TIDEMILL_WORKER_LABELS", "{ api_secret = 'hunter2' }"),
    ]);
    let text = layers.effective_toml();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(
        text.contains("password = \"***\"  # environment variable TIDEMILL_REDIS_PASSWORD\n"),
        "{text}"
    );
    assert!(text.contains("url = \"redis://me:***@host/1\""), "{text}");
    assert!(
        text.contains("pool = 9  # environment variable TIDEMILL_REDIS_POOL\n"),
        "{text}"
    );
    assert!(text.contains("lease = \"30s\"\n"), "{text}");
    // It is a configuration file again.
    assert!(text.parse::<toml::Table>().is_ok(), "{text}");
    assert!(Layers::new(DEFAULTS).effective_toml().contains("password = \"\"\n"));
}

#[test]
fn secrets_do_not_show() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret:?}"), "Secret(***)");
    assert!(!secret.is_empty() && Secret::default().is_empty());
}

#[test]
fn units_round_trip_and_refuse_what_is_ambiguous() {
    for text in ["500ms", "30s", "10m", "23h", "30d", "90s"] {
        assert_eq!(text.parse::<HumanDuration>().unwrap().to_string(), text);
    }
    assert_eq!("0".parse::<HumanDuration>().unwrap(), HumanDuration::default());
    assert_eq!("24h".parse::<HumanDuration>().unwrap(), "1440m".parse().unwrap());
    for text in [
        "",
        "30",
        "s",
        "1.5s",
        "-1s",
        "1 week",
        "99999999999999999999d",
        "9999999999999999d",
    ] {
        assert!(text.parse::<HumanDuration>().is_err(), "{text}");
    }
    for text in ["512B", "256KiB", "1MiB", "2GiB", "1TiB", "0"] {
        assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
    }
    assert_eq!("1024".parse::<ByteSize>().unwrap().to_string(), "1KiB");
    for text in ["", "1KB", "1k", "-1", "KiB", "99999999999TiB"] {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }
    assert_eq!(toml::Value::Integer(7).try_into::<ByteSize>().unwrap(), ByteSize(7));
    assert!(toml::Value::Integer(-7).try_into::<ByteSize>().is_err());
}
