//! Identifiers. Constructing one is validating it, so a value of these types can enter a key name.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Longest queue name or kind, in bytes.
pub const NAME_MAX_BYTES: usize = 128;
/// Longest namespace, in bytes.
pub const NAMESPACE_MAX_BYTES: usize = 64;
/// Number of routes that the 12 `rand_a` bits of a task id can name; the number of shards divides it.
pub const ROUTES: u16 = 1 << 12;

/// Why a string is not a valid identifier. The text names the rule, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a queue name or kind.
    #[error("must match [A-Za-z0-9][A-Za-z0-9._-]{{0,127}}")]
    Name,
    /// Not a namespace.
    #[error("must match [a-z0-9][a-z0-9_-]{{0,63}}")]
    Namespace,
    /// Not a task id.
    #[error("must be a task id: a UUID of version 7 in its hyphenated form")]
    TaskId,
    /// Not a lease token.
    #[error("must be a lease token as it was handed out")]
    LeaseToken,
}

/// Name of a queue, or a kind: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// Validates the text.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let bytes = text.as_bytes();
        let starts_well = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
        let all_known = bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if starts_well && all_known && bytes.len() <= NAME_MAX_BYTES {
            Ok(Self(text.into()))
        } else {
            Err(IdError::Name)
        }
    }

    /// `default`, the queue of requests that name none.
    pub fn default_queue() -> Self {
        Self("default".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A tenant boundary, taken from the caller's credential, never from a request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Arc<str>);

impl Namespace {
    /// Validates the text.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let bytes = text.as_bytes();
        let starts_well = bytes
            .first()
            .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let all_known = bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
        if starts_well && all_known && bytes.len() <= NAMESPACE_MAX_BYTES {
            Ok(Self(text.into()))
        } else {
            Err(IdError::Namespace)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Namespace {
    /// `default`, the namespace of everybody while authentication is off.
    fn default() -> Self {
        Self("default".into())
    }
}

macro_rules! text_traits {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &self.0)
            }
        }
    };
}
text_traits!(Name);
text_traits!(Namespace);

/// The route of a queue: the first 12 bits of SHA-256(namespace, 0, queue). A task's id carries it, so that the shard of a task
/// (`route mod S`) is found from the id alone and survives a change of S.
pub fn route(namespace: &Namespace, queue: &Name) -> u16 {
    let digest = Sha256::new()
        .chain_update(namespace.as_str())
        .chain_update([0])
        .chain_update(queue.as_str())
        .finalize();
    (u16::from(digest[0]) << 4) | u16::from(digest[1] >> 4)
}

/// Id of a task: a UUIDv7 (RFC 9562) whose 12 `rand_a` bits are the [`route`] of its queue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(Uuid);

impl TaskId {
    /// Makes an id from the time (Unix milliseconds), the route and 64 random bits, of which 62 are used.
    pub fn new(unix_ms: u64, route: u16, random: u64) -> Self {
        let high = (unix_ms << 16) | 0x7000 | u64::from(route % ROUTES);
        let low = (random >> 2) | (0b10 << 62);
        Self(Uuid::from_u64_pair(high, low))
    }

    /// When it was made, in Unix ms: the time in its first 48 bits, which the gateway took from the store's clock.
    #[must_use]
    pub fn created_ms(&self) -> u64 {
        self.as_bytes()
            .iter()
            .take(6)
            .fold(0, |ms, byte| (ms << 8) | u64::from(*byte))
    }

    /// The id as stored: 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads what [`TaskId::as_bytes`] gave. Anything that is not a UUIDv7 is refused.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
        let uuid = Uuid::from_slice(bytes).map_err(|_| IdError::TaskId)?;
        Self::checked(uuid)
    }

    /// The route of the task's queue, below [`ROUTES`].
    pub fn route(&self) -> u16 {
        let bytes = self.0.as_bytes();
        (u16::from(bytes[6] & 0x0f) << 8) | u16::from(bytes[7])
    }

    /// The shard that holds the task, of `shards` (a power of two).
    pub fn shard(&self, shards: u16) -> u16 {
        self.route() % shards.max(1)
    }

    fn checked(uuid: Uuid) -> Result<Self, IdError> {
        let right = uuid.get_version_num() == 7 && uuid.get_variant() == uuid::Variant::RFC4122;
        if right { Ok(Self(uuid)) } else { Err(IdError::TaskId) }
    }
}

impl FromStr for TaskId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        // Uuid also reads the braced, URN and bare forms; one id must have one text.
        if text.len() != 36 {
            return Err(IdError::TaskId);
        }
        Self::checked(Uuid::try_parse(text).map_err(|_| IdError::TaskId)?)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The right to one attempt: which task, which grant (`fence`), and the 128 random bits (`nonce`) that only the holder was told.
/// Whoever cannot show the latest granted pair changes nothing (invariant I4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken {
    /// The task.
    pub task: TaskId,
    /// Number of the grant; grows with every lease of the task.
    pub fence: u32,
    /// Random bits of the grant.
    pub nonce: [u8; 16],
}

const TOKEN_VERSION: u8 = 1;
const TOKEN_BYTES: usize = 1 + 16 + 4 + 16;

impl FromStr for LeaseToken {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| IdError::LeaseToken)?;
        let bytes: [u8; TOKEN_BYTES] = bytes.try_into().map_err(|_| IdError::LeaseToken)?;
        if bytes[0] != TOKEN_VERSION {
            return Err(IdError::LeaseToken);
        }
        let task = TaskId::from_slice(&bytes[1..17]).map_err(|_| IdError::LeaseToken)?;
        let mut fence = [0; 4];
        fence.copy_from_slice(&bytes[17..21]);
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&bytes[21..]);
        Ok(Self {
            task,
            fence: u32::from_be_bytes(fence),
            nonce,
        })
    }
}

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; TOKEN_BYTES];
        bytes[0] = TOKEN_VERSION;
        bytes[1..17].copy_from_slice(self.task.as_bytes());
        bytes[17..21].copy_from_slice(&self.fence.to_be_bytes());
        bytes[21..].copy_from_slice(&self.nonce);
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl fmt::Debug for LeaseToken {
    /// The nonce is a secret and stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseToken({}, fence {})", self.task, self.fence)
    }
}

#[cfg(test)]
mod tests;
