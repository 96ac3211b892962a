//! A server's message without the row values that it quotes.
//!
//! Messages are matched against the templates below, from which names come out and values do not. What
//! matches none is not repeated at all: a message that we do not know may quote anything.

use std::fmt;

/// What remains of a server's error or warning: code, state, names. Safe to draw and to log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reduced {
    /// The server's number, such as 1062.
    pub code: u16,
    /// SQLSTATE, such as `23000`; empty for warnings.
    pub sqlstate: String,
    /// The message with `...` for every value; empty when it is not known which parts are values.
    pub text: String,
    /// The table it names, as the server writes it.
    pub table: Option<String>,
    /// The key or constraint it names.
    pub key: Option<String>,
    /// The column it names.
    pub column: Option<String>,
    /// The row inside the statement, from 1.
    pub row: Option<u64>,
}

impl Reduced {
    /// What a person can do about it.
    pub(crate) fn advice(&self) -> &'static str {
        match self.code {
            1021 | 1030 | 1114 => "the server is out of room: free some, then restore again",
            1044 | 1142 | 1227 | 1370 | 1410 | 1419 => {
                "the account lacks a right that the dump needs; use one that has it"
            }
            1062 => "rows with this key are there already: is the database empty, are its collations the dump's?",
            1064 => {
                "the dump is in a dialect that this server does not read: was it made by the other product or a later version?"
            }
            1115 | 1273 => {
                "this server does not know the character set or collation: use the product and version that made the dump"
            }
            1205 | 1213 => "somebody else holds locks there; end those sessions and restore again",
            1153 => "raise max_allowed_packet on the server and restore again",
            1286 => "this server lacks the storage engine that the dump names",
            1290 | 1792 | 1836 => "the server is read-only: is this the replica?",
            1449 => {
                "the account that defines a view, routine or trigger does not exist here; restore with another definer"
            }
            1906 | 3105 => "the dump gives values for generated columns, as the other product writes them",
            _ => "the server's error log may say more; row values it quoted are not repeated here",
        }
    }
}

impl fmt::Display for Reduced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}", self.code)?;
        if !self.sqlstate.is_empty() {
            write!(f, " ({})", self.sqlstate)?;
        }
        if !self.text.is_empty() {
            write!(f, ": {}", self.text)?;
        }
        Ok(())
    }
}

