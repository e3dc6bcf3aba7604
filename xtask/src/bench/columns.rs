//! Text in columns.

use std::ops::Range;

/// Each column as wide as its widest cell, those in `right` flush right.
pub(super) fn layout<const N: usize>(lines: &[[String; N]], right: Range<usize>) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
    });
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if right.contains(&column) {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::layout;

    #[test]
    fn figures_stand_below_each_other() {
        let lines = [["", "ours", ""], ["a row", "7", "ok"]].map(|line| line.map(str::to_owned));
        assert_eq!(layout(&lines, 1..2), "       ours\na row     7  ok\n");
    }
}
