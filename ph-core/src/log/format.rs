//! One event as one line: for people, or as a JSON object.

use std::fmt::{self, Write as _};
use std::sync::atomic::Ordering::Relaxed;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::WHO;

/// The shape of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `TIME LEVEL [worker 0 1234] message key=value`
    Text,
    /// An object with `ts`, `level`, `role`, `pid`, `slot`, `target`, `message` and the event's own fields.
    Json,
}

impl<S, N> FormatEvent<S, N> for Shape
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let pid = WHO.pid.load(Relaxed);
        let slot = WHO.slot();
        match self {
            Self::Text => text(context, &mut writer, event, pid, slot),
            Self::Json => json(context, &mut writer, event, pid, slot),
        }
    }
}

fn text<S, N>(
    context: &FmtContext<'_, S, N>,
    writer: &mut Writer<'_>,
    event: &Event<'_>,
    pid: u32,
    slot: Option<u32>,
) -> fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    SystemTime.format_time(writer)?;
    match slot {
        None => write!(writer, " {:>5} [master {pid}] ", event.metadata().level())?,
        Some(slot) => write!(writer, " {:>5} [worker {slot} {pid}] ", event.metadata().level())?,
    }
    let mut line = OneLine(&mut *writer);
    for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
        write!(line, "{}", span.name())?;
        match span.extensions().get::<FormattedFields<N>>() {
            Some(fields) if !fields.is_empty() => write!(line, "{{{fields}}}: ")?,
            _ => line.write_str(": ")?,
        }
    }
    context.format_fields(Writer::new(&mut line), event)?;
    writer.write_char('\n')
}

/// A value with a line feed in it must not look like a second line, nor one with a carriage return like another one on a
/// terminal; and a file with a zero in it is none for `grep`.
struct OneLine<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for OneLine<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, control)) =
            rest.char_indices().find(|(_, char)| char.is_control() && *char != '\t')
        {
            self.0.write_str(&rest[..at])?;
            match control {
                '\n' => self.0.write_str("\\n")?,
                '\r' => self.0.write_str("\\r")?,
                other => write!(self.0, "\\x{:02x}", u32::from(other))?,
            }
            rest = &rest[at + control.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

fn json<S, N>(
    context: &FmtContext<'_, S, N>,
    writer: &mut Writer<'_>,
    event: &Event<'_>,
    pid: u32,
    slot: Option<u32>,
) -> fmt::Result
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    let mut fields = Fields(Map::new());
    event.record(&mut fields);
    let mut object = Map::new();
    object.insert("ts".into(), time.into());
    object.insert("level".into(), event.metadata().level().as_str().to_lowercase().into());
    object.insert("role".into(), if slot.is_some() { "worker" } else { "master" }.into());
    object.insert("pid".into(), pid.into());
    object.insert("slot".into(), slot.into());
    object.insert("target".into(), event.metadata().target().into());
    let spans: Vec<Value> = context
        .event_scope()
        .into_iter()
        .flat_map(Scope::from_root)
        .map(|span| span.name().into())
        .collect();
    if !spans.is_empty() {
        object.insert("spans".into(), spans.into());
    }
    for (name, value) in fields.0 {
        // The event's own fields never hide who wrote it.
        object.entry(name).or_insert(value);
    }
    let line = serde_json::to_string(&object).map_err(|_| fmt::Error)?;
    writeln!(writer, "{line}")
}

/// An event's fields as JSON values.
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().into(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_in_it_it_is_one_line_of_text() {
        let mut text = String::new();
        let said = "a\tb\nc\rd\0e\x1b[1mf\u{85}é";
        OneLine(&mut text).write_str(said).unwrap();
        assert_eq!(text, "a\tb\\nc\\rd\\x00e\\x1b[1mf\\x85é");
    }
}
