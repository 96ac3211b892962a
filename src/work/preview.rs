//! What rewriting changes: statements of a dump as they stand, and as they would run under a plan.

use std::collections::BTreeSet;

use crate::format::rewrite::{Choices, Fate};
use crate::format::statements;
use crate::format::statements::{Kind, RiskKind, Statement};
use crate::model::dump::{Sample, Samples};
use crate::model::foreign::{Foreign, escape};
use crate::model::plan::{RestorePlan, Rewrite};
use crate::model::trust::Proof;
use crate::sql::lexer::{Charset, Dialect, PieceKind, StatementEnd};
use crate::work::feeding;
use crate::work::hazards::Decisions;
use crate::work::load;
use crate::work::rewrite;

/// Statements that are kept of one dump.
const KEPT: usize = 64;
/// Bytes of the longest one.
const LONGEST: u64 = 4096;

/// Keeps statements that a plan may change: never one that holds rows.
#[derive(Debug, Default)]
pub struct Sampler {
    samples: Samples,
    seen: BTreeSet<Vec<u8>>,
}

impl Sampler {
    /// Looks at a statement.
    pub fn see(&mut self, end: &StatementEnd<'_>) {
        if end.kind != PieceKind::Statement || end.insert.is_some() {
            return;
        }
        let Some(statement) = statements::read(end).filter(|statement| changeable(statement, end.head)) else { return };
        let fits = end.is_whole() && end.len() <= LONGEST && end.dialect.charset == Charset::Transparent;
        if !fits || self.samples.kept.len() >= KEPT {
            self.samples.more += 1;
        } else if self.seen.insert(end.head.to_vec()) || statement.risks.is_empty() {
            self.samples.kept.push(Sample {
                statement: end.number,
                at_byte: end.start,
                text: Foreign::new(end.head),
                ansi_quotes: end.dialect.ansi_quotes,
                no_backslash_escapes: end.dialect.no_backslash_escapes,
            });
        }
    }

    /// What was kept.
    pub fn finish(self) -> Samples {
        self.samples
    }
}

/// Definers, names with a database, risks that can be left out, and what the remedies change.
fn changeable(statement: &Statement, head: &[u8]) -> bool {
    let unclear = |kind: RiskKind| matches!(kind, RiskKind::Unknown | RiskKind::Expression | RiskKind::TooLong);
    // They may hold passwords.
    let secret = |kind: RiskKind| matches!(kind, RiskKind::Accounts | RiskKind::Link | RiskKind::Engine);
    let selects =
        statement.kind == Kind::CreateTable && memchr::memmem::find(&head.to_ascii_uppercase(), b"SELECT").is_some();
    if statement.kind == Kind::Other
        || selects
        || statement.risks.iter().any(|risk| unclear(risk.kind) || secret(risk.kind))
    {
        return false; // it may be anything, rows included
    }
    let names = || statement.kind == Kind::Set && memchr::memmem::find(head, b"NAMES").is_some();
    !statement.risks.is_empty() || statement.definer.is_some() || statement.kind == Kind::CreateTrigger || names()
}

/// What a plan changes in the statements that are known, and whether those are all.
pub fn of(plan: &RestorePlan, proof: &Proof) -> Vec<Rewrite> {
    if plan.into.server().is_none() {
        return vec![];
    }
    let choices = rewrite::choices(plan, &Decisions::of(&plan.findings));
    let mut rewrites = vec![];
    for destination in load::destinations(plan, proof) {
        let dump = match &destination.member {
            None => proof.dump.as_deref(),
            Some(name) => {
                let member = proof.members.iter().find(|member| member.name == *name);
                member.and_then(|member| member.dump.as_deref())
            }
        };
        let Some(samples) = dump.map(|dump| &dump.samples) else { continue };
        let choices = feeding::choices_for(&choices, &destination);
        rewrites.extend(samples.kept.iter().filter_map(|sample| one(sample, &choices, destination.member.as_ref())));
        if samples.more > 0 {
            let place = destination.member.as_ref().map(|member| format!("{member}: ")).unwrap_or_default();
            let text = format!("{} more statements may change and are too long or too many to be shown", samples.more);
            rewrites.push(Rewrite { place: format!("{place}beside these"), before: vec![text], after: None });
        }
    }
    rewrites
}

fn one(sample: &Sample, choices: &Choices, member: Option<&Foreign>) -> Option<Rewrite> {
    let text = sample.text.raw_bytes();
    let Sample { ansi_quotes, no_backslash_escapes, .. } = *sample;
    let dialect = Dialect { charset: Charset::Transparent, ansi_quotes, no_backslash_escapes, garbled: false };
    let end = StatementEnd {
        number: sample.statement,
        start: sample.at_byte,
        end: sample.at_byte + text.len() as u64,
        kind: PieceKind::Statement,
        delimiter: 0,
        head: text,
        insert: None,
        dialect,
    };
    let after = match choices.fate(&statements::read(&end)?, text, dialect) {
        Fate::Keep => return None,
        Fate::Replace(new) => Some(lines(&new)),
        Fate::Drop(_) => None,
        Fate::Stuck(kind) => Some(vec![format!("refused: {}", kind.words())]),
    };
    let member = member.map(|member| format!("{member}: ")).unwrap_or_default();
    let place = format!("{member}statement {}, byte {}", sample.statement, sample.at_byte);
    Some(Rewrite { place, before: lines(text), after })
}

fn lines(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).lines().map(escape).collect()
}
