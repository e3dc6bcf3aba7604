//! An application whose workers write down with which token they work, and when: a [`Record`] before each job.
//!
//! Keys: `app.records` (the log, one for all masters) and `app.tick_ms` (the pause after each job, 5 unless told otherwise).
//! It asks whether its master leads, and works on whatever the answer is: whoever reads the log is to find out.

use std::fs::File;
use std::process::ExitCode;
use std::time::Duration;

use ph_tests::Process;
use ph_tests::election::{Record, now};
use processhandler::{App, Context, Error, JobWorker};

struct Stamper {
    log: File,
    myself: Process,
    pause: Duration,
}

impl Stamper {
    fn new(cx: &Context) -> Result<Self, Error> {
        let path = cx.app("records").ok_or("app.records is missing")?;
        let log = File::options().append(true).open(path)?;
        let pause = Duration::from_millis(cx.app_or("tick_ms", 5)?);
        Ok(Self { log, myself: Process::myself(), pause })
    }
}

impl JobWorker for Stamper {
    fn handle_request(&mut self, cx: &Context) -> Result<(), Error> {
        let record = Record {
            token: cx.fencing_token().ok_or("no token")?,
            at: now(),
            worker: self.myself,
            leading: cx.leading(),
            master: cx.config().proc_name.clone(),
        };
        record.append(&self.log)?;
        cx.sleep(self.pause);
        Ok(())
    }
}

fn main() -> ExitCode {
    App::new("stamper").job(|cx| Stamper::new(cx)).main()
}
