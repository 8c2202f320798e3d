//! Why a server cannot be reached: is it away, or does it not take our credentials?
//!
//! Both look the same to a connection that is made anew again and again: the client library says "authentication failed" also when the
//! server was full. A server that is away is worth waiting for; a wrong password at the start is a mistake in the configuration.

use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, RedisError};
use tidemill_kit::config::ConfigError;

use crate::config::RedisConfig;

/// What the server says of the credentials, if it refuses them. Anything else, and a server that cannot be asked, is none.
pub(crate) async fn refused(config: &RedisConfig) -> Option<ConfigError> {
    let error = present(config).await.err()?;
    let mend = match error.code()? {
        "NOAUTH" => "the server wants a password and none is set",
        "WRONGPASS" => "the server refuses the credentials",
        "ERR" if error.detail().is_some_and(|text| text.contains("without any password")) => {
            "a password is set and the server has none"
        }
        _ => return None,
    };
    let said = format!(
        "{} {}",
        error.code().unwrap_or_default(),
        error.detail().unwrap_or_default()
    );
    Some(ConfigError::rule(format!(
        "redis.url, redis.username, redis.password or redis.password_file: {mend}: {said}"
    )))
}

/// Shows the credentials in a command of its own, whose answer is the server's own words.
async fn present(config: &RedisConfig) -> Result<(), RedisError> {
    let unreadable = |error: ConfigError| RedisError::from((redis::ErrorKind::Client, "config", error.to_string()));
    let info = config.connection_info().map_err(unreadable)?;
    let (username, password) = (info.redis_settings().username(), info.redis_settings().password());
    let show = match (username, password) {
        (Some(username), Some(password)) => command(&["AUTH", username, password]),
        (None, Some(password)) => command(&["AUTH", password]),
        (_, None) => command(&["PING"]),
    };
    let nobody = info.clone().set_redis_settings(RedisConnectionInfo::default());
    let timeouts = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(config.connect_timeout.0))
        .set_response_timeout(Some(config.command_timeout.0));
    let client = config.client_of(nobody).map_err(unreadable)?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&timeouts).await?;
    show.query_async(&mut connection).await
}

fn command(words: &[&str]) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    command
}
