//! `tidemill health`.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};
use tidemill_client::{Client, Health};

use crate::{
    ClientOptions, Error, command::Outcome, error::with_next_step, json, paint::Paint, printer::Printer, text,
};

/// Arguments of `tidemill health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Ask for one gRPC service by its full name, e.g. tidemill.v1.GatewayService [default: the process as a whole]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    service: String,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

/// What one address said.
struct Answer {
    address: String,
    health: Result<Health, tidemill_client::Error>,
}

#[derive(Clone, Copy)]
enum Role {
    Gateway,
    Results,
    Worker,
}

impl HealthArgs {
    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = self.options.client()?;
        let mut outcome = Outcome::DONE;
        for (role, address) in self.addresses() {
            let health = role.ask(&client, &self.service).await;
            if !matches!(health, Ok(Health::Serving)) {
                outcome = Outcome::UNAVAILABLE;
            }
            let answer = Answer { address, health };
            printer.item(|paint| answer.text(paint), || answer.json())?;
        }
        Ok(outcome)
    }

    /// Each address once.
    fn addresses(&self) -> Vec<(Role, String)> {
        let all = [
            (Role::Gateway, self.options.url()),
            (Role::Results, self.options.results_url()),
            (Role::Worker, self.options.worker_url()),
        ];
        let mut distinct: Vec<(Role, String)> = Vec::new();
        for (role, address) in all {
            if distinct.iter().all(|(_, known)| known != address) {
                distinct.push((role, address.to_owned()));
            }
        }
        distinct
    }
}

impl Role {
    async fn ask(self, client: &Client, service: &str) -> Result<Health, tidemill_client::Error> {
        match self {
            Self::Gateway => client.health(service).await,
            Self::Results => client.results_health(service).await,
            Self::Worker => client.worker_health(service).await,
        }
    }
}

impl Answer {
    fn text(&self, paint: Paint) -> String {
        let status = self.status();
        let padded = format!("{status:<11}");
        let status = if status == "SERVING" {
            paint.good(&padded)
        } else {
            paint.bad(&padded)
        };
        match &self.health {
            Ok(_) => format!("{status} {}", self.address),
            Err(error) => format!("{status} {}: {}", self.address, text::one_line(&with_next_step(error))),
        }
    }

    fn json(&self) -> Value {
        let mut object = json!({ "address": self.address, "status": self.status() });
        if let (Err(error), Some(fields)) = (&self.health, object.as_object_mut()) {
            let code = error.code().map_or(2, i32::from);
            fields.insert(
                "error".to_owned(),
                json::refusal(code, error.reason_name(), &with_next_step(error)),
            );
        }
        object
    }

    /// The names of grpc.health, and one for an address that did not answer.
    fn status(&self) -> String {
        self.health
            .as_ref()
            .map_or_else(|_| "NO_ANSWER".to_owned(), Health::to_string)
    }
}
