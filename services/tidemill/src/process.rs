//! One process: from checked settings to an exit.

use std::{fmt, net::SocketAddr, time::Duration};

use tidemill_kit::{
    admin,
    config::ConfigError,
    grpc::{self, ServerContext},
    shutdown,
    supervisor::{OnError, OnStop, TaskPolicy},
    telemetry,
    trace::Tracing,
};
use tidemill_store::{OpenError, Store, StoreError};
use tokio::{
    net::TcpListener,
    time::{Instant, timeout_at},
};

use crate::{
    args::Role,
    roles::{Port, Roles},
    settings::Settings,
};

/// Readiness condition: the store answers and is the right one.
const REDIS: &str = "redis";
/// How often the store is asked whether it is still there and still the same.
const IDENTITY_INTERVAL: Duration = Duration::from_secs(5);
/// Waits between attempts to open the store.
const OPEN_BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Added to the grace for the hard timeout of the whole shutdown.
const LAST_WAIT: Duration = Duration::from_secs(10);
/// What ends by itself gets this long even if the drain used up the grace.
const LEAST_WAIT: Duration = Duration::from_secs(2);

/// The receiver of spans gets this long for the last ones.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Why the process ends with an error.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is wrong, or the server cannot keep what it promises: trying again is of no use.
    Config(String),
    /// A part failed, or did not end.
    Failed(String),
    /// What was asked for cannot be printed or written.
    Output(String),
    /// The reader of stdout went away: no reason to complain.
    Closed,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 78,
            Self::Failed(_) => 1,
            Self::Output(_) => 74,
            Self::Closed => 141,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(text) | Self::Failed(text) | Self::Output(text) => f.write_str(text),
            Self::Closed => f.write_str("stdout was closed by its reader"),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error.to_string())
    }
}

/// Ports that are bound before anything else is tried, so that a busy one is told at once.
pub(crate) struct Bound {
    pub(crate) ports: Vec<(Port, TcpListener)>,
    admin: TcpListener,
}

/// Binds one port for each set of roles that share one, and the admin port.
pub(crate) async fn bind(ports: Vec<Port>, admin: (SocketAddr, &str)) -> Result<Bound, Failure> {
    let failed = |error: grpc::BindError| Failure::Failed(error.to_string());
    let mut bound = Vec::new();
    for port in ports {
        let listener = grpc::bind(port.listen, port.key).await.map_err(failed)?;
        bound.push((port, listener));
    }
    Ok(Bound {
        ports: bound,
        admin: grpc::bind(admin.0, admin.1).await.map_err(failed)?,
    })
}

/// Runs roles, each on its own port, until a signal or a failure.
pub(crate) async fn run(roles: &[Role], settings: &Settings) -> Result<(), Failure> {
    telemetry::init(&settings.log).map_err(|error| Failure::Config(error.to_string()))?;
    let bound = bind(Port::each(roles, settings), Port::admin(roles, settings)).await?;
    let context = ServerContext::standalone().with_tracing(tracing(roles)?);
    shutdown::listen_for_signals(&context.shutdown, &context.supervisor)
        .map_err(|error| Failure::Failed(format!("cannot listen for signals: {error}")))?;
    serve(roles, settings, bound, &context, |_| {}).await
}

/// Where spans go, by OpenTelemetry's own variables.
pub(crate) fn tracing(roles: &[Role]) -> Result<Tracing, Failure> {
    let service = match roles {
        [role] => format!("tidemill-{role:?}").to_lowercase(),
        _ => "tidemill".to_owned(),
    };
    Tracing::from_environment(&service).map_err(|error| Failure::Config(error.to_string()))
}

