//! `top`: a master and its workers on the whole terminal, looked at each second; keys restart, stop and scale.

mod change;
mod dashboard;
mod draw;

use std::io::{self, IsTerminal as _};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use ph_config::LoadRequest;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};

use crate::exit::{Exit, Failure, Outcome};
use crate::procfs;
use crate::usage::{self, Usage};
use change::Change;
use dashboard::{Dashboard, Key, Next, Sample};

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn run(request: &LoadRequest) -> Outcome {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let reason = "top needs a terminal; for a file or a pipe there is status --watch";
        return Err(Failure::new(Exit::Failed, reason));
    }
    let mut usage = Usage::default();
    let mut dashboard = Dashboard::new(look(request, &mut usage)?);
    let mut terminal = ratatui::try_init().map_err(|error| broken(&error))?;
    let watched = watch(request, &mut terminal, &mut dashboard, &mut usage);
    ratatui::restore();
    watched.map_err(|error| broken(&error))?;
    Ok(Exit::Done)
}

fn watch(
    request: &LoadRequest,
    terminal: &mut DefaultTerminal,
    dashboard: &mut Dashboard,
    usage: &mut Usage,
) -> io::Result<()> {
    let (answered, answers) = mpsc::channel();
    let mut next_look = Instant::now() + INTERVAL;
    loop {
        hear(&answers, dashboard);
        terminal.draw(|frame| draw::draw(frame, dashboard))?;
        if event::poll(next_look.saturating_duration_since(Instant::now()))? {
            let Event::Key(pressed) = event::read()? else { continue };
            match key(pressed).map_or(Next::Stay, |key| dashboard.press(key)) {
                Next::Stay => {}
                Next::Leave => return Ok(()),
                Next::Do(change) => ask(request, change, answered.clone()),
            }
            continue;
        }
        match look(request, usage) {
            Ok(sample) => dashboard.look(sample),
            Err(failure) => dashboard.lose(failure.reason),
        }
        next_look = Instant::now() + INTERVAL;
    }
}

/// Asks anew each time: after an upgrade it is another master.
fn look(request: &LoadRequest, usage: &mut Usage) -> Result<Sample, Failure> {
    let status = super::master(request)?.call("status", Vec::new())?;
    let rows = dashboard::rows_of(&status);
    let shares = usage.shares(rows);
    let sizes = procfs::proportional_sizes(rows.iter().filter_map(usage::pid).collect());
    Ok(Sample { at: Instant::now(), status, shares, sizes })
}

/// Has a change made, which may take its time: the screen goes on meanwhile.
fn ask(request: &LoadRequest, change: Change, answered: Sender<(Change, Result<(), String>)>) {
    let master = super::master(request);
    thread::spawn(move || {
        let (method, params) = change.call();
        let outcome = master.and_then(|mut master| master.call(method, params));
        // Nobody is there to hear it once the screen is left.
        let _ = answered.send((change, outcome.map(drop).map_err(|failure| failure.reason)));
    });
}

fn hear(answers: &Receiver<(Change, Result<(), String>)>, dashboard: &mut Dashboard) {
    for (change, outcome) in answers.try_iter() {
        dashboard.answer(change, outcome);
    }
}

fn key(pressed: KeyEvent) -> Option<Key> {
    if !pressed.is_press() {
        return None;
    }
    Some(match pressed.code {
        KeyCode::Char('c' | 'd') if pressed.modifiers.contains(KeyModifiers::CONTROL) => Key::Quit,
        KeyCode::Char('q') => Key::Quit,
        KeyCode::Up | KeyCode::Char('k') => Key::Move(-1),
        KeyCode::Down | KeyCode::Char('j') => Key::Move(1),
        KeyCode::PageUp => Key::Move(-10),
        KeyCode::PageDown => Key::Move(10),
        KeyCode::Home | KeyCode::Char('g') => Key::Move(isize::MIN),
        KeyCode::End | KeyCode::Char('G') => Key::Move(isize::MAX),
        KeyCode::Char('s') => Key::Sort,
        KeyCode::Char('S') => Key::Reverse,
        KeyCode::Char('r') => Key::Restart,
        KeyCode::Char('R') => Key::RestartAll,
        KeyCode::Char('x') => Key::Stop,
        KeyCode::Char('+') => Key::Scale(1),
        KeyCode::Char('-') => Key::Scale(-1),
        KeyCode::Char('y') | KeyCode::Enter => Key::Yes,
        KeyCode::Char('n') | KeyCode::Esc => Key::No,
        KeyCode::Char('?' | 'h') => Key::Help,
        _ => return None,
    })
}

fn broken(error: &io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("the terminal failed: {error}"))
}
