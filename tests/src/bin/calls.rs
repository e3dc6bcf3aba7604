//! A service whose methods are called what its configuration says: each of `app.methods` gives its bytes back.

use std::process::ExitCode;

use processhandler::rpc::{Bytes, RpcError, Service};
use processhandler::{App, Context, Error};

fn echo(bytes: Bytes<'_>) -> Result<Bytes<'_>, RpcError> {
    Ok(bytes)
}

fn service(cx: &Context) -> Result<Service<()>, Error> {
    let names = cx.app("methods").ok_or("app.methods is missing")?;
    Ok(names.split_whitespace().fold(Service::new(), |service, name| service.method(name, echo)))
}

fn main() -> ExitCode {
    App::new("calls").rpc(service).main()
}
