//! The connections of a command. Made lazily: a command pays only for the role it talks to.

use std::time::Duration;

use tidemill_proto::v1::{
    CancelTaskRequest, CancelTaskResponse, EnqueueRequest, EnqueueResponse, GetResultRequest, GetResultResponse,
    ListQueuesRequest, ListQueuesResponse, ListTasksRequest, ListTasksResponse, WatchResultRequest,
    WatchResultResponse, admin_service_client::AdminServiceClient, gateway_service_client::GatewayServiceClient,
    results_service_client::ResultsServiceClient,
};
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

use crate::{ClientOptions, Error, retry};

/// A silent peer is given up after about half a minute, so that a watch notices a network that swallows packets.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("tidemill-cli/", env!("CARGO_PKG_VERSION"));

/// Stubs and addresses of one command.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) timeout: Duration,
    pub(crate) url: String,
    results_url: String,
    gateway: GatewayServiceClient<Channel>,
    results: ResultsServiceClient<Channel>,
    admin: AdminServiceClient<Channel>,
}

impl Client {
    /// Checks the addresses. Connects at the first call. Needs a running Tokio runtime.
    pub(crate) fn new(options: &ClientOptions) -> Result<Self, Error> {
        let url = normalized(&options.url)?;
        let results_url = normalized(options.results_url())?;
        let channel = lazy_channel(&url, options.timeout)?;
        let results = if results_url == url {
            channel.clone()
        } else {
            lazy_channel(&results_url, options.timeout)?
        };
        Ok(Self {
            timeout: options.timeout,
            url,
            results_url,
            gateway: GatewayServiceClient::new(channel.clone()),
            results: ResultsServiceClient::new(results),
            admin: AdminServiceClient::new(channel),
        })
    }

    /// Stores a task. The request must carry an idempotency key: that is what makes its retries safe.
    pub(crate) async fn enqueue(&self, request: EnqueueRequest) -> Result<EnqueueResponse, Error> {
        let key = request.idempotency_key.clone();
        let send = |request| {
            let mut stub = self.gateway.clone();
            async move { stub.enqueue(request).await }
        };
        let result = retry::call(&self.url, self.timeout, request, send).await;
        result.map_err(|(error, outcome_unknown)| {
            if outcome_unknown {
                Error::OutcomeUnknown {
                    key,
                    source: Box::new(error),
                }
            } else {
                error
            }
        })
    }

    /// Cancels a task.
    pub(crate) async fn cancel(&self, request: CancelTaskRequest) -> Result<CancelTaskResponse, Error> {
        let send = |request| {
            let mut stub = self.gateway.clone();
            async move { stub.cancel_task(request).await }
        };
        retry::call(&self.url, self.timeout, request, send)
            .await
            .map_err(|(error, _)| error)
    }

    /// Asks for a result. `wait` is added to the deadline of the call.
    pub(crate) async fn get_result(&self, task_id: &str, wait: Duration) -> Result<GetResultResponse, Error> {
        let wait_field = (!wait.is_zero()).then(|| crate::duration::to_proto(wait));
        let request = GetResultRequest {
            task_id: task_id.to_owned(),
            wait: wait_field,
        };
        let send = |request| {
            let mut stub = self.results.clone();
            async move { stub.get_result(request).await }
        };
        retry::call(&self.results_url, self.timeout + wait, request, send)
            .await
            .map_err(|(error, _)| error)
    }

    /// Opens the stream of a watch. No deadline: the stream lasts as long as the task.
    pub(crate) async fn watch(&self, request: WatchResultRequest) -> Result<Streaming<WatchResultResponse>, Error> {
        let stream = self.results.clone().watch_result(request).await;
        stream
            .map(tonic::Response::into_inner)
            .map_err(|status| self.watch_error(&status))
    }

    /// Reads the status that a watch ended with.
    pub(crate) fn watch_error(&self, status: &tonic::Status) -> Error {
        Error::from_status(status, &self.results_url)
    }

    /// One page of queues.
    pub(crate) async fn list_queues(&self, request: ListQueuesRequest) -> Result<ListQueuesResponse, Error> {
        let send = |request| {
            let mut stub = self.admin.clone();
            async move { stub.list_queues(request).await }
        };
        retry::call(&self.url, self.timeout, request, send)
            .await
            .map_err(|(error, _)| error)
    }

    /// One page of tasks.
    pub(crate) async fn list_tasks(&self, request: ListTasksRequest) -> Result<ListTasksResponse, Error> {
        let send = |request| {
            let mut stub = self.admin.clone();
            async move { stub.list_tasks(request).await }
        };
        retry::call(&self.url, self.timeout, request, send)
            .await
            .map_err(|(error, _)| error)
    }
}

/// `localhost:7440` means `http://localhost:7440`.
fn normalized(url: &str) -> Result<String, Error> {
    match url.split_once("://") {
        None if !url.is_empty() => Ok(format!("http://{url}")),
        Some(("http", _)) => Ok(url.trim_end_matches('/').to_owned()),
        Some(("https", _)) => Err(Error::Usage(format!(
            "`{url}`: these commands do not speak TLS yet; use http://"
        ))),
        _ => Err(Error::Usage(format!(
            "`{url}` is not an address; write e.g. {}",
            crate::options::DEFAULT_URL
        ))),
    }
}

fn lazy_channel(url: &str, timeout: Duration) -> Result<Channel, Error> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .and_then(|endpoint| endpoint.user_agent(USER_AGENT))
        .map_err(|_| {
            Error::Usage(format!(
                "`{url}` is not an address; write e.g. {}",
                crate::options::DEFAULT_URL
            ))
        })?;
    Ok(endpoint
        .connect_timeout(timeout)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .connect_lazy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(normalized("localhost:7440").expect("address"), "http://localhost:7440");
        assert_eq!(normalized("http://a:1/").expect("address"), "http://a:1");
        for url in ["", "ftp://a", "https://a"] {
            assert!(matches!(normalized(url), Err(Error::Usage(_))), "{url}");
        }
        assert!(matches!(
            lazy_channel("http://a b", Duration::ZERO),
            Err(Error::Usage(_))
        ));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_with_what_to_do() {
        // Bound and dropped: nobody listens there.
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("port");
        let client = Client::new(&ClientOptions::for_url(address.to_string())).expect("client");
        let error = client
            .get_result("T1", Duration::ZERO)
            .await
            .expect_err("nobody is there");
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("cannot reach http://{address}: ")) && text.contains("`tidemill dev`"),
            "{text}"
        );
        assert_eq!((error.exit_code(), error.outcome_unknown()), (5, false));
    }
}
