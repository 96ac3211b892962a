//! The console: one message at a time, drawn only when something changed.
