//! Our own sealed format.
