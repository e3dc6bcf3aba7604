//! The ancestor's example: workers that say "go..." every second and a half.
//!
//! `cargo run --release --example jobexecute -- run` runs it in the foreground; `-- start`, in the background.

use std::process::ExitCode;
use std::time::Duration;

use processhandler::{App, Context, Error, JobWorker, tracing};

struct JobExecute {
    pause: Duration,
}

impl JobExecute {
    fn new(cx: &Context) -> Result<Self, Error> {
        Ok(Self { pause: Duration::from_millis(cx.app_or("sleep_ms", 1500)?) })
    }
}

impl JobWorker for JobExecute {
    fn handle_request(&mut self, cx: &Context) -> Result<(), Error> {
        println!("go...");
        tracing::info!("go...");
        cx.sleep(self.pause);
        Ok(())
    }
}

fn main() -> ExitCode {
    App::new("jobexecute")
        .default_config("examples/jobexecute/config.ini")
        .job(JobExecute::new)
        .main()
}
