//! What a task of the load is asked to do. It stands as text in the task's input, so that the store's own bytes say afterwards what was
//! asked, under which key and when.

use fastrand::Rng;
use tidemill_e2e::{duration, payload};
use tidemill_proto::v1::{EnqueueRequest, Priority, RetryPolicy, enqueue_request::Start};

/// The kind that does what its input says; see the handler process.
pub const KIND: &str = "script";
/// Attempts of every task of the load.
pub const MAX_ATTEMPTS: u32 = 4;

/// A task of the load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Its idempotency key.
    pub key: String,
    /// Which content goes under the key; all but 0 must be refused if 0 is there.
    pub variant: u32,
    /// How long an attempt takes, in ms.
    pub ms: u64,
    /// Attempts that fail first.
    pub fail: u32,
    /// Attempts that end their process first.
    pub crash: u32,
    /// Leases that are given back first.
    pub release: u32,
    /// It fails for good.
    pub permanent: bool,
    /// Chunks of output in each attempt.
    pub chunks: u32,
    /// Waits this long before its first attempt, in ms.
    pub delay: u64,
    /// Is given up after this long, in ms; 0: never.
    pub expires: u64,
    /// Level.
    pub priority: i32,
}

impl Spec {
    /// One that just succeeds.
    #[must_use]
    pub fn plain(key: String) -> Self {
        Self {
            key,
            variant: 0,
            ms: 0,
            fail: 0,
            crash: 0,
            release: 0,
            permanent: false,
            chunks: 0,
            delay: 0,
            expires: 0,
            priority: Priority::Normal as i32,
        }
    }

    /// One of the mixture: most succeed quickly, some do everything else a task can do.
    #[must_use]
    pub fn draw(key: String, crashes: bool, rng: &mut Rng) -> Self {
        let mut spec = Self::plain(key);
        spec.ms = rng.u64(0..20);
        match rng.u32(0..1_000) {
            0..80 => spec.fail = rng.u32(1..6),
            80..90 => spec.permanent = true,
            90..110 => spec.release = rng.u32(1..3),
            110..140 => spec.chunks = rng.u32(1..30),
            140..170 => spec.delay = rng.u64(100..3_000),
            170..180 => spec.expires = rng.u64(1_000..4_000),
            180..190 => (spec.ms, spec.expires) = (rng.u64(500..3_000), 1_000),
            190..210 => spec.ms = rng.u64(200..1_500),
            210..212 if crashes => spec.crash = rng.u32(1..5),
            _ => {}
        }
        spec.priority = if rng.u32(0..10) == 0 {
            rng.i32(1..5)
        } else {
            spec.priority
        };
        spec
    }

    /// Its input.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            key,
            variant,
            ms,
            fail,
            crash,
            release,
            chunks,
            delay,
            expires,
            priority,
            permanent,
        } = self;
        let permanent = u8::from(*permanent);
        format!(
            "key:{key} variant={variant} ms={ms} fail={fail} crash={crash} release={release} permanent={permanent} chunks={chunks} \
             delay={delay} expires={expires} priority={priority}"
        )
    }

    /// What an input says; `None`: not of this load.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (key, words) = text.strip_prefix("key:")?.split_once(' ')?;
        let of = |name: &str| -> Option<u64> {
            let pairs = words.split(' ').filter_map(|word| word.split_once('='));
            pairs.into_iter().find(|(known, _)| *known == name)?.1.parse().ok()
        };
        let small = |name: &str| of(name).and_then(|number| u32::try_from(number).ok());
        Some(Self {
            key: key.to_owned(),
            variant: small("variant")?,
            ms: of("ms")?,
            fail: small("fail")?,
            crash: small("crash")?,
            release: small("release")?,
            permanent: of("permanent")? > 0,
            chunks: small("chunks")?,
            delay: of("delay")?,
            expires: of("expires")?,
            priority: i32::try_from(of("priority")?).ok()?,
        })
    }

    /// The call.
    #[must_use]
    pub fn request(&self) -> EnqueueRequest {
        let ms = |ms: u64| duration(i64::try_from(ms).unwrap_or(i64::MAX));
        EnqueueRequest {
            kind: KIND.to_owned(),
            payload: payload(&self.text()),
            idempotency_key: self.key.clone(),
            priority: self.priority,
            start: (self.delay > 0).then(|| Start::Delay(ms(self.delay))),
            expires_in: (self.expires > 0).then(|| ms(self.expires)),
            retry_policy: Some(RetryPolicy {
                max_attempts: MAX_ATTEMPTS as i32,
                initial_backoff: Some(ms(100)),
                max_backoff: Some(ms(1_000)),
                multiplier: 2.0,
            }),
            ..EnqueueRequest::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spec;

    #[test]
    fn what_is_drawn_is_read_back_from_the_input() {
        let mut rng = fastrand::Rng::with_seed(7);
        for number in 0..500 {
            let spec = Spec::draw(format!("key-{number}"), true, &mut rng);
            assert_eq!(Spec::parse(&spec.text()).as_ref(), Some(&spec));
        }
        assert_eq!(Spec::parse("hello"), None);
    }
}
