//! What in a dump a server would refuse, found before the first statement is sent.
//!
//! Every rule here was seen to fail on MySQL 9.7 or MariaDB 10.11; `tests/it/restore.rs` sees it again.

use crate::model::dump::{Construct, DumpUses};
use crate::model::foreign::{Foreign, escape};
use crate::model::plan::{PlanFinding, Stance};
use crate::model::sink::{Flavor, ServerFacts};

/// Words of `sql_mode` that MySQL gave up with version 8 and those that only MariaDB has.
const NOT_IN_MYSQL_8: [&str; 15] = [
    "DB2",
    "EMPTY_STRING_IS_NULL",
    "IGNORE_BAD_TABLE_OPTIONS",
    "MAXDB",
    "MSSQL",
    "MYSQL323",
    "MYSQL40",
    "NO_AUTO_CREATE_USER",
    "NO_FIELD_OPTIONS",
    "NO_KEY_OPTIONS",
    "NO_TABLE_OPTIONS",
    "ORACLE",
    "POSTGRESQL",
    "SIMULTANEOUS_ASSIGNMENT",
    "TIME_ROUND_FRACTIONAL",
];

/// How many names a finding lists before it counts the rest.
const NAMED: usize = 5;

/// Everything in `uses` that the server would refuse, change or be unable to keep; what stops comes first.
///
/// A finding that stops and offers no choice means: not on this server.
pub fn foreign_to(facts: &ServerFacts, uses: &DumpUses) -> Vec<PlanFinding> {
    let mut findings: Vec<_> = [
        collations(facts, uses),
        charsets(facts, uses),
        sql_modes(facts, uses),
        generated_columns(facts, uses),
        statement_length(facts, uses),
        engines(facts, uses),
        definers(facts, uses),
    ]
    .into_iter()
    .flatten()
    .chain(uses.constructs.iter().filter_map(|construct| refused_construct(facts, *construct)))
    .collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.stance));
    findings
}

fn collations(facts: &ServerFacts, uses: &DumpUses) -> Option<PlanFinding> {
    let unknown: Vec<_> = uses.collations.iter().filter(|name| !facts.collations.contains(name)).collect();
    let words = || format!("the dump needs {}, which {} does not know", list(&unknown, "collation"), product(facts));
    (!unknown.is_empty() && !facts.collations.is_empty()).then(|| stops("unknown_collation", words()))
}

