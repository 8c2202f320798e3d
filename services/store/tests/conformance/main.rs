//! One suite, two queues: the reference queue of `tidemill-model` and the store on a real server. Every case runs against both, and
//! random histories must agree step by step. Time is set by the test (feature `test-clock`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod cancel;
mod enqueue;
mod format;
mod heartbeat;
mod history;
mod lease;
mod reconcile;
mod report;
mod settle;
mod subject;
mod tick;

/// Makes a test of each case for each implementation.
macro_rules! conformance {
    ($($case:ident),+ $(,)?) => {
        mod reference {
            $(#[tokio::test] async fn $case() { super::$case(&mut crate::subject::Reference::new()).await; })+
        }
        mod redis {
            $(#[tokio::test] async fn $case() { super::$case(&mut crate::subject::OnRedis::new().await).await; })+
        }
    };
}
pub(crate) use conformance;
