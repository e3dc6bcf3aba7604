//! What can be done from the screen.

use ph_rpc::Value;

/// A change, asked for by a key and confirmed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Restart(u32),
    RestartAll,
    Stop(u32),
    /// So many workers more, or less.
    Scale(i64),
}

impl Change {
    /// The method of the control socket, and its parameters.
    pub(super) fn call(self) -> (&'static str, Vec<Value>) {
        match self {
            Self::Restart(id) => ("restart_worker", vec![id.into()]),
            Self::RestartAll => ("restart_worker", Vec::new()),
            Self::Stop(id) => ("stop_worker", vec![id.into()]),
            Self::Scale(by) => ("scale", vec![format!("{by:+}").into()]),
        }
    }

    /// As an order: `restart worker 3`.
    pub(super) fn words(self) -> String {
        match self {
            Self::Restart(id) => format!("restart worker {id}"),
            Self::RestartAll => "restart all workers".to_owned(),
            Self::Stop(id) => format!("stop worker {id}, and want one less"),
            Self::Scale(by) if by > 0 => format!("start {by} more"),
            Self::Scale(by) => format!("want {} less", by.unsigned_abs()),
        }
    }
}
