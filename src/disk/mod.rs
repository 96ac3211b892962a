//! This machine: the estate file, state, audit log, files that are written.
