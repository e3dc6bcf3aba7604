//! From a file, an environment and a command line to settings: layers, types, rules, sentences.

mod layers;
mod values;

use ph_config::{Document, Layers, LoadRequest, Settings};

fn request() -> LoadRequest {
    LoadRequest::new("conf/app.ini", "/srv/app")
}

fn layers(text: &str, request: &LoadRequest) -> Layers {
    Layers::of(Document::parse(text), request).unwrap_or_else(|error| panic!("{error}"))
}

fn settings(text: &str) -> Settings {
    layers(text, &request()).settings().unwrap_or_else(|error| panic!("{error}"))
}

/// What a user reads for a section with these lines.
fn told(lines: &str) -> String {
    told_with(&format!("[app]\n{lines}"), &request())
}

fn told_with(text: &str, request: &LoadRequest) -> String {
    Layers::of(Document::parse(text), request)
        .and_then(|layers| layers.settings())
        .expect_err("the configuration is wrong")
        .to_string()
}
