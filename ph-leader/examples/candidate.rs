//! A candidate to look at: it says what it hears, and would work while it leads.
//!
//! ```console
//! $ cargo run --example candidate -- /tmp/app.lock
//! $ cargo run --example candidate -- http://127.0.0.1:2379 app
//! ```
//!
//! Start it in two terminals, and end one. A line on standard input resigns, the end of the input stops.

use std::io::BufRead as _;
use std::process::ExitCode;
use std::time::Duration;

use ph_leader::{Campaign, Command, EtcdStore, Event, FileStore, Instant, Options, Report};

type Failure = Box<dyn std::error::Error>;

fn campaign() -> Result<Campaign, Failure> {
    let name = format!("process {}", std::process::id());
    let options = Options::new(name, Duration::from_secs(5))?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &*arguments {
        [path] => Ok(Campaign::start(FileStore::new(path), options)?),
        [endpoints, key] => {
            let endpoints: Vec<&str> = endpoints.split(',').collect();
            Ok(Campaign::start(EtcdStore::new(&endpoints, key)?, options)?)
        }
        _ => Err("give a file, or etcd's endpoints and a key".into()),
    }
}

fn run() -> Result<(), Failure> {
    let mut campaign = campaign()?;
    let (sender, commands) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines() {
            let _ = sender.send(Command::Resign);
        }
        let _ = sender.send(Command::Stop);
    });
    while !campaign.is_over() {
        for report in campaign.wait(Some(Duration::from_millis(200)))? {
            match report {
                Report::Trouble(sentence) => eprintln!("{sentence}"),
                Report::Event { serial, event } => {
                    match event {
                        Event::Leader { token, deadline } => {
                            let left = deadline.saturating_since(Instant::now());
                            println!("leads with token {token} for {left:.1?} more");
                        }
                        Event::Follower { of } => println!("{of} leads"),
                        Event::Unknown => println!("nobody is known to lead"),
                    }
                    // We live: have it renewed.
                    campaign.command(Command::Answer(serial));
                }
            }
        }
        while let Ok(command) = commands.try_recv() {
            campaign.command(command);
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
