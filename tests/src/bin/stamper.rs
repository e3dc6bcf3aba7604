//! An application whose workers write down with which token they work, and when: a [`Record`] every few milliseconds.
//!
//! Keys: `app.records` (the log, one for all masters) and `app.tick_ms` (the pause after each record, 5 unless told otherwise).
//! One job lasts until the worker is asked to stop. It is told whether its master leads, writes that down as well, and works on
//! whatever it was: to end it is others' business, and whoever reads the log is to find out whether they do.

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
        loop {
            let record = Record {
                token: cx.fencing_token().ok_or("a worker without a token")?,
                at: now(),
                worker: self.myself,
                leading: cx.leading(),
                master: cx.config().proc_name.clone(),
            };
            record.append(&self.log)?;
            if !cx.sleep(self.pause) {
                return Ok(());
            }
        }
    }
}

fn main() -> ExitCode {
    App::new("stamper").job(Stamper::new).main()
}
