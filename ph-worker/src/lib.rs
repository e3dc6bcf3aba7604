//! What runs inside a ProcessHandler worker: its lifecycle and its jobs.
