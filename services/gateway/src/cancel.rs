//! T8: cancel.

use tidemill_kit::status::{ApiError, Outcome};
use tidemill_model::{op::Cancelled, state::TaskState, wire::parse_cancel};
use tidemill_proto::v1;

use crate::{error, service::Service};

impl Service {
    pub(crate) async fn cancel(&self, request: v1::CancelTaskRequest) -> Result<v1::CancelTaskResponse, ApiError> {
        let cancel =
            parse_cancel(&request).map_err(|violations| error::invalid(violations).outcome(Outcome::NotApplied))?;
        let answer = self
            .store()
            .cancel(self.namespace().clone(), cancel.id, cancel.outcome)
            .await;
        match answer.map_err(|e| error::mutating(&e))? {
            Cancelled::State(state) => Ok(v1::CancelTaskResponse {
                state: state.to_proto().into(),
                cancel_requested: state == TaskState::Running,
            }),
            Cancelled::NotFound => Err(error::task_not_found(&cancel.id).outcome(Outcome::NotApplied)),
        }
    }
}
