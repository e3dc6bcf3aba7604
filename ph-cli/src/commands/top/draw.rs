//! The dashboard on a terminal, whatever its size.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row as Cells, Sparkline, Table, TableState};

use super::dashboard::{Column, Dashboard, Row};
use crate::commands::status;
use crate::output::value;

/// From this width on there is room for curves in the rows.
const WIDE: u16 = 120;
/// Samples of a row's curve.
const CURVE: usize = 30;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) fn draw(frame: &mut Frame<'_>, dashboard: &Dashboard) {
    let parts =
        [Constraint::Length(3), Constraint::Length(4), Constraint::Min(3), Constraint::Length(1)];
    let [head, curves, table, foot] = Layout::vertical(parts).areas(frame.area());
    frame.render_widget(Paragraph::new(header(dashboard)), head);
    let halves = [Constraint::Fill(1), Constraint::Fill(1)];
    let [left, right] = Layout::horizontal(halves).spacing(1).areas(curves);
    let rate = dashboard.rates.back().copied().unwrap_or(0);
    curve(frame, left, &format!("requests/s {rate}"), &dashboard.rates, Color::Cyan);
    let size = dashboard.sizes.back().copied().unwrap_or(0);
    let memory = format!("memory {}", value::size(&size.into()));
    curve(frame, right, &memory, &dashboard.sizes, Color::Magenta);
    workers(frame, table, dashboard);
    frame.render_widget(Paragraph::new(footer(dashboard)), foot);
    if dashboard.shows_help {
        help(frame);
    }
}

fn header(dashboard: &Dashboard) -> Vec<Line<'static>> {
    let status = &dashboard.status;
    let field = |name: &str| value::text(status, name);
    let state = match &dashboard.lost {
        None => Span::styled(field("state"), state_style(&field("state"))),
        Some(_) => Span::styled("no answer", Style::new().fg(Color::Red)),
    };
    let first = Line::from(vec![
        Span::styled(field("app"), Style::new().add_modifier(Modifier::BOLD)),
        Span::raw("  "),
        state,
        Span::raw(format!(
            "  {}  pid {}  generation {}  up {}",
            field("role"),
            field("pid"),
            field("generation"),
            value::age(value::get(status, "uptime_s")),
        )),
    ]);
    let third = match &dashboard.lost {
        Some(why) => why.clone(),
        None => status::last_change(status).unwrap_or_default(),
    };
    vec![first, Line::raw(status::counts(status)), Line::raw(third)]
}

/// The newest samples, as many as there is room for, the last one on the right.
fn curve(frame: &mut Frame<'_>, area: Rect, title: &str, samples: &VecDeque<u64>, color: Color) {
    let block = Block::new().title(title.to_owned());
    let room = block.inner(area).width as usize;
    let missing = room.saturating_sub(samples.len());
    let newest = samples.iter().skip(samples.len().saturating_sub(room)).copied();
    let data: Vec<u64> = std::iter::repeat_n(0, missing).chain(newest).collect();
    let line = Sparkline::default().block(block).data(data).style(Style::new().fg(color));
    frame.render_widget(line, area);
}

