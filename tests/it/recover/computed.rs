//! Computed columns that are kept: what a server makes of them depends on the session, and an undo never leaves another
//! value behind.

use crate::recover::definitions::Outcome::{self, Refused, Restored, Stopped};
use crate::recover::definitions::{NOTHING, Story, tell};
use crate::support::databases::Product;

/// A story of a table, of rows that are written under some settings, and of damage under them.
fn story(
    name: &'static str,
    table: &'static str,
    (settings, rows): (&str, &str),
    damage: &str,
    outcome: Outcome,
) -> Story {
    let stage: &'static str = Box::leak(format!("{table} {settings} {rows}").into_boxed_str());
    let damage: &'static str = Box::leak(format!("{settings} {damage}").into_boxed_str());
    Story { name, stage, damage, schema: Some(table), position: "@end", outcome, ..NOTHING }
}

const DAYS: &str = "CREATE TABLE t (id INT PRIMARY KEY, ts TIMESTAMP NOT NULL DEFAULT '2001-01-01 00:00:00', \
    v INT, d DATE AS (DATE(ts)) STORED) ENGINE=InnoDB;";
const ROWS: &str = "INSERT INTO t (id,ts,v) VALUES (1,'2020-01-02 03:00:00',1),(2,'2020-01-02 23:00:00',1);";

#[test]
fn d17_what_a_server_computes_under_other_settings_stops_the_script() {
    let (east, here) = ("SET time_zone='+09:00';", "SET time_zone='+00:00';");
    let delete = "DELETE FROM t WHERE id=1;";
    tell(
        None,
        &[
            story("a day of another zone", DAYS, (east, ROWS), delete, Stopped),
            story("the same zone", DAYS, (here, ROWS), delete, Restored),
            story("a day that is the same", DAYS, (east, ROWS), "DELETE FROM t WHERE id=2;", Restored),
            story(
                "set in the same zone",
                DAYS,
                (here, ROWS),
                "UPDATE t SET v=2; UPDATE t SET ts='2021-05-05 05:05:05';",
                Restored,
            ),
        ],
    );
    let hidden = "CREATE TABLE t (id INT PRIMARY KEY, ts TIMESTAMP NOT NULL DEFAULT '2001-01-01 00:00:00', v INT, \
        w DATE AS (DATE(ts)) VIRTUAL, `täg` DATE AS (w) STORED) ENGINE=InnoDB CHARSET=utf8mb4;";
    let weeks = "CREATE TABLE t (id INT PRIMARY KEY, d DATE, w INT AS (WEEK(d)) STORED, \
        n VARCHAR(30) AS (DAYNAME(d)) STORED) ENGINE=InnoDB CHARSET=utf8mb4;";
    let dates = "INSERT INTO t (id,d) VALUES (1,'2021-01-03'),(2,'2020-01-02');";
    let plain = "CREATE TABLE t (v INT, ts TIMESTAMP NOT NULL DEFAULT '2001-01-01 00:00:00', d DATE AS (DATE(ts)) STORED) ENGINE=InnoDB;";
    let german = "SET default_week_format=3, lc_time_names='de_DE';";
    tell(
        Some(Product::Mysql),
        &[
            story("set in another zone", DAYS, (east, ROWS), "UPDATE t SET v=2 WHERE id=1;", Stopped),
            story("through another", hidden, (east, ROWS), delete, Stopped),
            story("through another in the same zone", hidden, (here, ROWS), delete, Restored),
            story("another week", weeks, (german, dates), delete, Stopped),
            story(
                "the same week",
                weeks,
                ("", dates),
                "DELETE FROM t; INSERT INTO t (id,d) VALUES (3,'2020-05-05');",
                Restored,
            ),
        ],
    );
    tell(None, &[story("no key", plain, (here, "INSERT INTO t (v) VALUES (1);"), "DELETE FROM t;", Refused("no key"))]);
}
