//! A plain table: columns as wide as their widest cell, two blanks between them.

/// Rows under headings.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<bool>,
}

impl Table {
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()], right: vec![false; N] }
    }

    /// These columns are numbers: aligned on the right.
    pub(crate) fn right(mut self, columns: &[usize]) -> Self {
        for &column in columns {
            self.right[column] = true;
        }
        self
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(Vec::from(cells));
    }

    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.right.len())
            .map(|column| self.rows.iter().map(|row| width(&row[column])).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, cell) in row.iter().enumerate() {
                let blanks = " ".repeat(widths[column] - width(cell));
                let gap = if column == 0 { "" } else { "  " };
                let (left, right) =
                    if self.right[column] { (&*blanks, "") } else { ("", &*blanks) };
                line.push_str(&format!("{gap}{left}{cell}{right}"));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Characters that take room: a colour's escape sequence takes none.
fn width(cell: &str) -> usize {
    let mut escape = false;
    cell.chars()
        .filter(|&character| {
            let shown = !escape && character != '\x1b';
            escape = (escape || character == '\x1b') && character != 'm';
            shown
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_whatever_their_colour() {
        let mut table = Table::new(["ID", "STATE", "AGE"]).right(&[0, 2]);
        table.row(["1".into(), "\x1b[32mready\x1b[0m".into(), "3s".into()]);
        table.row(["10".into(), "backoff".into(), "12s".into()]);
        let plain = table.render().replace("\x1b[32m", "").replace("\x1b[0m", "");
        assert_eq!(plain, "ID  STATE    AGE\n 1  ready     3s\n10  backoff  12s\n");
    }
}