fn workers(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let wide = area.width >= WIDE;
    let mut columns = vec![
        ("ID", Some(Column::Id), 5),
        ("PID", None, 7),
        ("STATE", Some(Column::State), 9),
        ("GEN", None, 4),
        ("AGE", Some(Column::Age), 8),
        ("REQ/S", Some(Column::Rate), 7),
        ("ACTIVE", Some(Column::Active), 7),
        ("CPU%", Some(Column::Cpu), 6),
        ("PSS", Some(Column::Memory), 7),
    ];
    // Where it is not shown, it can still be what rows are sorted by.
    if wide || dashboard.sorted_by == Column::Requests {
        columns.insert(5, ("REQUESTS", Some(Column::Requests), 10));
    }
    let heading = |&(name, column, _): &(&'static str, Option<Column>, u16)| {
        let sorted = column == Some(dashboard.sorted_by);
        let mark = if !sorted {
            ""
        } else if dashboard.descending {
            "▼"
        } else {
            "▲"
        };
        let text = Line::raw(format!("{name}{mark}"));
        Cell::new(if name == "STATE" { text } else { text.alignment(Alignment::Right) })
    };
    let mut headings: Vec<Cell<'_>> = columns.iter().map(heading).collect();
    let mut widths: Vec<_> =
        columns.iter().map(|(_, _, width)| Constraint::Length(*width)).collect();
    if wide {
        headings.push(Cell::new("REQ/S BEFORE"));
        widths.push(Constraint::Length(CURVE as u16));
    }
    headings.push(Cell::new("DOING"));
    widths.push(Constraint::Fill(1));
    let rows = dashboard.rows.iter().map(|row| {
        let mut cells: Vec<Cell<'_>> = columns.iter().map(|(name, ..)| cell(row, name)).collect();
        if wide {
            cells.push(Cell::new(bars(&row.rates)));
        }
        cells.push(Cell::new(row.doing.clone()));
        Cells::new(cells)
    });
    let table = Table::new(rows, widths)
        .column_spacing(1)
        .header(Cells::new(headings).style(Style::new().add_modifier(Modifier::REVERSED)))
        .row_highlight_style(Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
    let mut state = TableState::new().with_selected(dashboard.selected());
    frame.render_stateful_widget(table, area, &mut state);
}

fn cell(row: &Row, column: &str) -> Cell<'static> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let text = match column {
        "ID" => row.id.to_string(),
        "PID" => or_dash(row.pid.map(|pid| pid.to_string())),
        "STATE" => return Cell::new(row.state.clone()).style(state_style(&row.state)),
        "GEN" => row.generation.clone(),
        "AGE" => value::age(&row.age.into()),
        "REQUESTS" => row.requests.to_string(),
        "REQ/S" => row.rate().to_string(),
        "ACTIVE" => row.active.to_string(),
        "CPU%" => or_dash(row.share.map(|share| format!("{:.1}", share * 100.0))),
        _ => or_dash(row.size.map(|size| value::size(&size.into()))),
    };
    Cell::new(Line::raw(text).alignment(Alignment::Right))
}

/// A curve in one line of characters.
fn bars(samples: &VecDeque<u64>) -> String {
    let newest: Vec<u64> = samples.iter().rev().take(CURVE).rev().copied().collect();
    let most = newest.iter().copied().max().unwrap_or(0).max(1);
    let blanks = " ".repeat(CURVE - newest.len());
    let bar = |sample: &u64| match *sample {
        0 => ' ',
        sample => BARS[(sample * (BARS.len() as u64 - 1)).div_ceil(most) as usize],
    };
    blanks + &newest.iter().map(bar).collect::<String>()
}

fn footer(dashboard: &Dashboard) -> Line<'static> {
    if let Some(change) = dashboard.question {
        let question = format!("{}? y/n", change.words());
        return Line::styled(question, Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD));
    }
    match &dashboard.notice {
        Some(notice) => Line::raw(notice.clone()),
        None => Line::styled(
            "q quit  s sort  S reverse  r restart  R all  x stop  + - scale  ? help",
            Style::new().add_modifier(Modifier::DIM),
        ),
    }
}

const HELP: [&str; 9] = [
    "up, down, j, k     select a worker",
    "s, S               sort by the next column; the other way round",
    "r, R               restart the worker; all of them",
    "x                  stop the worker, and want one less",
    "+, -               want one more, one less",
    "y, n               yes, no",
    "q                  quit",
    "",
    "any key            goes back",
];

fn help(frame: &mut Frame<'_>) {
    let area = frame.area().centered(Constraint::Max(66), Constraint::Max(HELP.len() as u16 + 2));
    let lines: Vec<Line<'_>> = HELP.iter().map(|line| Line::raw(*line)).collect();
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title("keys")), area);
}

fn state_style(state: &str) -> Style {
    match state {
        "ready" | "running" => Style::new().fg(Color::Green),
        "backoff" | "killed" | "degraded" => Style::new().fg(Color::Red),
        _ => Style::new().fg(Color::Yellow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_share() {
        let curve = bars(&VecDeque::from([0, 1, 50, 100]));
        assert_eq!(curve.chars().count(), CURVE);
        assert!(curve.ends_with(" ▂▅█"), "{curve}");
        assert_eq!(bars(&VecDeque::new()).trim(), "");
    }
}
