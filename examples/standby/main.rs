//! One of several masters of a service, of which one leads and has workers: they count in a store that takes nothing from a
//! former leader.
//!
//! `examples/standby/start.sh` starts two of them, and an etcd.

mod store;

use std::process::ExitCode;
use std::time::Duration;

use processhandler::{App, Context, Error, JobWorker, tracing};

use store::{Answer, Store};

struct Counter {
    store: Store,
    work: Duration,
}

impl Counter {
    fn new(cx: &Context) -> Result<Self, Error> {
        let store = Store::open(cx.app("store").unwrap_or("store"))?;
        Ok(Self { store, work: Duration::from_millis(cx.app_or("work_ms", 200)?) })
    }
}

impl JobWorker for Counter {
    fn handle_request(&mut self, cx: &Context) -> Result<(), Error> {
        // A job begins only while its master leads. It may end at any time: whoever works can be paused, with all that would end it, and
        // go on when another leads. So the store is told by which leadership it is written to.
        let token = cx.fencing_token().ok_or("without `leader` there is no token to write with")?;
        std::thread::sleep(self.work);
        match self.store.count(token, &cx.config().proc_name)? {
            Answer::Counted(count) => tracing::info!("{count}, with token {token}"),
            Answer::Refused { newest } => {
                tracing::error!("refused: token {token} is older than {newest}");
            }
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    App::new("standby")
        .default_config("examples/standby/config.ini")
        .job(|cx| Counter::new(cx))
        .main()
}
