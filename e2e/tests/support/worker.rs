//! What the tests of the Rust worker share.

use tidemill_client::{Client, WorkerBuilder};
use tidemill_e2e::{Cluster, LIMIT, Role};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

pub(crate) fn client(cluster: &mut Cluster, worker: usize) -> Client {
    let worker = cluster.get(Role::Worker, worker).url();
    cluster.rust_client().worker_url(worker).build().expect("a client")
}

/// A worker at work, until it is told to stop.
pub(crate) struct Running {
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) ended: JoinHandle<Result<(), tidemill_client::Error>>,
}

impl Running {
    pub(crate) fn start(worker: WorkerBuilder) -> Self {
        let (stop, stopped) = oneshot::channel();
        let worker = worker.build().expect("a worker");
        let shutdown = async { drop(stopped.await) };
        Self {
            stop,
            ended: tokio::spawn(async move { worker.run(shutdown).await }),
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("it runs");
        timeout(LIMIT, self.ended)
            .await
            .expect("it ends")
            .expect("no panic")
            .expect("in order");
    }
}
