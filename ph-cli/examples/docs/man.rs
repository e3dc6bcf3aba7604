//! A man page for the program and one for each of its commands, as git has them: `ph(1)`, `ph-scale(1)`.

use std::collections::BTreeMap;

use clap::Command;
use clap_mangen::Man;

pub(crate) fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let mut root = ph_cli::definitions("ph");
    root.build();
    add(&mut pages, &root, "ph");
    pages
}

fn add(pages: &mut BTreeMap<String, String>, command: &Command, name: &str) {
    // Its own name is its last word; a page's is the whole of it.
    let page = command.clone().name(name.to_owned()).version(env!("CARGO_PKG_VERSION"));
    let mut text = Vec::new();
    let man = Man::new(page).title(name.to_uppercase()).manual("ProcessHandler").source("");
    // No date: a page changes when the program does.
    let man = man.date("");
    if man.render(&mut text).is_ok() {
        pages.insert(format!("man/{name}.1"), String::from_utf8_lossy(&text).into_owned());
    }
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        add(pages, sub, &format!("{name}-{}", sub.get_name()));
    }
}
