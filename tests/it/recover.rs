//! Recovery for people: scripts looked at, rows as they are now, scripts made of changes.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod around;
mod asked;
mod computed;
mod console;
mod definitions;
mod earlier;
mod foreign;
mod guards;
mod holes;
mod logs;
mod orphans;
mod pinned;
mod rows_now;
mod since;
mod spoken;
mod temporary;
mod told;
mod verbs;

use std::fs;
use std::path::PathBuf;

use crate::cli::{Home, Run};
use crate::support::databases::Server;

/// A database `accident` after something went wrong in it, and the logs of just that.
pub struct Damaged {
    pub server: &'static Server,
    pub home: Home,
    pub logs: PathBuf,
    /// What stood in the tables of the first tests before.
    pub before: String,
}

impl Damaged {
    /// Runs `before` in an empty database, and logs `damage` into files of their own. Nobody else may use the server.
    pub fn new(server: &'static Server, before: &str, damage: &str) -> Self {
        Self::by(server, before, || drop(server.sql(&format!("USE accident; {damage}"))))
    }

    /// The same, with something happening that is more than a text.
    pub fn by(server: &'static Server, before: &str, damage: impl FnOnce()) -> Self {
        server.sql(&format!("DROP DATABASE IF EXISTS accident; CREATE DATABASE accident; USE accident; {before}"));
        let state = server.sql("SELECT * FROM accident.orders ORDER BY id; SELECT * FROM accident.stock ORDER BY item");
        server.sql("FLUSH BINARY LOGS");
        let log = server.sql("SHOW BINARY LOGS").lines().last().unwrap().split('\t').next().unwrap().to_owned();
        damage();
        server.sql("FLUSH BINARY LOGS");
        let home = Home::new();
        let logs = home.path("logs");
        fs::create_dir(&logs).unwrap();
        let all = server.sql("SHOW BINARY LOGS");
        let names: Vec<&str> = all.lines().map(|line| line.split('\t').next().unwrap()).collect();
        let first = names.iter().position(|name| *name == log).unwrap();
        for name in &names[first..names.len() - 1] {
            fs::copy(server.folder.join("data").join(name), logs.join(name)).unwrap();
        }
        Self { server, home, logs, before: state }
    }

    /// The server's URL.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/", self.server.port)
    }

    /// Runs `recover` over the logs, with the server's definitions of tables.
    pub fn recover(&self, arguments: &[&str]) -> Run {
        let logs = self.logs.to_str().unwrap();
        let url = self.url();
        let front = ["recover", logs, "--schema", &url, "--schema-name", "accident"];
        self.home.run(&[&front[..], arguments].concat())
    }
}