fn charsets(facts: &ServerFacts, uses: &DumpUses) -> Option<PlanFinding> {
    // `utf8` and `utf8mb3` are one thing, and servers name its collations after either.
    let known = |charset: &str| {
        let aliases = if matches!(charset, "utf8" | "utf8mb3") { vec!["utf8", "utf8mb3"] } else { vec![charset] };
        facts.collations.iter().any(|name| {
            aliases
                .iter()
                .any(|set| name.strip_prefix(set).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
        })
    };
    let unknown: Vec<_> = uses.charsets.iter().filter(|charset| !known(charset)).collect();
    let words =
        || format!("the dump needs {}, which {} does not know", list(&unknown, "character set"), product(facts));
    (!unknown.is_empty() && !facts.collations.is_empty()).then(|| stops("unknown_charset", words()))
}

fn sql_modes(facts: &ServerFacts, uses: &DumpUses) -> Option<PlanFinding> {
    let missing: &[&str] = match facts.flavor {
        Flavor::Mysql if major(facts) >= 8 => &NOT_IN_MYSQL_8,
        Flavor::Mysql => &[],
        Flavor::Mariadb => &["TIME_TRUNCATE_FRACTIONAL"],
    };
    let unknown: Vec<_> = uses.sql_modes.iter().filter(|word| missing.contains(&word.as_str())).collect();
    let words = || format!("the dump sets {}, which {} refuses", list(&unknown, "sql_mode"), product(facts));
    (!unknown.is_empty()).then(|| stops("unknown_sql_mode", words()))
}

/// `mariadb-dump` writes values for generated columns, MySQL takes none; `mysqldump` leaves them out.
fn generated_columns(facts: &ServerFacts, uses: &DumpUses) -> Option<PlanFinding> {
    if uses.generated_tables.is_empty() || facts.flavor != Flavor::Mysql {
        return None;
    }
    let tables: Vec<_> = uses.generated_tables.iter().map(Foreign::to_string).collect();
    let tables = list(&tables.iter().collect::<Vec<_>>(), "table");
    match uses.made_by {
        Some(Flavor::Mysql) => None,
        Some(Flavor::Mariadb) => {
            let words = format!("the dump gives values for generated columns of {tables}; MySQL refuses those rows");
            Some(stops("generated_columns", words))
        }
        None => {
            let words =
                format!("{tables} with generated columns: if the dump gives values for them, MySQL refuses the rows");
            Some(finding("generated_columns", Stance::Warns, words))
        }
    }
}

fn statement_length(facts: &ServerFacts, uses: &DumpUses) -> Option<PlanFinding> {
    // As in `Connection::longest_statement`.
    let limit = facts.max_allowed_packet.saturating_sub(2);
    let bytes = uses.longest_statement;
    let words = || {
        format!(
            "the longest statement has {bytes} bytes, the server takes {limit}: raise max_allowed_packet there first"
        )
    };
    (bytes > limit).then(|| stops("statement_too_long", words()))
}

fn engines(facts: &ServerFacts, uses: &DumpUses) -> Option<PlanFinding> {
    let unknown: Vec<_> = uses.engines.iter().filter(|name| !facts.engines.contains(name)).collect();
    let words = || {
        // Dumps switch NO_ENGINE_SUBSTITUTION off, so this is no error there, only another engine.
        let engines = list(&unknown, "storage engine");
        format!("{} lacks {engines}: such tables get its default engine", product(facts))
    };
    (!unknown.is_empty() && !facts.engines.is_empty()).then(|| finding("unknown_engine", Stance::Warns, words()))
}

fn definers(facts: &ServerFacts, uses: &DumpUses) -> Option<PlanFinding> {
    // Our own account is there whether or not it may look for others.
    let known = |definer: &&Foreign| match &facts.accounts {
        Some(accounts) => accounts.contains(definer),
        None => **definer == facts.account,
    };
    let missing: Vec<_> = uses.definers.iter().filter(|definer| !known(definer)).map(Foreign::to_string).collect();
    let names = list(&missing.iter().collect::<Vec<_>>(), "account");
    let words = match facts.accounts {
        Some(_) => format!("{names} of the dump's views, routines, triggers or events does not exist here"),
        None => format!(
            "whether {names} of the dump's views, routines, triggers or events exists here could not be looked up: \
             this login may not read mysql.user"
        ),
    };
    (!missing.is_empty()).then(|| PlanFinding {
        choices: ["keep", "me", "drop"].map(str::to_owned).to_vec(),
        chosen: "keep".to_owned(),
        ..finding("definer_missing", Stance::Warns, words)
    })
}

fn refused_construct(facts: &ServerFacts, construct: Construct) -> Option<PlanFinding> {
    let (mysql, mariadb) = (facts.flavor == Flavor::Mysql, facts.flavor == Flavor::Mariadb);
    let (refused, code, what) = match construct {
        Construct::GtidPurged => return Some(gtid_purged(facts)),
        Construct::MariadbTableOptions => (mysql, "mariadb_table_options", "table options of MariaDB"),
        Construct::MariadbTypes => (mysql, "mariadb_types", "columns of type uuid, inet4 or inet6"),
        Construct::BareDefaultExpressions => (mysql, "default_expressions", "default expressions without parentheses"),
        Construct::KeysOnExpressions => (mariadb, "keys_on_expressions", "keys on expressions"),
        Construct::Sequences => (mysql, "sequences", "sequences"),
        Construct::SystemVersioning => (mysql, "system_versioning", "tables with system versioning"),
        Construct::Vectors => {
            let knows = if mysql { major(facts) >= 9 } else { version(facts) >= (11, 7) };
            (!knows, "vectors", "columns of type vector")
        }
    };
    refused.then(|| stops(code, format!("the dump has {what}, which {} does not know", product(facts))))
}

fn gtid_purged(facts: &ServerFacts) -> PlanFinding {
    let (choices, words): (&[&str], _) = match facts.flavor {
        Flavor::Mariadb => (&["drop"], "the dump sets GTID_PURGED, which MariaDB does not know: it is dropped"),
        Flavor::Mysql => (&["drop", "keep"], "the dump sets GTID_PURGED; kept, it rewrites the server's GTID history"),
    };
    PlanFinding {
        choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
        chosen: "drop".to_owned(),
        ..finding("gtid_purged", Stance::Fine, words.to_owned())
    }
}

fn stops(code: &str, text: String) -> PlanFinding {
    finding(code, Stance::Stops, text)
}

fn finding(code: &str, stance: Stance, text: String) -> PlanFinding {
    PlanFinding { code: code.to_owned(), text, stance, choices: vec![], chosen: String::new() }
}

/// `collation utf8mb4_0900_ai_ci`, `collations a, b and 3 more`. Names come from the dump: escaped.
fn list(names: &[&String], noun: &str) -> String {
    let shown: Vec<_> = names.iter().take(NAMED).map(|name| escape(name)).collect();
    let plural = if names.len() == 1 { "" } else { "s" };
    match names.len().saturating_sub(NAMED) {
        0 => format!("{noun}{plural} {}", shown.join(", ")),
        more => format!("{noun}{plural} {} and {more} more", shown.join(", ")),
    }
}

fn product(facts: &ServerFacts) -> String {
    let name = match facts.flavor {
        Flavor::Mysql => "MySQL",
        Flavor::Mariadb => "MariaDB",
    };
    let (major, minor) = version(facts);
    format!("{name} {major}.{minor}")
}

fn major(facts: &ServerFacts) -> u64 {
    version(facts).0
}

fn version(facts: &ServerFacts) -> (u64, u64) {
    let text = facts.version.to_string();
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(flavor: Flavor, version: &str) -> ServerFacts {
        ServerFacts {
            flavor,
            version: Foreign::from(version),
            max_allowed_packet: 1 << 20,
            collations: ["utf8mb4_general_ci", "utf8mb3_bin", "binary"].map(str::to_owned).to_vec(),
            engines: vec!["innodb".to_owned()],
            accounts: Some(vec![Foreign::from("root@localhost")]),
            ..ServerFacts::default()
        }
    }

    fn codes(facts: &ServerFacts, uses: &DumpUses) -> Vec<(Stance, String)> {
        foreign_to(facts, uses).into_iter().map(|finding| (finding.stance, finding.code)).collect()
    }

    fn words(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_a_server_knows_is_no_finding() {
        let uses = DumpUses {
            collations: words(&["utf8mb4_general_ci"]),
            charsets: words(&["utf8mb4", "utf8", "binary"]),
            engines: words(&["innodb"]),
            sql_modes: words(&["NO_AUTO_VALUE_ON_ZERO"]),
            definers: vec![Foreign::from("root@localhost")],
            longest_statement: (1 << 20) - 2,
            ..DumpUses::default()
        };
        assert_eq!(codes(&facts(Flavor::Mysql, "9.7.4"), &uses), []);
        assert_eq!(codes(&facts(Flavor::Mariadb, "10.11.19-MariaDB"), &uses), []);
    }

    #[test]
    fn what_it_does_not_know_stops_before_what_only_warns() {
        let uses = DumpUses {
            collations: words(&["utf8mb4_0900_ai_ci"]),
            charsets: words(&["utf8m", "gb18030"]),
            engines: words(&["aria"]),
            definers: vec![Foreign::from("joe@%")],
            longest_statement: (1 << 20) - 1,
            ..DumpUses::default()
        };
        let found = codes(&facts(Flavor::Mysql, "9.7.4"), &uses);
        let stops =
            ["unknown_collation", "unknown_charset", "statement_too_long"].map(|code| (Stance::Stops, code.to_owned()));
        let warns = ["unknown_engine", "definer_missing"].map(|code| (Stance::Warns, code.to_owned()));
        assert_eq!(found, [&stops[..], &warns].concat());
        let text = &foreign_to(&facts(Flavor::Mariadb, "10.11.19-MariaDB"), &uses)[0].text;
        assert_eq!(text, "the dump needs collation utf8mb4_0900_ai_ci, which MariaDB 10.11 does not know");
    }

    #[test]
    fn each_product_refuses_what_only_the_other_writes() {
        let uses = |made_by| DumpUses {
            made_by,
            generated_tables: vec![Foreign::from("users")],
            sql_modes: words(&["NO_AUTO_CREATE_USER"]),
            constructs: vec![Construct::Sequences, Construct::Vectors, Construct::GtidPurged],
            ..DumpUses::default()
        };
        let (mysql, mariadb) = (facts(Flavor::Mysql, "9.7.4"), facts(Flavor::Mariadb, "10.11.19-MariaDB"));
        let found = |facts, made_by| foreign_to(facts, &uses(made_by)).into_iter().map(|f| f.code).collect::<Vec<_>>();
        assert_eq!(
            found(&mysql, Some(Flavor::Mariadb)),
            ["unknown_sql_mode", "generated_columns", "sequences", "gtid_purged"]
        );
        assert_eq!(found(&mysql, Some(Flavor::Mysql)), ["unknown_sql_mode", "sequences", "gtid_purged"]);
        assert_eq!(found(&mariadb, Some(Flavor::Mysql)), ["vectors", "gtid_purged"]);
        assert_eq!(
            found(&facts(Flavor::Mysql, "5.7.44"), Some(Flavor::Mysql)),
            ["sequences", "vectors", "gtid_purged"]
        );
    }
}
