//! docs/metrics.md is what the roles really export: every family, its type, its labels and who exports it. With TIDEMILL_TEST_UPDATE=1 the
//! table is written anew.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test may stop at the first surprise, and spawns what it drives"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use tidemill_client::{Client, Context, Failure, RetryPolicy, Task, Worker};
use tidemill_e2e::{Cluster, LIMIT, Role, get, until};
use tokio::{sync::oneshot, time::timeout};

const BEGIN: &str = "<!-- table -->";
const END: &str = "<!-- end of table -->";

/// What is known of a family.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
    roles: BTreeSet<&'static str>,
}

type Families = BTreeMap<String, Family>;

/// Reads an OpenMetrics text into `families`.
fn read(text: &str, role: &'static str, families: &mut Families) {
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            families.entry(name.to_owned()).or_default().help = help.trim_end_matches('.').to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            current = name.to_owned();
            let family = families.entry(current.clone()).or_default();
            assert!(family.kind.is_empty() || family.kind == kind, "{name} has two types");
            family.kind = kind.to_owned();
            family.roles.insert(role);
        } else if !line.starts_with('#') && !line.is_empty() {
            assert!(line.starts_with(&current), "a sample of another family: {line}");
            let labels = line
                .split_once('{')
                .map_or("", |(_, rest)| rest.split_once('}').expect("labels").0);
            let family = families.get_mut(&current).expect("its type came first");
            let names = labels
                .split("\",")
                .filter_map(|label| Some(label.split_once('=')?.0.to_owned()));
            family.labels.extend(names.filter(|name| name != "le"));
        }
    }
    assert!(text.ends_with("# EOF\n"), "cut off");
}

/// The table of docs/metrics.md.
fn table(families: &Families) -> String {
    let mut text = "| name | type | labels | exported by | meaning |\n|---|---|---|---|---|\n".to_owned();
    for (name, family) in families {
        let suffix = match family.kind.as_str() {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let roles: Vec<&str> = family.roles.iter().copied().collect();
        let roles = if roles.len() == 3 {
            "all".to_owned()
        } else {
            roles.join(", ")
        };
        let (kind, labels, help) = (&family.kind, labels.join(", "), &family.help);
        text.push_str(&format!(
            "| `{name}{suffix}` | {kind} | {labels} | {roles} | {help} |\n"
        ));
    }
    text
}

/// Something of everything: tasks that succeed, fail, wait, are cancelled, lose their lease, and calls that the store does not answer.
async fn exercise(cluster: &mut Cluster, client: &Client) {
    let worker = Worker::builder(client)
        .handle("ok", async |task: Context| {
            task.chunk("piece").await?;
            Ok("done")
        })
        .handle("bad", async |_| Err::<(), _>(Failure::permanent("no")));
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = worker.build().expect("a worker");
    let worker = tokio::spawn(worker.run(async { drop(stopped.await) }));
    let once = RetryPolicy::default().max_attempts(1);
    for kind in ["ok", "bad"] {
        let id = client
            .enqueue(Task::new(kind).retry_policy(once))
            .await
            .expect("stored")
            .task_id;
        timeout(LIMIT, client.watch(id).result())
            .await
            .expect("in time")
            .expect("a result");
    }
    client.enqueue(Task::new("nobody")).await.expect("stored");
    let mut unary = cluster.client().worker(0);
    let stale = unary.complete_task(tidemill_proto::v1::CompleteTaskRequest {
        lease_token: lease(cluster, client).await,
        output: None,
    });
    assert!(stale.await.is_err(), "the lease was given back before");
    stop.send(()).expect("it runs");
    worker.await.expect("no panic").expect("in order");
}

/// A lease that does not hold any more.
async fn lease(cluster: &Cluster, client: &Client) -> String {
    client.enqueue(Task::new("unary")).await.expect("stored");
    let mut worker = cluster.client().worker(0);
    let request = tidemill_proto::v1::LeaseTasksRequest {
        kinds: vec!["unary".into()],
        ..Default::default()
    };
    let leased = worker.lease_tasks(request).await.expect("leased").into_inner();
    let token = leased.assignments.first().expect("a task").lease_token.clone();
    let release = tidemill_proto::v1::ReleaseTaskRequest {
        lease_token: token.clone(),
        ..Default::default()
    };
    worker.release_task(release).await.expect("released");
    token
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_is_what_the_roles_export() {
    let mut cluster = Cluster::of(1, 1, 1).start().await;
    let client = cluster
        .rust_client()
        .timeout(Duration::from_secs(2))
        .build()
        .expect("a client");
    exercise(&mut cluster, &client).await;
    // A store that hangs: script calls fail.
    let scraped = async |cluster: &mut Cluster| {
        let mut families = Families::new();
        for (role, name) in [
            (Role::Gateway, "gateway"),
            (Role::Worker, "worker"),
            (Role::Results, "results"),
        ] {
            let admin = cluster.get(role, 0).admin;
            let (_, text) = get(admin, "/metrics").await.expect("a scrape");
            read(&text, name, &mut families);
        }
        families
    };
    cluster.server.kill();
    client.enqueue(Task::new("ok")).await.expect_err("the store is away");
    client
        .result("019a0000-0000-7000-8000-000000000000")
        .await
        .expect_err("the store is away");
    let leased = tidemill_proto::v1::LeaseTasksRequest {
        kinds: vec!["ok".into()],
        ..Default::default()
    };
    cluster
        .client()
        .worker(0)
        .lease_tasks(leased)
        .await
        .expect_err("the store is away");
    cluster.server.resume();
    client.enqueue(Task::new("nobody")).await.expect("it is back");
    client
        .result("019a0000-0000-7000-8000-000000000000")
        .await
        .expect_err("unknown");

    // The depths are read after a scrape.
    scraped(&mut cluster).await;
    let depth = async || {
        let families = scraped(&mut cluster).await;
        families
            .contains_key("tidemill_queue_oldest_task_age_seconds")
            .then_some(families)
    };
    let exported = until("the depths are exported", LIMIT, depth).await;
    assert!(exported.len() > 25, "{} families", exported.len());

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let found = fs::read_to_string(&path).expect("docs/metrics.md");
    let (before, rest) = found.split_once(BEGIN).expect("where the table begins");
    let (_, after) = rest.split_once(END).expect("where the table ends");
    let wanted = format!("{before}{BEGIN}\n\n{}\n{END}{after}", table(&exported));
    if update() {
        fs::write(&path, &wanted).expect("written");
    }
    let found = fs::read_to_string(&path).expect("docs/metrics.md");
    for (found, wanted) in found.lines().zip(wanted.lines()) {
        assert_eq!(
            found, wanted,
            "docs/metrics.md is stale: TIDEMILL_TEST_UPDATE=1 cargo test -p tidemill-e2e --test metrics"
        );
    }
    assert_eq!(found, wanted);
}

fn update() -> bool {
    std::env::var_os("TIDEMILL_TEST_UPDATE").is_some()
}
