//! What is printed.

use crate::{rig::Ended, suite::Tried, table::Mutant};

pub(crate) fn list(mutants: &[Mutant]) {
    for mutant in mutants {
        println!(
            "{:<34} {:<16} {:<10} {}",
            mutant.name,
            mutant.plan,
            mutant.expect.join(" "),
            mutant.why
        );
    }
}

/// One run, as soon as it has ended.
pub(crate) fn progress(tried: &Tried) {
    let seconds = tried.took.as_secs_f64();
    println!(
        "{} under {}: {} ({seconds:.0} s)",
        tried.mutant.name,
        tried.mutant.plan,
        outcome(&tried.ended)
    );
}

/// In words, with the evidence.
pub(crate) fn outcome(ended: &Ended) -> String {
    match ended {
        Ended::Held => "all invariants held".to_owned(),
        Ended::Violated(codes, evidence) if evidence.is_empty() => format!("{} broken", codes.join(", ")),
        Ended::Violated(codes, evidence) => format!("{} broken: {evidence}", codes.join(", ")),
        Ended::Void => "void".to_owned(),
        Ended::Failed(why) => why.clone(),
    }
}

/// The verdict on the rig.
pub(crate) fn table(tried: &[Tried]) {
    println!("\n{:<34} {:<16} {:>7}  caught by", "mutant", "plan", "seconds");
    for one in tried {
        let seconds = one.took.as_secs();
        println!(
            "{:<34} {:<16} {seconds:>7}  {}",
            one.mutant.name,
            one.mutant.plan,
            verdict(one)
        );
    }
    let caught = tried.iter().filter(|one| one.is_caught()).count();
    println!("\n{caught} of {} caught", tried.len());
}

fn verdict(one: &Tried) -> String {
    let expected = one.mutant.expect.join(", ");
    match &one.ended {
        Ended::Violated(codes, _) if one.is_surprising() => format!("{}  (expected: {expected})", codes.join(", ")),
        Ended::Violated(codes, _) => codes.join(", "),
        Ended::Held => format!("SURVIVED  (expected: {expected})"),
        Ended::Void => "SURVIVED: its runs were void".to_owned(),
        Ended::Failed(why) => format!("SURVIVED: {why}"),
    }
}