/// Templates by code. `{table}`, `{key}`, `{column}`, `{name}` are names and come through; `{row}` and
/// `{number}` are numbers; `{}` is a value and does not.
///
/// # Source
///
/// `share/messages_to_clients.txt` of MySQL 9.7, `sql/share/errmsg-utf8.txt` of MariaDB 10.11.
const TEMPLATES: &[(u16, &str)] = &[
    (1007, "Can't create database '{name}'; database exists"),
    (1021, "Disk full ({}); waiting for someone to free some space... (errno: {})"),
    (1030, "Got error {number} - '{}' from storage engine"),
    (1030, "Got error {number} \"{}\" from storage engine {name}"),
    (1044, "Access denied for user '{name}'@'{name}' to database '{name}'"),
    (1046, "No database selected"),
    (1048, "Column '{column}' cannot be null"),
    (1049, "Unknown database '{name}'"),
    (1050, "Table '{table}' already exists"),
    (1051, "Unknown table '{table}'"),
    (1054, "Unknown column '{column}' in '{name}'"),
    (1060, "Duplicate column name '{column}'"),
    (1061, "Duplicate key name '{key}'"),
    (1062, "Duplicate entry '{}' for key '{key}'"),
    (
        1064,
        "You have an error in your SQL syntax; check the manual that corresponds to your {name} server version \
            for the right syntax to use near '{}' at line {number}",
    ),
    (1067, "Invalid default value for '{column}'"),
    (1071, "Specified key was too long; max key length is {number} bytes"),
    (1072, "Key column '{column}' doesn't exist in table"),
    (1100, "Table '{table}' was not locked with LOCK TABLES"),
    (1101, "BLOB, TEXT, GEOMETRY or JSON column '{column}' can't have a default value"),
    (1114, "The table '{table}' is full"),
    (1115, "Unknown character set: '{name}'"),
    (1118, "Row size too large. {}"),
    (1136, "Column count doesn't match value count at row {row}"),
    (1142, "{name} command denied to user '{name}'@'{name}' for table '{table}'"),
    (1142, "{name} command denied to user '{name}'@'{name}' for table {table}"),
    (1146, "Table '{table}' doesn't exist"),
    (1153, "Got a packet bigger than 'max_allowed_packet' bytes"),
    (1193, "Unknown system variable '{name}'"),
    (1205, "Lock wait timeout exceeded; try restarting transaction"),
    (1213, "Deadlock found when trying to get lock; try restarting transaction"),
    (1227, "Access denied; you need (at least one of) the {name} privilege(s) for this operation"),
    (1231, "Variable '{name}' can't be set to the value of '{}'"),
    (1235, "This version of {name} doesn't yet support '{}'"),
    (1264, "Out of range value for column '{column}' at row {row}"),
    (1265, "Data truncated for column '{column}' at row {row}"),
    (1267, "Illegal mix of collations {}"),
    (1273, "Unknown collation: '{name}'"),
    (1286, "Unknown storage engine '{name}'"),
    (1290, "The {name} server is running with the {name} option so it cannot execute this statement"),
    (1292, "Incorrect {name} value: '{}' for column '{column}' at row {row}"),
    (1292, "Incorrect {name} value: '{}' for column `{name}`.`{table}`.`{column}` at row {row}"),
    (1292, "Truncated incorrect {name} value: '{}'"),
    (1300, "Invalid {name} character string: '{}'"),
    (1305, "{name} {name} does not exist"),
    (
        1356,
        "View '{table}' references invalid table(s) or column(s) or function(s) or definer/invoker of view lack rights \
            to use them",
    ),
    (1359, "Trigger already exists"),
    (1364, "Field '{column}' doesn't have a default value"),
    (1366, "Incorrect {name} value: '{}' for column '{column}' at row {row}"),
    (1366, "Incorrect {name} value: '{}' for column `{name}`.`{table}`.`{column}` at row {row}"),
    (1406, "Data too long for column '{column}' at row {row}"),
    (
        1418,
        "This function has none of DETERMINISTIC, NO SQL, or READS SQL DATA in its declaration and binary logging \
            is enabled (you *might* want to use the less safe log_bin_trust_function_creators variable)",
    ),
    (
        1419,
        "You do not have the SUPER privilege and binary logging is enabled (you *might* want to use the less safe \
            log_bin_trust_function_creators variable)",
    ),
    (1449, "The user specified as a definer ('{name}'@'{name}') does not exist"),
    (
        1451,
        "Cannot delete or update a parent row: a foreign key constraint fails (`{name}`.`{table}`, \
            CONSTRAINT `{key}` FOREIGN KEY {}",
    ),
    (
        1452,
        "Cannot add or update a child row: a foreign key constraint fails (`{name}`.`{table}`, \
            CONSTRAINT `{key}` FOREIGN KEY {}",
    ),
    (1526, "Table has no partition for value {}"),
    (1586, "Duplicate entry '{}' for key '{key}'"),
    (1792, "Cannot execute statement in a READ ONLY transaction"),
    (1836, "Running in read-only mode"),
    (1906, "The value specified for generated column '{column}' in table '{table}' has been ignored"),
    (3105, "The value specified for generated column '{column}' in table '{table}' is not allowed."),
    (3140, "Invalid JSON text: {} in value for column '{column}'."),
    (
        3780,
        "Referencing column '{column}' and referenced column '{name}' in foreign key constraint '{key}' are \
            incompatible.",
    ),
    (3819, "Check constraint '{key}' is violated."),
    (4025, "CONSTRAINT `{key}` failed for `{name}`.`{table}`"),
];

/// Reduces a message to what may be shown, logged and kept.
pub(crate) fn reduce(code: u16, sqlstate: &str, message: &str) -> Reduced {
    let sqlstate = sqlstate.chars().filter(char::is_ascii_alphanumeric).take(5).collect();
    let known = TEMPLATES.iter().filter(|(of, _)| *of == code);
    for (_, template) in known {
        let mut reduced = Reduced { code, ..Reduced::default() };
        if fill(&mut reduced, template, message).is_some() {
            return Reduced { sqlstate, ..reduced };
        }
    }
    Reduced { code, sqlstate, ..Reduced::default() }
}

