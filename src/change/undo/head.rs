//! The script's header: written last, into room that was left for it.

use sha2::{Digest, Sha256};

use crate::change::index::{Index, Weight};
use crate::change::reverse::Hazard;
use crate::change::script::{Header, Lines, comment};
use crate::change::undo::orphans::takes_parents;
use crate::change::undo::{Direction, Request, Written};
use crate::model::change::ChangeKind;
use crate::model::foreign::Foreign;
use crate::model::script::Checks;

/// The most hazards that are listed one by one.
const HAZARDS: usize = 100;
/// In front of the digits of the digest of everything behind the header.
const BODY: &str = "body: ";
/// In front of the digits of the digest of all lines of the header in front of it.
const DIGEST: &str = "digest: ";
/// Bytes of the last line.
const LAST: usize = "-- \n".len() + DIGEST.len() + 64;

/// What a header is made from.
pub(super) struct Head<'h> {
    pub index: &'h Index,
    pub request: &'h Request<'h>,
    pub lines: Lines,
    /// The name by which a run is gone on with.
    pub name: &'h str,
}

impl Head<'_> {
    /// A header of the largest size that it can have.
    pub fn room(&self) -> Vec<u8> {
        const MOST: u64 = u64::MAX;
        let label = |(schema, name): (&[u8], &[u8])| format!("{}.{}", Foreign::new(schema), Foreign::new(name));
        let labels = self.index.tables.keys().map(|name| Foreign::from(label((&name.schema, &name.table))));
        let each = [Hazard::NoKey, Hazard::EngineUnknown];
        let all = labels.take(HAZARDS).flat_map(|label| each.map(|hazard| hazard(label.clone())));
        let doings =
            [ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete].map(|kind| ((String::new(), kind), MOST));
        let written = Written {
            statements: MOST,
            transactions: MOST,
            longest: MOST,
            hazards: all.collect(),
            doings: doings.into_iter().collect(),
            of_all: of_all(self.index, self.request, self.lines),
            ..Written::default()
        };
        let mut text = self.text(&written);
        // "and 18446744073709551615 more", should the tables be more than are listed; and the last line.
        text.resize(text.len() + 64 + LAST, b' ');
        text
    }

    /// The header, of exactly `room` bytes, and the digest in its last line; `None` if it is larger.
    pub fn fill(&self, written: &Written, room: usize) -> Option<(Vec<u8>, [u8; 32])> {
        let mut text = self.text(written);
        let at = memchr::memmem::rfind(&text, BODY.as_bytes())?.checked_sub("\n-- ".len())?;
        let spare = room.checked_sub(text.len() + LAST)?;
        text.splice(at..at, std::iter::repeat_n(b' ', spare));
        let digest: [u8; 32] = Sha256::digest(&text).into();
        comment(&mut text, format!("{DIGEST}{}", data_encoding::HEXLOWER.encode(&digest)).as_bytes());
        Some((text, digest))
    }

    fn text(&self, written: &Written) -> Vec<u8> {
        let mut text = vec![];
        let mut line = |words: String| comment(&mut text, words.as_bytes());
        let Header { lines, hazards, notes, .. } = &self.request.header;
        let what = if self.request.direction == Direction::Undo { "undo" } else { "redo" };
        line(format!("breakglass {what} script, format 1"));
        line(self.instruction());
        lines.iter().for_each(|(label, value)| line(format!("{label}: {value}")));
        let rows = |kind: ChangeKind| {
            let of_kind = written.doings.iter().filter(|((_, other), _)| *other == kind);
            of_kind.fold(0_u64, |sum, (_, rows)| sum.saturating_add(*rows))
        };
        let (back, set) = (rows(ChangeKind::Insert), rows(ChangeKind::Update));
        line(format!("rows: {back} put back, {set} set back, {} taken away", rows(ChangeKind::Delete)));
        if let Some(locks) = self.locks(back.saturating_add(set).saturating_add(rows(ChangeKind::Delete))) {
            line(locks);
        }
        line(format!(
            "undone: {} transactions; the longest statement has {} bytes",
            written.transactions, written.longest
        ));
        written.hazards.iter().take(HAZARDS).for_each(|hazard| line(format!("hazard: {hazard}")));
        if written.hazards.len() > HAZARDS {
            line(format!("hazard: and {} more of these", written.hazards.len() - HAZARDS));
        }
        written.of_all.iter().for_each(|words| line(format!("hazard: {words}")));
        hazards.iter().for_each(|words| line(format!("hazard: {words}")));
        notes.iter().for_each(|words| line(format!("note: {words}")));
        line(format!("statements: {}", written.statements));
        line(format!("{BODY}{}", data_encoding::HEXLOWER.encode(&written.body)));
        text
    }

    /// What the script asks of a server while it runs: rows that stay locked, and the size of what it logs.
    fn locks(&self, rows: u64) -> Option<String> {
        let Weight { bytes, largest } = self.index.weight;
        match self.lines {
            Lines::Once => Some(format!(
                "size: one transaction that locks {rows} rows and their keys to its end, and logs about {bytes} bytes \
                 (max_binlog_cache_size must hold them)"
            )),
            Lines::Each => Some(format!(
                "size: {rows} rows, those of each transaction locked to its own end; the largest logs about {largest} \
                 bytes (max_binlog_cache_size must hold them), all about {bytes}"
            )),
            Lines::Lasting => None,
        }
    }

    fn instruction(&self) -> String {
        let feed = "Feed it to mysql or mariadb in a session of its own:";
        match self.lines {
            Lines::Once => format!("{feed} it applies all of this or nothing."),
            Lines::Lasting => format!("{feed} its tables do not roll back, so what it did before it stops stays."),
            Lines::Each => format!(
                "{feed} it applies one transaction after the other, and prints how far it came; to go on, \
                 run SET @bg_resume='{}-NUMBER' in front of it.",
                self.name
            ),
        }
    }
}

/// Hazards of a script as a whole.
pub(super) fn of_all(index: &Index, request: &Request<'_>, lines: Lines) -> Vec<&'static str> {
    let mut hazards = vec![];
    if lines == Lines::Lasting {
        hazards.push("these tables keep changes after ROLLBACK");
    }
    match request.checks {
        Checks::Off => hazards.push("foreign keys are not checked while this runs"),
        Checks::AsLogged if index.unchecked.count() > 0 => {
            hazards.push(if request.references.is_empty() {
                "foreign keys are not checked around transactions that ran without checks or with cascades, and \
                 nothing counts rows that then refer to nothing"
            } else {
                "foreign keys are not checked around transactions that ran without checks or with cascades; rows \
                 that refer to nothing are asked for before and behind, and others than before stop it"
            });
        }
        _ => {}
    }
    if takes_parents(index, request) {
        hazards.push(
            "foreign keys are not checked around rows that others follow with CASCADE or SET NULL and that this \
             takes away or gives another key, so that nothing goes with them; rows that refer to nothing are asked \
             for before and behind, and others than before stop it",
        );
    }
    hazards
}
