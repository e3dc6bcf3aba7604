//! How a process came to be a master: by whose hand, and with what in its hands.

use ph_cli::Exit;
use ph_core::master::{Predecessor, Program, Resumed};
use ph_core::sys::activation::{self, Inherited};
use ph_core::sys::daemon::Launcher;

use crate::program;

/// What was there before anything was read or opened.
pub(crate) struct Start {
    pub(crate) program: Program,
    /// Sockets that a service manager handed over.
    pub(crate) inherited: Vec<Inherited>,
    /// The master that is to be succeeded.
    pub(crate) predecessor: Option<Predecessor>,
    /// The program that this process was before.
    pub(crate) resumed: Option<Resumed>,
    /// Who waits in front of a terminal.
    pub(crate) launcher: Option<Launcher>,
}

impl Start {
    /// Looks around. To be called before this process opens files of its own.
    pub(crate) fn find() -> Result<Self, (Exit, String)> {
        let program = program::this();
        let predecessor = Predecessor::find()
            .map_err(|error| (Exit::of(error.exit_code()), error.to_string()))?;
        let inherited = activation::take().map_err(|error| (Exit::Config, error.to_string()))?;
        Ok(Self { program, inherited, predecessor, resumed: None, launcher: None })
    }

    /// Of a process that goes on with a master. To be called before it opens files of its own.
    pub(crate) fn resume() -> Result<Option<Self>, String> {
        let program = program::this();
        let resumed = Resumed::find(&program).map_err(|error| error.to_string())?;
        Ok(resumed.map(|resumed| {
            let (inherited, predecessor, launcher) = (Vec::new(), None, None);
            Self { program, inherited, predecessor, resumed: Some(resumed), launcher }
        }))
    }

    /// Whether there is anything to listen on already.
    pub(crate) fn listens(&self) -> bool {
        let left = self.predecessor.as_ref().is_some_and(Predecessor::inherited);
        let kept = self.resumed.as_ref().is_some_and(Resumed::inherited);
        left || kept || !self.inherited.is_empty()
    }
}
