//! The filter of changes as it is typed: tokens named as the flags of `breakglass changes`.

use crate::model::change::ChangeKind;
use crate::model::changes::{ChangeFilter, GtidSet, Literal, PositionBound, TableFilter};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;
use crate::tui::theme::nearest;

/// The tokens, in the order in which help names them; each is the flag of the same name.
pub const TOKENS: [&str; 14] = [
    "table",
    "kind",
    "since",
    "until",
    "key",
    "where",
    "changed-column",
    "statement",
    "gtid",
    "transaction",
    "thread",
    "schema-name",
    "from-position",
    "to-position",
];

/// A filter that was typed, understood.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Typed {
    /// As it was typed.
    pub text: String,
    /// What it means.
    pub filter: ChangeFilter,
    /// The same as flags and their values.
    pub flags: Vec<(&'static str, String)>,
    /// What could not be understood, in words.
    pub problems: Vec<String>,
}

impl Typed {
    /// Reads what was typed. Never fails: what cannot be understood is named by `problems` and keeps everything.
    ///
    /// Values with blanks stand in double quotes; a word without a token is a table; a time without a day is of
    /// `day`.
    pub fn parse(text: &str, day: Moment) -> Self {
        let mut typed = Self { text: text.trim().to_owned(), ..Self::default() };
        for piece in pieces(text) {
            let (token, value) = match piece.split_once(':') {
                Some((token, value)) => (token.to_lowercase(), value.to_owned()),
                None => ("table".to_owned(), piece),
            };
            match TOKENS.iter().find(|known| **known == token) {
                None => {
                    typed.problems.push(format!("no token `{token}:`; the nearest is `{}:`", nearest(&token, &TOKENS)))
                }
                Some(_) if value.is_empty() => {}
                Some(token) => match take(&mut typed.filter, token, &value, day) {
                    Ok(value) => typed.flags.push((token, value)),
                    Err(problem) => typed.problems.push(problem),
                },
            }
        }
        typed
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// The flags as a shell takes them, with a blank in front of each.
    pub fn words(&self) -> String {
        self.words_without(&[])
    }

    /// The same without some of them.
    pub fn words_without(&self, left_out: &[&str]) -> String {
        let flags = self.flags.iter().filter(|(flag, _)| !left_out.contains(flag));
        flags.map(|(flag, value)| format!(" --{flag} {}", quoted(value))).collect()
    }

    /// The same text with other tables.
    pub fn with_tables(&self, tables: &[String]) -> String {
        let other = pieces(&self.text)
            .into_iter()
            .filter(|piece| piece.split_once(':').is_some_and(|(token, _)| !token.eq_ignore_ascii_case("table")));
        let other = other.map(|piece| if piece.contains(' ') { requoted(&piece) } else { piece });
        let tables = tables.iter().map(|table| {
            let piece = format!("table:{table}");
            if piece.contains(' ') { requoted(&piece) } else { piece }
        });
        tables.chain(other).collect::<Vec<_>>().join(" ")
    }
}

/// Puts the value of a token into double quotes.
fn requoted(piece: &str) -> String {
    let (token, value) = piece.split_once(':').unwrap_or(("table", piece));
    format!("{token}:\"{value}\"")
}

/// A word for a shell: in quotes where it needs them.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// Words with blanks between them; what stands in double quotes is one, and loses them.
fn pieces(text: &str) -> Vec<String> {
    let (mut pieces, mut piece, mut inside, mut any) = (vec![], String::new(), false, false);
    for c in text.chars() {
        match c {
            '"' => (inside, any) = (!inside, true),
            c if c.is_whitespace() && !inside => {
                if any {
                    pieces.push(std::mem::take(&mut piece));
                }
                any = false;
            }
            c => {
                piece.push(c);
                any = true;
            }
        }
    }
    if any {
        pieces.push(piece);
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Takes one token in; returns the value of the flag that means the same.
fn take(filter: &mut ChangeFilter, token: &str, value: &str, day: Moment) -> Result<String, String> {
    match token {
        "table" => filter.tables.push(TableFilter::parse(value)),
        "schema-name" => filter.schemas.push(Foreign::from(value)),
        "kind" => filter.kinds.push(match value.to_lowercase().as_str() {
            "insert" => ChangeKind::Insert,
            "update" => ChangeKind::Update,
            "delete" => ChangeKind::Delete,
            _ => return Err("kind: is insert, update or delete".to_owned()),
        }),
        "since" => {
            let at = moment(value, day)?;
            filter.since = Some(at);
            return Ok(flag_of(at));
        }
        "until" => {
            let at = moment(value, day)?;
            filter.until = Some(at);
            return Ok(flag_of(at));
        }
        "gtid" => {
            let set = GtidSet::parse(value).ok_or("gtid: is such as uuid:1-5 or 0-1-7")?;
            filter.gtids = Some(set);
        }
        "transaction" => filter.begins.push(position(value)?),
        "thread" => filter.threads.push(value.parse().map_err(|_| "thread: is a number".to_owned())?),
        "key" => filter.keys.push(Literal::list(value).ok_or("key: holds a quote without an end")?),
        "changed-column" => filter.changed.push(value.to_owned()),
        "where" => {
            let (column, value) = value.split_once('=').ok_or("where: is column=value")?;
            let literal = Literal::parse(value).ok_or("where: holds a quote without an end")?;
            filter.values.push((column.to_owned(), literal));
        }
        "statement" => filter.statement = Some(value.to_owned()),
        "from-position" => filter.from = Some(position(value)?),
        _ => filter.to = Some(position(value)?),
    }
    Ok(value.to_owned())
}

fn position(value: &str) -> Result<PositionBound, String> {
    PositionBound::parse(value).ok_or_else(|| "a position is FILE:BYTE, such as binlog.000412:1234".to_owned())
}

/// A time as flags take it.
fn flag_of(at: Moment) -> String {
    let text = at.rfc3339();
    text.strip_suffix(".000Z").map_or(text.clone(), |text| format!("{text}Z"))
}

fn moment(value: &str, day: Moment) -> Result<Moment, String> {
    let spelled = value.replace('t', "T").replace('z', "Z");
    let on_day = || Moment::parse(&format!("{} {spelled}", day.day()));
    let found = Moment::parse(&spelled).or_else(on_day);
    found.ok_or_else(|| format!("`{value}` is no time: write 14:02, 14:02:31 or 2026-11-21T14:02"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Typed {
        Typed::parse(text, Moment::parse("2026-11-21 14:31:57").unwrap())
    }

    #[test]
    fn tokens_are_the_flags() {
        let one = typed("shop.orders kind:delete since:14:02 statement:\"DELETE FROM\" where:status=paid");
        assert!(one.problems.is_empty(), "{:?}", one.problems);
        let flags = " --table shop.orders --kind delete --since 2026-11-21T14:02:00Z --statement 'DELETE FROM' --where status=paid";
        assert_eq!(one.words(), flags);
        assert_eq!(one.filter.tables, [TableFilter { schema: Some("shop".into()), table: "orders".into() }]);
        assert_eq!(one.filter.since, Moment::parse("2026-11-21 14:02"));
        assert_eq!(one.filter.statement.as_deref(), Some("DELETE FROM"));
    }

    #[test]
    fn half_a_token_keeps_everything_and_a_wrong_one_says_so() {
        assert!(typed("kind: table:").is_empty());
        assert_eq!(typed("tabel:x").problems, ["no token `tabel:`; the nearest is `table:`"]);
        assert_eq!(typed("kind:remove").problems, ["kind: is insert, update or delete"]);
        assert!(typed("since:noon").problems[0].contains("is no time"));
        assert!(typed("gtid:x thread:y key:'a where:b from-position::").problems.len() == 5);
    }

    #[test]
    fn choosing_tables_leaves_the_rest_of_a_filter() {
        let one = typed("orders kind:delete statement:\"a b\"");
        let tables = ["shop.stock".to_owned(), "a table".to_owned()];
        assert_eq!(one.with_tables(&tables), "table:shop.stock table:\"a table\" kind:delete statement:\"a b\"");
        assert_eq!(typed("orders").with_tables(&[]), "");
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_is_read(text in ".{0,60}") {
            let one = typed(&text);
            let _ = typed(&one.with_tables(&["a b".to_owned()]));
        }
    }
}
