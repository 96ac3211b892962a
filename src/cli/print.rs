//! What goes to standard output: tables and facts for people, JSON Lines for programs.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use unicode_width::UnicodeWidthStr;

use crate::cli::error::CliError;
use crate::cli::table::Table;
use crate::model::foreign::is_plain;
use crate::report::{Report, Reportable};

/// For whom is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// People.
    Text,
    /// Programs: one JSON object a line.
    Json,
}

/// Standard output and standard error of one run.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    form: Form,
    /// Columns of the terminal behind standard output; `None` when it is none.
    width: Option<usize>,
}

impl Printer {
    /// For this process's own output.
    pub fn new(form: Form) -> Self {
        let stdout = io::stdout();
        Self { form, width: stdout.is_terminal().then(|| columns(&stdout)) }
    }

    /// For whom is printed.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Columns to write for: those of the terminal, or 80.
    pub fn columns(&self) -> usize {
        self.width.unwrap_or(80)
    }

    /// One JSON object on a line of its own.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written, except that a reader that has gone (`| head`) is no error.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Report> {
        out(&json_line(value))
    }

    /// A table, cut to the terminal's width where there is one.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub fn table(&self, table: &Table) -> Result<(), Report> {
        out(&table.render(self.width))
    }

    /// One line of text that is already safe to draw.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub fn line(&self, text: &str) -> Result<(), Report> {
        out(&format!("{text}\n"))
    }

    /// Text of several lines that is safe to draw.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub fn text(&self, text: &str) -> Result<(), Report> {
        out(text)
    }

    /// `name  value` lines with the names in one column.
    ///
    /// # Errors
    ///
    /// As [`json`](Self::json).
    pub fn facts(&self, facts: &[(&str, String)]) -> Result<(), Report> {
        let widest = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in facts {
            for (at, line) in value.lines().enumerate() {
                let name = if at == 0 { name } else { "" };
                text.push_str(format!("{name:widest$}  {line}").trim_end());
                text.push('\n');
            }
        }
        out(&text)
    }

    /// A remark on standard error; programs get none.
    pub fn say(&self, text: &str) {
        if self.form == Form::Text {
            let _ =
                writeln!(io::stderr(), "{}", self.width.map_or_else(|| text.to_owned(), |width| wrapped(text, width)));
        }
    }

    /// A remark on standard error that programs must not miss: its lines for people, for programs its facts.
    pub fn remark(&self, code: &str, lines: &[String], facts: &impl Serialize) {
        match self.form {
            Form::Text => lines.iter().for_each(|line| self.say(line)),
            Form::Json => {
                let remark = Remarked { remark: Remark { code, lines, facts } };
                let _ = io::stderr().write_all(json_line(&remark).as_bytes());
            }
        }
    }

    /// A failure on standard error, in the form that was asked for.
    pub fn failure(&self, report: &Report) {
        let text = match self.form {
            Form::Json => json_line(&Failure { error: report }),
            Form::Text => failure_text(report),
        };
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// `{"remark": ...}`: a code, the words, and whatever the code stands for.
#[derive(Serialize)]
struct Remarked<'a, T> {
    remark: Remark<'a, T>,
}

#[derive(Serialize)]
struct Remark<'a, T> {
    code: &'a str,
    lines: &'a [String],
    #[serde(flatten)]
    facts: &'a T,
}

/// `{"error": ...}` with the fields in their documented order.
#[derive(Serialize)]
struct Failure<'a> {
    error: &'a Report,
}

/// Columns of a terminal; one that does not know its size is taken for one of 80.
pub fn columns(terminal: impl AsFd) -> usize {
    match rustix::termios::tcgetwinsize(terminal).map_or(0, |size| size.ws_col) {
        0 => 80,
        known => usize::from(known.max(20)),
    }
}

fn failure_text(report: &Report) -> String {
    let mut text = format!("breakglass: {}\n", report.headline);
    for cause in &report.causes {
        text.push_str(&format!("  because: {cause}\n"));
    }
    if !report.advice.is_empty() {
        text.push_str(&format!("  try: {}\n", report.advice));
    }
    text.push_str(&format!("  ({})\n", report.code));
    text
}

fn out(text: &str) -> Result<(), Report> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Stdout(error).report()),
        _ => Ok(()),
    }
}

/// A value as one line of JSON in which nothing can move a terminal's cursor or turn its text around.
pub fn json_line(value: &impl Serialize) -> String {
    let mut line = Vec::with_capacity(512);
    let written = value.serialize(&mut Serializer::with_formatter(&mut line, Harmless));
    debug_assert!(written.is_ok(), "our own types serialize");
    line.push(b'\n');
    String::from_utf8(line).unwrap_or_default()
}

/// JSON without blanks, and with everything that is not plain text as `\uXXXX`: serde_json itself
/// escapes only what JSON demands, which leaves DEL, C1 controls and bidirectional marks raw.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| !is_plain(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// A sentence in lines that fit, broken between words, the later lines indented.
pub fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split(' ') {
        let more = word.width() + usize::from(used > 0);
        if used > 0 && used + more > width {
            lines.push_str("\n  ");
            used = 2;
        } else if used > 0 {
            lines.push(' ');
        }
        lines.push_str(word);
        used += more;
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_raw_stands_in_json() {
        let line = json_line(&["a\u{9b}31m\u{202e}\x7f\x1b[0m\u{e0001} ümlaut"]);
        assert_eq!(line, "[\"a\\u009b31m\\u202e\\u007f\\u001b[0m\\udb40\\udc01 ümlaut\"]\n");
    }

    proptest! {
        #[test]
        fn escaped_json_reads_back_as_it_was(text in any::<String>()) {
            let line = json_line(&text);
            prop_assert!(line.trim_end_matches('\n').chars().all(is_plain));
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }

    #[test]
    fn a_failure_says_what_why_and_what_to_try() {
        let report =
            Report::new(crate::report::Fault::Refused, "work::gone", "it is gone", "list again").because("404");
        assert_eq!(
            failure_text(&report),
            "breakglass: it is gone\n  because: 404\n  try: list again\n  (work::gone)\n"
        );
    }
}
