//! GetResult, and waiting for the end.

use std::{sync::Arc, time::Duration};

use tidemill_kit::status::ApiError;
use tidemill_model::{
    id::Namespace,
    record::Record,
    wire::{self, GetResult, result_view},
};
use tidemill_proto::v1::GetResultResponse;
use tidemill_store::{ReadRequest, Reading, StoreError};

use crate::{error, mark::Ready, read::read_patiently, service::Shared};

/// A state of the task, and whether it is the last one.
struct Seen {
    view: GetResultResponse,
    last_sequence: u32,
    finished: bool,
}

/// The task as it is, or, if the request waits, as it is at its end or at the end of the wait.
pub(crate) async fn get(
    shared: &Arc<Shared>,
    namespace: Namespace,
    get: GetResult,
) -> Result<GetResultResponse, ApiError> {
    let request = ReadRequest {
        namespace,
        id: get.id,
        with_body: false,
        after: None,
        most_entries: 0,
    };
    if get.wait_ms == 0 {
        return look(&get, shared.store.read(request).await).map(|seen| seen.view);
    }
    if shared.calls.is_draining() {
        return Err(error::draining());
    }
    let _open = shared.calls.enter();
    let ready = Arc::new(Ready::default());
    let registration = shared.hub.register(get.id, 0, &ready)?;
    ready.next().await;
    registration.mark().begin();
    let mut seen = look(&get, shared.store.read(request.clone()).await)?;
    let until_finished = async {
        while !seen.finished {
            registration.mark().settle(seen.last_sequence, false);
            ready.next().await;
            registration.mark().begin();
            seen = look(&get, read_patiently(shared.store.clone(), request.clone()).await)?;
        }
        Ok(())
    };
    tokio::select! {
        biased;
        done = until_finished => done?,
        () = shared.calls.draining() => return Err(error::draining()),
        () = tokio::time::sleep(Duration::from_millis(get.wait_ms)) => {}
    }
    Ok(seen.view)
}

fn look(get: &wire::GetResult, answer: Result<Option<Reading>, StoreError>) -> Result<Seen, ApiError> {
    let reading = answer
        .map_err(|error| error.to_api(false))?
        .ok_or_else(|| error::not_found(&get.id))?;
    let damaged = |error| error::damaged(&get.id, &error);
    let record = Record::parse(&reading.record, false).map_err(damaged)?;
    Ok(Seen {
        view: result_view(&get.id, &record).map_err(damaged)?,
        last_sequence: record.header.sequence,
        finished: record.header.state.is_terminal(),
    })
}
