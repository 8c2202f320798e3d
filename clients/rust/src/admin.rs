//! AdminService: queues and tasks, for looking at.

use tidemill_proto::v1::{
    self, GetQueueRequest, GetTaskRequest, ListQueuesRequest, ListTasksRequest,
    admin_service_client::AdminServiceClient,
};

use tonic::{Request, Response, Status};

use crate::{Client, Error, TaskState, link::Service, retry};

type Stub = AdminServiceClient<Service>;

/// One page of a list.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page<T> {
    /// What is on it; possibly nothing, although there are more pages.
    pub items: Vec<T>,
    /// What to ask for the next page with. `None`: this is the last one.
    pub next: Option<String>,
}

impl<T> Page<T> {
    fn new(items: Vec<T>, next: String) -> Self {
        Self {
            items,
            next: Some(next).filter(|token| !token.is_empty()),
        }
    }
}

impl Client {
    async fn ask<Q, A, F>(&self, question: Q, send: impl Fn(Stub, Request<Q>) -> F) -> Result<A, Error>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let (link, limits) = (&self.shared().gateway, self.shared().limits);
        let send = |request| send(Stub::new(link.service()), request);
        retry::call(&link.line, &link.address, limits, question, send).await
    }

    /// A page of the queues, by name. At most 1,000 on a page; 0: 100. `page`: [`Page::next`] of the page before.
    ///
    /// # Errors
    /// The reasons of the contract's `ListQueues`.
    pub async fn queues(&self, page_size: i32, page: Option<String>) -> Result<Page<v1::Queue>, Error> {
        let request = ListQueuesRequest {
            page_size,
            page_token: page.unwrap_or_default(),
        };
        let send = |mut stub: Stub, request| async move { stub.list_queues(request).await };
        let answer = self.ask(request, send).await?;
        Ok(Page::new(answer.queues, answer.next_page_token))
    }

    /// One queue with its kinds.
    ///
    /// # Errors
    /// The reasons of the contract's `GetQueue`.
    pub async fn queue(&self, name: &str) -> Result<v1::Queue, Error> {
        let request = GetQueueRequest { queue: name.to_owned() };
        let send = |mut stub: Stub, request| async move { stub.get_queue(request).await };
        let answer = self.ask(request, send).await?;
        answer
            .queue
            .ok_or_else(|| Error::contract(&self.shared().gateway.address, "GetQueue answered without a queue"))
    }

    /// A page of the tasks of one queue that are in one state, without payloads. At most 500 on a page; 0: 50.
    ///
    /// # Errors
    /// The reasons of the contract's `ListTasks`.
    pub async fn tasks(
        &self,
        queue: &str,
        state: TaskState,
        page_size: i32,
        page: Option<String>,
    ) -> Result<Page<v1::Task>, Error> {
        let request = ListTasksRequest {
            queue: queue.to_owned(),
            state: state.to_proto(),
            page_size,
            page_token: page.unwrap_or_default(),
        };
        let send = |mut stub: Stub, request| async move { stub.list_tasks(request).await };
        let answer = self.ask(request, send).await?;
        Ok(Page::new(answer.tasks, answer.next_page_token))
    }

    /// One task, with its payloads.
    ///
    /// # Errors
    /// The reasons of the contract's `GetTask`.
    pub async fn task(&self, task_id: &str) -> Result<v1::Task, Error> {
        let request = GetTaskRequest {
            task_id: task_id.to_owned(),
        };
        let send = |mut stub: Stub, request| async move { stub.get_task(request).await };
        let answer = self.ask(request, send).await?;
        answer
            .task
            .ok_or_else(|| Error::contract(&self.shared().gateway.address, "GetTask answered without a task"))
    }
}
