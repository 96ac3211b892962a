//! What a database holds, in a form that two states can be compared in: as `tests/servers/canon.sh`, in one go.

use std::collections::BTreeMap;

use crate::drill::run;
use crate::support::databases::Server;

/// The rows of each table, every column in a canonical form, sorted.
pub type State = BTreeMap<String, Vec<String>>;

const SESSION: &str = "SET SESSION time_zone='+00:00', group_concat_max_len=10000000, sql_mode='';\n";

const SELECTS: &str = r"
SELECT CONCAT('SELECT ''=', REPLACE(c.TABLE_NAME, '''', ''''''), '''; SELECT CONCAT_WS(''|'',', GROUP_CONCAT(
    'IFNULL(', CASE
      WHEN c.DATA_TYPE IN ('float') THEN CONCAT('CAST(', q, ' AS DOUBLE)')
      WHEN c.DATA_TYPE IN ('enum','set') THEN CONCAT('CONCAT(', q, '+0,'':'',HEX(CONVERT(', q, ' USING utf8mb4)))')
      WHEN c.DATA_TYPE = 'json' THEN CONCAT('CONCAT(HEX(CAST(', q, ' AS CHAR CHARACTER SET utf8mb4)),JSON_TYPE(', q, '))')
      WHEN c.DATA_TYPE = 'bit' THEN CONCAT('HEX(', q, '+0)')
      WHEN c.DATA_TYPE IN ('inet6','inet4','uuid') THEN CONCAT('CAST(', q, ' AS CHAR)')
      WHEN c.CHARACTER_SET_NAME IS NOT NULL OR c.DATA_TYPE REGEXP 'blob|binary|geom|point|line|poly|vector' THEN CONCAT('HEX(', q, ')')
      ELSE q END, ',''~'')'
    ORDER BY c.ORDINAL_POSITION SEPARATOR ','), ') FROM `', REPLACE(c.TABLE_SCHEMA,'`','``'), '`.`', REPLACE(c.TABLE_NAME,'`','``'), '`;')
FROM (SELECT *, CONCAT('`', REPLACE(COLUMN_NAME,'`','``'), '`') AS q FROM information_schema.COLUMNS
      WHERE TABLE_SCHEMA = ";

const TABLES: &str = r") c
JOIN information_schema.TABLES t ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME
WHERE t.TABLE_TYPE IN ('BASE TABLE','SYSTEM VERSIONED') GROUP BY c.TABLE_SCHEMA, c.TABLE_NAME;";

/// Reads a database whole.
pub fn state(server: &Server, schema: &str) -> State {
    let raw = ["-N", "-B", "-r", "--default-character-set=utf8mb4"];
    let selects = run(server, &raw, &format!("{SESSION}{SELECTS}'{schema}'{TABLES}\n"));
    assert!(selects.status.success(), "{}", String::from_utf8_lossy(&selects.stderr));
    let selects = String::from_utf8(selects.stdout).unwrap();
    let rows = run(server, &raw, &format!("{SESSION}{selects}"));
    assert!(rows.status.success(), "{}", String::from_utf8_lossy(&rows.stderr));
    let (mut state, mut table) = (State::new(), String::new());
    for line in String::from_utf8(rows.stdout).unwrap().lines() {
        match line.strip_prefix('=') {
            Some(name) => {
                name.clone_into(&mut table);
                state.entry(table.clone()).or_default();
            }
            None => state.get_mut(&table).unwrap().push(line.to_owned()),
        }
    }
    state.values_mut().for_each(|rows| rows.sort());
    state
}

/// Where two states differ, in a few lines.
pub fn difference(one: &State, other: &State) -> String {
    let mut text = String::new();
    for (table, rows) in one {
        let theirs = other.get(table).map_or(&[][..], Vec::as_slice);
        if rows == theirs {
            continue;
        }
        text += &format!("{table}: {} rows, {} rows\n", rows.len(), theirs.len());
        let only = |these: &[String], those: &[String], sign: char| {
            let only = these.iter().filter(|row| !those.contains(row)).take(3);
            only.map(|row| format!("  {sign} {}\n", row.chars().take(1500).collect::<String>())).collect::<String>()
        };
        text += &(only(rows, theirs, '-') + &only(theirs, rows, '+'));
    }
    text
}
