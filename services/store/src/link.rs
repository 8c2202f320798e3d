//! One shared connection that comes back by itself.
//!
//! Commands of many callers are pipelined over it. It is never blocked (waiting commands have connections of their own) and a command
//! in flight is never cancelled: the callers run it in a supervised future of its own, so that replies cannot cross.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, aio::MultiplexedConnection};
use tokio::sync::Mutex;

use crate::error::StoreError;

/// After a failed attempt to connect, callers within this time get the same answer without another attempt.
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Link {
    client: Client,
    connect_timeout: Duration,
    command_timeout: Duration,
    state: Mutex<State>,
    reconnects: AtomicU64,
}

#[derive(Default)]
struct State {
    connection: Option<(u64, MultiplexedConnection)>,
    generation: u64,
    failed: Option<(Instant, String)>,
}

impl Link {
    pub(crate) fn new(client: Client, connect_timeout: Duration, command_timeout: Duration) -> Self {
        Self {
            client,
            connect_timeout,
            command_timeout,
            state: Mutex::default(),
            reconnects: AtomicU64::new(0),
        }
    }

    /// Number of connections made so far.
    pub(crate) fn connections(&self) -> u64 {
        self.reconnects.load(Ordering::Relaxed)
    }

    /// A connection for blocking commands: its answers may take as long as they like.
    pub(crate) async fn dedicated(&self) -> Result<MultiplexedConnection, StoreError> {
        self.connect(None).await.map_err(StoreError::Unavailable)
    }

    async fn connect(&self, response_timeout: Option<Duration>) -> Result<MultiplexedConnection, String> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(response_timeout);
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|e| e.to_string())
    }

    async fn get(&self) -> Result<(u64, MultiplexedConnection), StoreError> {
        let mut state = self.state.lock().await;
        if let Some(found) = &state.connection {
            return Ok(found.clone());
        }
        if let Some((at, reason)) = &state.failed
            && at.elapsed() < RECONNECT_PAUSE
        {
            return Err(StoreError::Unavailable(reason.clone()));
        }
        match self.connect(Some(self.command_timeout)).await {
            Ok(connection) => {
                state.generation += 1;
                state.failed = None;
                let made = (state.generation, connection);
                state.connection = Some(made.clone());
                self.reconnects.fetch_add(1, Ordering::Relaxed);
                Ok(made)
            }
            Err(reason) => {
                state.failed = Some((Instant::now(), reason.clone()));
                Err(StoreError::Unavailable(reason))
            }
        }
    }

    /// Gives up the connection of this generation, so that the next command makes a new one.
    pub(crate) async fn drop_connection(&self, generation: u64) {
        let mut state = self.state.lock().await;
        if state
            .connection
            .as_ref()
            .is_some_and(|(current, _)| *current == generation)
        {
            state.connection = None;
        }
    }

    /// Runs one command. Also answers which connection it went over.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<(u64, T), redis::RedisError> {
        let (generation, mut connection) = self.get().await.map_err(refusal)?;
        match command.query_async(&mut connection).await {
            Ok(value) => Ok((generation, value)),
            Err(error) => Err(self.after(generation, error).await),
        }
    }

    /// Runs a pipeline.
    pub(crate) async fn run_all<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, StoreError> {
        let (generation, mut connection) = self.get().await?;
        match pipeline.query_async(&mut connection).await {
            Ok(value) => Ok(value),
            Err(error) => Err(judge(&self.after(generation, error).await)),
        }
    }

    /// Runs one command whose caller needs no more than its answer.
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        self.run(command)
            .await
            .map(|(_, value)| value)
            .map_err(|error| judge(&error))
    }

    async fn after(&self, generation: u64, error: redis::RedisError) -> redis::RedisError {
        // After a timeout the answer may still come; on a new connection it cannot be taken for another's.
        if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() {
            self.drop_connection(generation).await;
        }
        error
    }
}

const REFUSED: &str = "not connected";

/// Wraps "not connected" so that it travels as a `RedisError` next to the server's own.
fn refusal(error: StoreError) -> redis::RedisError {
    (redis::ErrorKind::Client, REFUSED, error.to_string()).into()
}

/// What an error of [`Link::run`] means.
pub(crate) fn judge(error: &redis::RedisError) -> StoreError {
    let text = error.to_string();
    if error.kind() == redis::ErrorKind::Client && text.starts_with(REFUSED) {
        return StoreError::Unavailable(text);
    }
    StoreError::from_sent(error)
}
