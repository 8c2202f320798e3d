//! What cannot work is refused at the start, with words that say what to change.

use std::{path::Path, process::Command, time::Duration};

use tempfile::TempDir;
use tidemill_e2e::{Cluster, LIMIT, Process, Role, TestServer, binary, environment, free_port, get, until};

/// Settings, and words that must be said about them.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

/// Starts a role, waits for its end, and answers with its exit code and what it wrote.
async fn refused(folder: &Path, role: &str, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(binary("tidemill"));
    command.arg(role);
    for key in ["listen", "admin_listen"] {
        command.env(
            environment(&format!("{role}.{key}")),
            format!("127.0.0.1:{}", free_port()),
        );
    }
    command.envs(settings.iter().map(|(key, value)| (environment(key), *value)));
    let mut process = Process::spawn(role, command, &folder.join(format!("{role}-{}.log", free_port())));
    let status = process.wait(Duration::from_secs(30)).await;
    (status.code(), process.log())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_keep_the_promise_is_refused() {
    let folder = TempDir::new().unwrap();
    let cases: [Case; 4] = [
        (
            &[("maxmemory-policy", "allkeys-lru")],
            &["CONFIG SET maxmemory-policy noeviction"],
        ),
        (
            &[("appendfsync", "everysec")],
            &["CONFIG SET appendfsync always", "strict"],
        ),
        (&[("appendonly", "no")], &["CONFIG SET appendonly yes"]),
        // All that is wrong is said at once.
        (
            &[
                ("maxmemory-policy", "volatile-lru"),
                ("appendfsync", "no"),
                ("maxmemory", "0"),
            ],
            &[
                "CONFIG SET maxmemory-policy noeviction",
                "CONFIG SET appendfsync always",
                "CONFIG SET maxmemory",
            ],
        ),
    ];
    for (settings, mends) in cases {
        let server = TestServer::start_with(settings);
        for role in ["gateway", "worker", "results"] {
            let (code, log) = refused(folder.path(), role, &[("redis.url", &server.url())]).await;
            assert_eq!(code, Some(78), "{role} with {settings:?}: {log}");
            for mend in mends {
                assert!(
                    log.contains(mend),
                    "`{mend}` is not said by {role} with {settings:?}: {log}"
                );
            }
        }
        assert_eq!(
            server.ask("DBSIZE").as_deref(),
            Some(":0"),
            "a refused process leaves no trace"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_the_server_refuses_are_named() {
    let (folder, server) = (TempDir::new().unwrap(), TestServer::start());
    // One that has no password at all.
    let cases: [Case; 1] = [(&[("redis.password", "any")], &["redis.password", "none"])];
    check_credentials(folder.path(), &server, &cases).await;
    assert_eq!(server.ask("CONFIG SET requirepass right").as_deref(), Some("+OK"));
    let cases: [Case; 3] = [
        (&[], &["redis.password", "NOAUTH"]),
        (&[("redis.password", "wrong")], &["redis.password", "WRONGPASS"]),
        (
            &[("redis.username", "nobody"), ("redis.password", "right")],
            &["redis.username", "WRONGPASS"],
        ),
    ];
    check_credentials(folder.path(), &server, &cases).await;
}

async fn check_credentials(folder: &Path, server: &TestServer, cases: &[Case]) {
    let url = server.url();
    for (settings, words) in cases {
        for role in ["gateway", "worker", "results"] {
            let settings: Vec<_> = [("redis.url", url.as_str())]
                .into_iter()
                .chain(settings.to_vec())
                .collect();
            let (code, log) = refused(folder, role, &settings).await;
            assert_eq!(code, Some(78), "{role} with {settings:?}: {log}");
            for word in *words {
                assert!(log.contains(word), "`{word}` is not said with {settings:?}: {log}");
            }
        }
    }
}

/// A password that changes is no mistake of a process that runs: it waits for the server to take it in again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_process_outlives_a_change_of_the_password() {
    let mut cluster = Cluster::of(1, 0, 0).start().await;
    assert_eq!(cluster.server.ask("CONFIG SET requirepass new").as_deref(), Some("+OK"));
    let admin = cluster.get(Role::Gateway, 0).admin;
    let _ = cluster.server.ask("AUTH new\r\nCLIENT KILL TYPE normal");
    let readiness = async || get(admin, "/readyz").await.ok().map(|(status, _)| status);
    until("it is not ready", LIMIT, async || {
        (readiness().await == Some(503)).then_some(())
    })
    .await;
    let _ = cluster.server.ask("AUTH new\r\nCONFIG SET requirepass \"\"");
    cluster.wait_ready().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_port_is_named_by_its_key() {
    let (folder, server) = (TempDir::new().unwrap(), TestServer::start());
    let busy = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = busy.local_addr().unwrap().to_string();
    for (role, key) in [
        ("gateway", "gateway.listen"),
        ("worker", "worker.listen"),
        ("results", "results.listen"),
        ("gateway", "gateway.admin_listen"),
        ("worker", "worker.admin_listen"),
        ("results", "results.admin_listen"),
    ] {
        let (code, log) = refused(folder.path(), role, &[("redis.url", &server.url()), (key, &address)]).await;
        assert!(code.is_some_and(|code| code != 0), "{role}: {code:?}");
        assert!(
            log.contains(key) && log.contains(&address),
            "{role} does not name `{key}` and {address}: {log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_configuration_is_named() {
    let folder = TempDir::new().unwrap();
    let cases: [Case; 4] = [
        (
            &[("redis.ulr", "redis://localhost")],
            &["TIDEMILL_REDIS_ULR", "TIDEMILL_REDIS_URL"],
        ),
        (&[("redis.url", "http://localhost")], &["redis.url"]),
        (
            &[("rules.crash_limit", "0"), ("defaults.max_attempts", "101")],
            &["rules.crash_limit", "defaults.max_attempts"],
        ),
        (&[("tls.cert", "/nonexistent.pem")], &["tls.key"]),
    ];
    for (settings, names) in cases {
        let (code, log) = refused(folder.path(), "gateway", settings).await;
        assert_eq!(code, Some(78), "{settings:?}: {log}");
        for name in names {
            assert!(log.contains(name), "`{name}` is not named with {settings:?}: {log}");
        }
    }
}
