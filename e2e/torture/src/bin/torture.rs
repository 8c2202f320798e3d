//! `torture`: plays plans of faults against a whole Tidemill and judges the invariants. Exit code 0: all held; 1: one was violated; 2: the
//! load was too low, so nothing is proved; 64: wrong flags.

#![expect(
    clippy::expect_used,
    reason = "a test rig: whatever is not as expected must end it loudly"
)]

use std::{path::PathBuf, process::ExitCode, time::Duration};

use tidemill_e2e::binary;
use tidemill_torture::{
    plans::{PLANS, Plan},
    reload::{self, Reload},
    report::Summary,
    round::{self, RoundOptions},
    world::Durability,
};

const USAGE: &str = "usage: torture [--plan NAME,NAME… | all] [--minutes M | --seconds S] [--seed N] [--durability strict|fast] \
     [--rate TASKS/S] [--total TASKS] [--reload TASKS] [--binary PATH] [--json FILE] [--list-plans]\n\
     --minutes is for the whole run, start, quiet and check included; --seconds is how long the faults of each plan last\n\
     --total: so many tasks that just succeed, in batches, instead of the mixture\n\
     --reload: nothing but kills of Redis under so many live tasks, and how long nobody is served";
/// Kills of Redis with --reload.
const RELOADS: usize = 3;
/// Served again by then, as for every other fault.
const SERVING_AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Args {
    plans: Vec<Plan>,
    length: Length,
    seed: u64,
    durability: Durability,
    rate: Option<f64>,
    total: u64,
    reload: u64,
    program: Option<PathBuf>,
    json: Option<PathBuf>,
    list: bool,
}

#[derive(Debug)]
enum Length {
    Whole(Duration),
    Each(Duration),
}

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut args = Self {
            plans: PLANS.to_vec(),
            length: Length::Whole(Duration::from_secs(600)),
            seed: fastrand::u64(1..1_000_000),
            durability: Durability::Strict,
            rate: None,
            total: 0,
            reload: 0,
            program: None,
            json: None,
            list: false,
        };
        while let Some(flag) = words.next() {
            if flag == "--list-plans" {
                args.list = true;
                continue;
            }
            let value = words.next()?;
            match flag.as_str() {
                "--plan" if value == "all" => args.plans = PLANS.to_vec(),
                "--plan" => args.plans = value.split(',').map(Plan::named).collect::<Option<_>>()?,
                "--minutes" => args.length = Length::Whole(Duration::from_secs_f64(60.0 * value.parse::<f64>().ok()?)),
                "--seconds" => args.length = Length::Each(Duration::from_secs_f64(value.parse().ok()?)),
                "--seed" => args.seed = value.parse().ok()?,
                "--durability" if value == "strict" => args.durability = Durability::Strict,
                "--durability" if value == "fast" => args.durability = Durability::Fast,
                "--rate" => args.rate = Some(value.parse().ok()?),
                "--total" => args.total = value.parse().ok()?,
                "--reload" => args.reload = value.parse().ok()?,
                "--binary" => args.program = Some(value.into()),
                "--json" => args.json = Some(value.into()),
                _ => return None,
            }
        }
        Some(args)
    }

    fn program(&self) -> PathBuf {
        self.program.clone().unwrap_or_else(|| binary("tidemill"))
    }

    fn round(&self, plan: Plan, number: u64) -> RoundOptions {
        let program = self.program();
        let mut load = plan.load();
        load.rate = self.rate.unwrap_or(load.rate);
        let mut world = plan.world(program, self.durability);
        if self.total > 0 {
            (load.total, load.plain_batches, load.crashes) = (self.total, 256, false);
            load.rate = self.rate.unwrap_or(20_000.0);
            (world.credits, world.memory) = (512, "6gb".to_owned());
        }
        let length = match self.length {
            Length::Each(length) => length,
            Length::Whole(budget) => Plan::share(budget, self.plans.len()),
        };
        RoundOptions {
            plan,
            world,
            load,
            length,
            seed: self.seed.wrapping_add(number.wrapping_mul(0x1000_0001)),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(args) = Args::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    };
    if args.list {
        PLANS
            .iter()
            .for_each(|plan| println!("{:<18} {}", plan.name, plan.what));
        return ExitCode::SUCCESS;
    }
    if args.reload > 0 {
        return reload(&args).await;
    }
    let mut summary = Summary::new(args.seed, args.durability.name());
    for (number, plan) in (0..).zip(&args.plans) {
        let outcome = round::play(&args.round(*plan, number)).await;
        let violations: u64 = outcome.verdicts.iter().map(|verdict| verdict.violations).sum();
        println!(
            "{:<18} {:>7} tasks {:>5} faults {:>3} violations{}",
            plan.name,
            outcome.acknowledged,
            outcome.injected.len(),
            violations,
            outcome
                .void
                .as_ref()
                .map_or_else(String::new, |why| format!("  VOID: {why}"))
        );
        summary.add(&outcome);
    }
    summary.print();
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&summary).expect("a summary is plain data");
        std::fs::write(path, text).expect("the JSON file is written");
    }
    ExitCode::from(summary.exit_code())
}

async fn reload(args: &Args) -> ExitCode {
    let reloads = reload::play(args.program(), args.durability, args.reload, RELOADS).await;
    for reload in &reloads {
        println!(
            "Redis killed under {} live tasks: serving again after {:.1} s, {} lost",
            args.reload,
            reload.serving_again.as_secs_f64(),
            reload.lost
        );
    }
    let held = |reload: &Reload| reload.serving_again <= SERVING_AGAIN && reload.lost == 0;
    ExitCode::from(u8::from(!reloads.iter().all(held)))
}