/// Walks template and message side by side; `None` where they part.
fn fill(reduced: &mut Reduced, template: &str, message: &str) -> Option<()> {
    let (mut template, mut message) = (template, message);
    while let Some(open) = template.find('{') {
        message = message.strip_prefix(&template[..open])?;
        reduced.text.push_str(&template[..open]);
        let close = open + template[open..].find('}')?;
        let slot = &template[open + 1..close];
        template = &template[close + 1..];
        let until = &template[..template.find('{').unwrap_or(template.len())];
        // A value may hold whatever follows it in the template, a name of the same message may not: it
        // ends at the first place that fits, a value at the last. The last of all ends the message.
        let end = match (slot, until) {
            (_, "") => message.len(),
            (_, _) if template == until => message.strip_suffix(until)?.len(),
            ("", _) => message.rfind(until)?,
            _ => message.find(until)?,
        };
        keep(reduced, slot, &message[..end])?;
        message = &message[end..];
    }
    reduced.text.push_str(template);
    (message == template).then_some(())
}

fn keep(reduced: &mut Reduced, slot: &str, found: &str) -> Option<()> {
    let safe = crate::model::foreign::escape(found);
    match slot {
        "" => {
            reduced.text.push_str("...");
            return Some(());
        }
        "row" => reduced.row = Some(found.parse().ok()?),
        "number" => drop(found.parse::<u64>().ok()?),
        // Names of one part have 64 characters at most, qualified ones two of those.
        _ if found.chars().count() > 200 => return None,
        "table" => reduced.table = Some(safe.clone()),
        "key" => reduced.key = Some(safe.clone()),
        "column" => reduced.column = Some(safe.clone()),
        _ => {}
    }
    reduced.text.push_str(&safe);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(code: u16, message: &str) -> String {
        reduce(code, "HY000", message).to_string()
    }

    #[test]
    fn names_come_through_and_values_do_not() {
        let reduced = reduce(1062, "23000", "Duplicate entry 'SECRET-1' for key 'items.PRIMARY'");
        assert_eq!(reduced.to_string(), "error 1062 (23000): Duplicate entry '...' for key 'items.PRIMARY'");
        assert_eq!(reduced.key.as_deref(), Some("items.PRIMARY"));
        let reduced = reduce(1366, "", "Incorrect integer value: 'SECRET' for column `shop`.`items`.`n` at row 7");
        assert_eq!(
            (reduced.table.as_deref(), reduced.column.as_deref(), reduced.row),
            (Some("items"), Some("n"), Some(7))
        );
        assert!(!reduced.to_string().contains("SECRET"));
        assert_eq!(
            text(1406, "Data too long for column 'name' at row 3"),
            "error 1406 (HY000): Data too long for column 'name' at row 3"
        );
    }

    #[test]
    fn a_value_that_imitates_the_message_stays_hidden() {
        let reduced = reduce(1062, "", "Duplicate entry 'SECRET' for key 'SECRET' for key 'k'");
        assert_eq!(reduced.to_string(), "error 1062: Duplicate entry '...' for key 'k'");
        let near = "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version \
                    for the right syntax to use near 'SECRET' at line 5 SECRET' at line 9";
        assert!(text(1064, near).ends_with("near '...' at line 9"));
        assert!(!text(1064, near).contains("SECRET"));
    }

    #[test]
    fn a_message_that_is_not_known_is_not_repeated() {
        assert_eq!(text(1644, "SECRET"), "error 1644 (HY000)");
        assert_eq!(text(1062, "Doppelter Eintrag 'SECRET'"), "error 1062 (HY000)");
        assert_eq!(text(1048, &format!("Column '{}' cannot be null", "SECRET".repeat(100))), "error 1048 (HY000)");
        assert_eq!(text(1049, "Unknown database 'a\u{1b}[2J'"), "error 1049 (HY000): Unknown database 'a\\u{1b}[2J'");
    }
}