/// Serves until the shutdown begins, then drains. `serving` is told the addresses once everything runs.
pub(crate) async fn serve(
    roles: &[Role],
    settings: &Settings,
    bound: Bound,
    context: &ServerContext,
    serving: impl FnOnce(&[SocketAddr]),
) -> Result<(), Failure> {
    context.health.declare(REDIS);
    let Bound { ports, admin } = bound;
    let admin_context = context.clone();
    let policy = TaskPolicy {
        on_error: OnError::Shutdown,
        on_stop: OnStop::Abort,
    };
    context.supervisor.spawn(policy, "admin port", async move {
        admin::serve(admin, &admin_context).await
    });

    let Some(store) = open(settings, context).await? else {
        return finish(Instant::now(), context).await;
    };
    store.measure(&context.metrics);
    watch_identity(&store, context);
    let roles = Roles::start(roles, settings, &store, context);
    let mut addresses = Vec::new();
    for (port, listener) in ports {
        addresses.extend(listener.local_addr());
        let routes = roles
            .routes(&port, settings, context)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let grpc_config = settings.grpc(port.listen);
        let (context, grace) = (context.clone(), settings.shutdown.grace.get());
        let policy = TaskPolicy {
            on_error: OnError::Shutdown,
            on_stop: OnStop::Wait,
        };
        context.clone().supervisor.spawn(policy, "gRPC port", async move {
            grpc::serve(listener, routes, &grpc_config, &context, grace)
                .await
                .map(drop)
        });
    }
    if addresses.is_empty() {
        // Maintenance alone has no port whose opening would say so.
        context.health.set_ready(tidemill_kit::health::SERVING);
    }
    serving(&addresses);
    context.shutdown.requested().await;
    let deadline = Instant::now() + settings.shutdown.grace.get();
    exit_late(settings.shutdown.grace.get() + LAST_WAIT);
    if timeout_at(deadline, roles.drain()).await.is_err() {
        tracing::warn!("the roles did not drain within shutdown.grace");
    }
    finish(deadline, context).await
}

/// The hard timeout of the whole shutdown, on a thread of its own: it works even if the runtime is stuck.
fn exit_late(after: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(after);
        eprintln!("tidemill: the shutdown did not end in time; giving up");
        std::process::exit(1);
    });
}

/// Opens the store; waits for a server that is not there yet. `None`: told to stop meanwhile.
async fn open(settings: &Settings, context: &ServerContext) -> Result<Option<Store>, Failure> {
    let (mut wait, longest) = OPEN_BACKOFF;
    loop {
        let attempt = tokio::select! {
            attempt = Store::open(&settings.redis, settings.rules(), &context.supervisor) => attempt,
            () = context.shutdown.requested() => return Ok(None),
        };
        let error: OpenError = match attempt {
            Ok(store) => {
                context.health.set_ready(REDIS);
                return Ok(Some(store));
            }
            Err(error) => error,
        };
        if !error.is_passing() {
            return Err(Failure::Config(error.to_string()));
        }
        tracing::warn!(%error, retry_in = ?wait, "cannot open the store yet");
        context.health.set_not_ready(REDIS, "the store cannot be reached");
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(longest),
            () = context.shutdown.requested() => return Ok(None),
        }
    }
}

/// Keeps readiness true to the store, and ends the process when it is no longer the one that was opened: nothing that it would say or
/// store from then on could be trusted.
fn watch_identity(store: &Store, context: &ServerContext) {
    let (store, health) = (store.clone(), context.health.clone());
    let policy = TaskPolicy {
        on_error: OnError::Shutdown,
        on_stop: OnStop::Abort,
    };
    context.supervisor.spawn(policy, "store identity", async move {
        loop {
            tokio::time::sleep(IDENTITY_INTERVAL).await;
            match store.check_identity().await {
                Ok(()) => health.set_ready(REDIS),
                Err(StoreError::Changed) => {
                    health.set_not_ready(REDIS, "the store has another identity");
                    return Err(StoreError::Changed);
                }
                Err(error) => health.set_not_ready(REDIS, error.to_string()),
            }
        }
    });
}

/// Ends the background futures by the deadline that the drain had, too.
async fn finish(deadline: Instant, context: &ServerContext) -> Result<(), Failure> {
    let left = deadline.saturating_duration_since(Instant::now()).max(LEAST_WAIT);
    let report = context.supervisor.shutdown(left).await;
    let tracing = context.tracing.clone();
    // Blocks until the receiver has answered, so it must not hold a thread of the runtime.
    let sent = tokio::task::spawn_blocking(move || tracing.finish(LAST_SPANS));
    if timeout_at(Instant::now() + LAST_SPANS, sent).await.is_err() {
        tracing::warn!("the last spans were not sent in time");
    }
    if report.is_clean() {
        tracing::info!("stopped");
        return Ok(());
    }
    Err(Failure::Failed(match report.failure {
        Some(failure) => failure,
        None => format!("did not end within shutdown.grace: {}", report.left.join(", ")),
    }))
}
