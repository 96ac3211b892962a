//! Archives once more.
