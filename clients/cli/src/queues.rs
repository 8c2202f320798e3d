//! `tidemill queues`.

use std::io::Write;

use clap::Args;
use tidemill_client::{Client, proto::Queue};

use crate::{
    ClientOptions, Error,
    command::Outcome,
    json,
    printer::{Printer, Shape},
    text,
};

const PAGE_SIZE: i32 = 500;

/// Arguments of `tidemill queues`.
#[derive(Debug, Args)]
pub struct QueuesArgs {
    /// Look at this queue: its counters, and its kinds with the age of their oldest ready task [default: list all queues]
    name: Option<String>,
    #[command(flatten)]
    pub(crate) options: ClientOptions,
}

impl QueuesArgs {
    pub(crate) fn shape(&self) -> Shape {
        if self.name.is_some() {
            Shape::Object
        } else {
            Shape::Array
        }
    }

    pub(crate) async fn run<W: Write>(self, printer: &mut Printer<W>) -> Result<Outcome, Error> {
        let client = self.options.client()?;
        match &self.name {
            Some(name) => one(&client.queue(name).await?, printer)?,
            None => all(&all_queues(&client).await?, printer)?,
        }
        Ok(Outcome::DONE)
    }
}

fn one<W: Write>(queue: &Queue, printer: &mut Printer<W>) -> Result<(), Error> {
    if !printer.is_text() {
        return printer.item(|_| String::new(), || json::queue(queue));
    }
    table(std::slice::from_ref(queue), printer)?;
    let width = width("KIND", queue.kinds.iter().map(|kind| kind.kind.as_str()));
    if !queue.kinds.is_empty() {
        printer.line("")?;
        printer.line(&text::kind_header(width, printer.paint()))?;
    }
    for kind in &queue.kinds {
        printer.line(&text::kind(kind, width))?;
    }
    hint_at_dead_letters(std::slice::from_ref(queue), printer);
    Ok(())
}

fn all<W: Write>(queues: &[Queue], printer: &mut Printer<W>) -> Result<(), Error> {
    if !printer.is_text() {
        return queues
            .iter()
            .try_for_each(|queue| printer.item(|_| String::new(), || json::queue(queue)));
    }
    if queues.is_empty() {
        printer.note("there is no queue yet; the first task makes one: tidemill enqueue KIND");
        return Ok(());
    }
    table(queues, printer)?;
    hint_at_dead_letters(queues, printer);
    Ok(())
}

fn table<W: Write>(queues: &[Queue], printer: &mut Printer<W>) -> Result<(), Error> {
    let width = width("QUEUE", queues.iter().map(|queue| queue.name.as_str()));
    let paint = printer.paint();
    printer.line(&text::queue_header(width, paint))?;
    queues
        .iter()
        .try_for_each(|queue| printer.line(&text::queue(queue, width, paint)))
}

fn hint_at_dead_letters<W: Write>(queues: &[Queue], printer: &Printer<W>) {
    if let Some(hint) = dead_letter_hint(queues) {
        printer.note(&hint);
    }
}

/// Where to look, by the example of the queue that has most of them.
fn dead_letter_hint(queues: &[Queue]) -> Option<String> {
    let all: i64 = queues.iter().map(|queue| queue.failed).sum();
    let most = queues
        .iter()
        .max_by_key(|queue| queue.failed)
        .filter(|queue| queue.failed > 0)?;
    let (count, name) = (
        if all == 1 {
            "1 dead letter"
        } else {
            &format!("{all} dead letters")
        },
        &most.name,
    );
    Some(format!("{count}; see `tidemill list --queue {name} --dead-letters`"))
}

fn width<'a>(header: &str, names: impl Iterator<Item = &'a str>) -> usize {
    names.map(str::len).max().unwrap_or_default().max(header.len())
}

/// Every page: the columns are as wide as the longest name.
async fn all_queues(client: &Client) -> Result<Vec<Queue>, Error> {
    let (mut queues, mut next) = (Vec::new(), None);
    loop {
        let page = client.queues(PAGE_SIZE, next).await?;
        queues.extend(page.items);
        next = page.next;
        if next.is_none() {
            return Ok(queues);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, failed: i64) -> Queue {
        Queue {
            name: name.into(),
            failed,
            ..Queue::default()
        }
    }

    #[test]
    fn dead_letters_are_hinted_at_where_most_of_them_are() {
        assert_eq!(dead_letter_hint(&[queue("a", 0)]), None);
        assert_eq!(
            dead_letter_hint(&[queue("a", 1), queue("b", 2), queue("c", 0)]).as_deref(),
            Some("3 dead letters; see `tidemill list --queue b --dead-letters`")
        );
    }

    #[test]
    fn columns_fit_the_longest_name() {
        assert_eq!(width("QUEUE", ["a", "longer-name"].into_iter()), 11);
        assert_eq!(width("QUEUE", ["a"].into_iter()), 5);
    }
}
