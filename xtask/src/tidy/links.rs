//! A link from one of our pages to another must arrive.

use super::Finding;

/// `exists` is asked with a path relative to the repository's root.
pub(super) fn check(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut fence = None;
    for (at, line) in text.lines().enumerate() {
        let marker =
            ["```", "~~~"].into_iter().find(|marker| line.trim_start().starts_with(marker));
        match (fence, marker) {
            (None, Some(_)) => fence = marker,
            (Some(open), Some(close)) if open == close => fence = None,
            _ => {}
        }
        if fence.is_some() {
            continue;
        }
        for target in targets(&without_code(line)) {
            match resolve(path, &target) {
                Some(file) if !exists(&file) => {
                    findings.push(Finding::new(
                        path,
                        at + 1,
                        format!("the link to {target} leads nowhere"),
                    ));
                }
                _ => {}
            }
        }
    }
    findings
}

/// The line with its `code` blanked: what looks like a link there is none.
fn without_code(line: &str) -> String {
    let pieces = line.split('`');
    pieces.enumerate().map(|(at, piece)| if at % 2 == 0 { piece } else { " " }).collect()
}

/// `[words](target)`, `[words](target "title")`, and `[name]: target` at the start of a line.
fn targets(line: &str) -> Vec<String> {
    let first_word = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
    let inline = line.match_indices("](").map(|(at, opening)| &line[at + opening.len()..]);
    let mut found: Vec<String> =
        inline.filter_map(|rest| Some(first_word(&rest[..rest.find(')')?]))).collect();
    if line.starts_with('[')
        && let Some((name, target)) = line.split_once("]:")
        && !name.contains("](")
    {
        found.push(first_word(target));
    }
    found
}

/// The file that a target means; none for another site, a mail address, or a place on the same
/// page.
fn resolve(page: &str, target: &str) -> Option<String> {
    let target = target.trim_start_matches('<').trim_end_matches('>');
    let file = target.split(['#', '?']).next().unwrap_or_default();
    let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
    if file.is_empty() || is_elsewhere {
        return None;
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            // One level too many leaves the repository, and cannot match a file of it.
            ".." if parts.pop().is_none() => parts.push(".."),
            ".." => {}
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::check;

    fn lines(page: &str, text: &str) -> Vec<usize> {
        let there = ["README.md", "ph-core/README.md", "ph-core/src/lib.rs", ""];
        check(page, text, |path| there.contains(&path))
            .into_iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn links_that_arrive() {
        assert!(
            lines(
                "README.md",
                "[a](ph-core/README.md#rules) and [b](./ph-core/src/lib.rs \"title\")\n"
            )
            .is_empty()
        );
        assert!(
            lines("ph-core/README.md", "[up](../README.md), [root](..)\n[x]: src/lib.rs\n")
                .is_empty()
        );
        assert!(
            lines("README.md", "[a](https://example.org/x) [b](mailto:a@example.org) [c](#here)\n")
                .is_empty()
        );
    }

    #[test]
    fn links_that_lead_nowhere() {
        assert_eq!(lines("README.md", "a\n[b](missing.md)\n[c]: gone.md\n"), [2, 3]);
        assert_eq!(lines("ph-core/README.md", "[a](README.md) [b](ph-core/README.md)\n"), [1]);
        assert_eq!(lines("README.md", "[a](../README.md)\n"), [1]);
    }

    #[test]
    fn code_holds_no_links() {
        assert!(
            lines("README.md", "```rust\n[a](missing.md)\n```\n`[b](missing.md)`\n").is_empty()
        );
        assert_eq!(lines("README.md", "```\n```\n[a](missing.md)\n"), [3]);
    }
}
