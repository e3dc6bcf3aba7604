//! Shows every key of a section with its text, its origin and the effect of a change.
//!
//! `cargo run -p ph-config --example show -- FILE [SECTION] [KEY=VALUE]…`

use std::{env, error::Error, process::ExitCode};

use ph_config::{Layers, LoadRequest};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let Some(file) = arguments.next() else {
        eprintln!("usage: show FILE [SECTION] [KEY=VALUE]...");
        return Ok(ExitCode::from(2));
    };
    let mut request = LoadRequest::new(file, env::current_dir()?).environment(env::vars_os());
    for argument in arguments {
        request = match argument.split_once('=') {
            Some((key, value)) => request.set(key, value),
            None => request.section(argument),
        };
    }

    let layers = match Layers::load(&request) {
        Ok(layers) => layers,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::from(78));
        }
    };
    for entry in layers.entries() {
        let effect = entry.reference.map_or("", |key| key.effect.as_str());
        let text = entry.text.replace('\n', "\\n");
        println!("{:20} = {text:30} {:30} {effect}", entry.key, entry.origin);
    }
    // What is shown may be wrong all the same.
    match layers.settings() {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{error}");
            Ok(ExitCode::from(78))
        }
    }
}
