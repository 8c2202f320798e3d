//! `tidemill dev`: every role in one process, with a private server of its own.

mod append_log;
mod lock;
mod server;

use std::{net::SocketAddr, path::Path};

use tidemill_kit::{
    config::Source,
    grpc::ServerContext,
    shutdown,
    supervisor::{OnError, OnStop, TaskPolicy},
    telemetry,
};

use crate::{
    args::{DevArgs, Role},
    process::{self, Failure},
    roles::Port,
    settings::{self, Settings},
};
use lock::DataLock;
use server::PrivateServer;

pub(crate) async fn run(args: DevArgs) -> Result<(), Failure> {
    // Flags of the user come last and win.
    let mut flags = Vec::new();
    let chosen = settings::layers(args.config.config.as_deref(), &args.config.set).source_of("worker.builtin_kinds");
    if chosen == Some(Source::Defaults) {
        flags.push(("worker.builtin_kinds".to_owned(), "echo,sleep,fail".to_owned()));
    }
    if let Some(url) = &args.redis_url {
        flags.push(("redis.url".to_owned(), url.clone()));
    }
    flags.extend(args.config.set.iter().cloned());
    let settings = Settings::load(&settings::layers(args.config.config.as_deref(), &flags))?;
    telemetry::init(&settings.log).map_err(|error| Failure::Config(error.to_string()))?;
    let bound = process::bind(vec![Port::all(&settings)], Port::admin(&[Role::Gateway], &settings)).await?;
    // Before the private server starts: a signal from here on must not leave it behind.
    let context = ServerContext::standalone().with_tracing(process::tracing(&[])?);
    shutdown::listen_for_signals(&context.shutdown, &context.supervisor)
        .map_err(|error| Failure::Failed(format!("cannot listen for signals: {error}")))?;
    if args.redis_url.is_some() {
        return serve(&settings, bound, &args, &context, None).await;
    }
    let _lock = DataLock::take(&args.data)?;
    let mut server = PrivateServer::start(&args.data, args.redis_server.as_deref()).await?;
    let ready = tokio::select! {
        ready = server.ready() => ready,
        () = context.shutdown.requested() => {
            server.stop().await;
            return Ok(());
        }
    };
    ready?;
    flags.push(("redis.url".to_owned(), server.url()));
    let settings = Settings::load(&settings::layers(args.config.config.as_deref(), &flags))?;
    let served = serve(&settings, bound, &args, &context, Some(&mut server)).await;
    // After the roles: they settle to it until the end.
    server.stop().await;
    served
}

async fn serve(
    settings: &Settings,
    bound: process::Bound,
    args: &DevArgs,
    context: &ServerContext,
    server: Option<&mut PrivateServer>,
) -> Result<(), Failure> {
    let serving = |addresses: &[SocketAddr]| {
        if let Some(address) = addresses.first() {
            announce(context, *address, &args.data, args.demo);
        }
    };
    let roles = process::serve(
        &[Role::Gateway, Role::Worker, Role::Results],
        settings,
        bound,
        context,
        serving,
    );
    let Some(server) = server else { return roles.await };
    tokio::select! {
        ended = roles => ended,
        status = server.died() => {
            // Nothing can be settled any more: a long drain would only hide the cause.
            tracing::error!(status, log = %server.log().display(), "the private server ended");
            Err(Failure::Failed(format!("the private server ended ({status}); see {}", server.log().display())))
        }
    }
}

fn announce(context: &ServerContext, address: SocketAddr, data: &Path, demo: bool) {
    let url = format!("http://{address}");
    tracing::info!(url, data = %data.display(), "tidemill dev is serving; Ctrl-C ends it");
    if demo {
        let policy = TaskPolicy {
            on_error: OnError::Log,
            on_stop: OnStop::Abort,
        };
        context.supervisor.spawn(policy, "demo", async move {
            let shown = tidemill_cli::demo::demo(&url, &mut std::io::stdout()).await;
            shown.map_err(|error| format!("the demo failed: {error}"))
        });
    }
}
