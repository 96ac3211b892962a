//! One accident in a database of its own, and what undoing it takes.

use breakglass::change::undo::Request;

use crate::drill::state::{State, difference, state};
use crate::drill::{Ask, Stopped, Undo, alone, apply, definitions, logs_since, mark, run, undo};
use crate::support::databases::Server;

/// Its database.
pub const SCENE: &str = "scene";

/// What an accident left.
pub struct Scene {
    pub server: &'static Server,
    before: State,
    pub logs: Vec<Vec<u8>>,
    pub definitions: Vec<u8>,
}

impl Scene {
    /// Sets a stage, and lets something happen there.
    pub fn new(server: &'static Server, stage: &str, damage: &str) -> Self {
        let loose = "SET sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO';";
        server.sql(&format!("DROP DATABASE IF EXISTS {SCENE}; CREATE DATABASE {SCENE}; USE {SCENE}; {loose} {stage}"));
        let (before, first) = (state(server, SCENE), mark(server));
        let output = run(server, &["--default-character-set=utf8mb4"], &format!("USE {SCENE}; {loose} {damage}"));
        assert!(output.status.success(), "{damage}: {}", String::from_utf8_lossy(&output.stderr));
        Self { server, before, logs: logs_since(server, &first), definitions: definitions(server, SCENE) }
    }

    pub fn undo(&self) -> Result<Undo, Stopped> {
        self.undo_by(Request::default())
    }

    pub fn undo_by(&self, request: Request<'_>) -> Result<Undo, Stopped> {
        undo(&self.logs, &self.definitions, &Ask { request, ..Ask::default() })
    }

    /// The script; it must be there.
    pub fn script(&self) -> Undo {
        self.undo().unwrap_or_else(|stopped| panic!("{:?}: {:?}", self.server.product, stopped.reasons()))
    }

    /// Why there is none.
    pub fn reasons(&self) -> Vec<String> {
        match self.undo() {
            Ok(undo) => panic!("{:?}: not refused: {}", self.server.product, undo.text),
            Err(stopped) => stopped.reasons(),
        }
    }

    pub fn now(&self) -> State {
        state(self.server, SCENE)
    }

    /// Whether all is as it was before.
    pub fn assert_restored(&self) {
        let now = self.now();
        assert!(now == self.before, "{:?}\n{}", self.server.product, difference(&self.before, &now));
    }

    /// Undoes it, and all is as before.
    pub fn restore(&self) -> Undo {
        let undo = self.script();
        apply(self.server, &undo.text).unwrap_or_else(|why| panic!("{:?}: {why}", self.server.product));
        self.assert_restored();
        undo
    }

    /// Tries to, and nothing happens.
    pub fn assert_nothing_applies(&self, script: &str) {
        let now = self.now();
        assert!(apply(self.server, script).is_err(), "{:?}", self.server.product);
        assert!(self.now() == now, "{:?}", self.server.product);
        let output = run(self.server, &["-N", "-B", "--force"], script);
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().last(), Some("ROLLED BACK"));
        assert!(self.now() == now, "{:?}, with --force", self.server.product);
    }
}

/// Lets something happen on each server, all for itself.
pub fn each(with: impl Fn(&'static Server)) {
    alone().iter().copied().for_each(with);
}
