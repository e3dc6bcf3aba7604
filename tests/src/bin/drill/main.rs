//! `ph-drill leader`: masters, an etcd, and what can go wrong between them, for as many rounds as one likes.
//!
//! Three masters campaign in an etcd of three members, in a network of their own. In each round one thing goes wrong, and
//! somebody has to work again in time; then all is mended. From beginning to end an observer reads what the workers write: it
//! knows by that alone whether there were ever two leaders.

mod dice;
mod fault;
mod round;
mod table;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use dice::Dice;
use fault::Fault;
use round::{Ground, INTERRUPTED};
use table::{Table, is_missed};

const USAGE: &str = "ph-drill leader [--warm] [--spare-decider] [--rounds N] [--seed S]";

struct Plan {
    rounds: usize,
    seed: u64,
    warm: bool,
    spares_decider: bool,
}

impl Plan {
    fn read(mut words: impl Iterator<Item = String>) -> Option<Self> {
        if words.next()? != "leader" {
            return None;
        }
        let time = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let mut plan =
            Self { rounds: 200, seed: time.as_secs(), warm: false, spares_decider: false };
        while let Some(word) = words.next() {
            if word == "--warm" {
                plan.warm = true;
                continue;
            }
            if word == "--spare-decider" {
                plan.spares_decider = true;
                continue;
            }
            let value = words.next()?;
            match word.as_str() {
                "--rounds" => plan.rounds = value.parse().ok()?,
                "--seed" => plan.seed = value.parse().ok()?,
                _ => return None,
            }
        }
        Some(plan)
    }
}

fn main() -> ExitCode {
    let Some(plan) = Plan::read(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match drill(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ph-drill: {error}");
            ExitCode::FAILURE
        }
    }
}

fn drill(plan: &Plan) -> Result<(), String> {
    let kind = if plan.warm { "warm" } else { "cold" };
    println!("{} rounds, {kind} standbys, seed {}", plan.rounds, plan.seed);
    if plan.spares_decider {
        println!("the member that decides for etcd is not stopped while the others go on");
    }
    let begun = Instant::now();
    let mut ground = Ground::open(plan.warm, plan.spares_decider)?;
    let mut table = Table::default();
    let result = rounds(plan, &mut ground, &mut table);
    let field = &ground.field;
    let violations = field.observer.violations();
    let (first, last) = field.observer.tokens().unwrap_or_default();
    println!("\n{table}");
    println!("tokens {first} to {last}");
    println!("records checked: {}", field.observer.records());
    println!("violations: {}", violations.len());
    violations.iter().take(20).for_each(|violation| println!("    {violation}"));
    println!("took {} s", begun.elapsed().as_secs());
    let result = match result {
        Ok(()) if !violations.is_empty() => Err("what must never happen has happened".to_owned()),
        Ok(()) if table.misses() > 0 => Err(format!("{} rounds missed", table.misses())),
        other => other,
    };
    result.map_err(|error| {
        if error == INTERRUPTED {
            return error;
        }
        let folder = std::env::temp_dir().join(format!("ph-drill-{}", std::process::id()));
        match field.keep(&folder) {
            Ok(()) => format!("{error}; the logs are in {}", folder.display()),
            Err(no) => format!("{error}; the logs can't be kept: {no}"),
        }
    })
}

fn rounds(plan: &Plan, ground: &mut Ground, table: &mut Table) -> Result<(), String> {
    let mut dice = Dice::of(plan.seed);
    let mut deck = Vec::new();
    for number in 1..=plan.rounds {
        let fault = deck.pop().unwrap_or_else(|| {
            // Each once, before any comes again.
            deck.extend(Fault::ALL);
            dice.shuffle(&mut deck);
            deck.pop().expect("it was just filled")
        });
        print!("{number:>5}  {:<18}", fault.name());
        let _ = std::io::stdout().flush();
        let outcome = ground.round(fault, &mut dice).inspect_err(|_| println!())?;
        table.add(fault, outcome);
        println!("{}", if is_missed(fault, outcome) { "  MISSED" } else { "" });
    }
    ground.settled().map(|_| ())
}
