//! The console: one message at a time, drawn only when something changed.
//!
//! [`update::update`] turns a [`msg::Msg`] into a new [`app::App`] and [`msg::Effect`]s; [`app::App::draw`]
//! turns the state into cells; [`runtime`] is the only part that knows a terminal, a signal or a task.

pub mod app;
pub mod canvas;
pub mod command;
mod desk;
pub mod detail;
pub mod door;
mod global;
pub mod glyphs;
mod heard;
pub mod keymap;
pub mod layers;
pub mod live;
mod live_past;
pub mod log;
pub mod msg;
pub mod pane;
pub mod past;
pub mod plain;
pub mod rows;
pub mod runtime;
pub mod screens;
pub mod terminal;
pub mod theme;
pub mod tokens;
pub mod undoing;
pub mod update;
pub mod widgets;
pub mod wire;
pub mod world;
