//! The pure arbiter, the one-loop master and the system layer of ProcessHandler.
