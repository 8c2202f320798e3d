use tidemill_model::{op::Start, state::TaskState};
use tokio::time::{sleep, timeout};

use super::*;
use crate::testing::{LIMIT, SHORT, World};

#[tokio::test]
async fn starts_works_and_ends_cleanly() {
    let world = World::new(SHORT).await;
    // The counters of this process are registered once, by the service.
    let context = ServerContext::standalone();
    let service = Service::new(Config::default(), world.store.clone(), &context);
    service.start();
    let task = world.enqueue(Start::After(100), 0, 1).await;
    let promoted = async {
        while world.state(task).await != Some(TaskState::Queued) {
            sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, promoted).await.unwrap();
    service.drain().await;
    let report = context.supervisor.shutdown(LIMIT).await;
    assert!(report.is_clean() && report.panics == 0, "{report:?}");
}
