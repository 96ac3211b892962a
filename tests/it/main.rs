//! The one test binary: capabilities as modules, real servers, real files, the real terminal.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod audit;
mod changes;
mod cli;
mod collect;
mod doctor;
mod formats;
mod house;
mod keys;
mod ladder;
mod readme;
mod restore;
mod salvage;
mod screens;
mod seals;
mod secrets;
mod server;
mod sql;
mod state;
mod support;
mod targets;
mod terminal;
mod undo;
