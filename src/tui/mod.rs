//! The console: one message at a time, drawn only when something changed.

pub mod canvas;
pub mod glyphs;
pub mod theme;
