//! Rows that refer to nothing, asked for before and after: where foreign keys are not checked, there must be none, or the
//! same.

use crate::change::index::Index;
use crate::change::script::{self, LEFT_NONE, ORPHANS, ORPHANS_ARE, ORPHANS_FROM, ORPHANS_LOCKED};
use crate::change::undo::{Direction, Reference, Request};
use crate::model::foreign::Foreign;
use crate::model::script::Checks;
use crate::sql::exact;
use crate::sql::ident;

/// A question for each foreign key, without its end.
#[derive(Default)]
pub(super) struct Orphans {
    /// And whether it is printable ASCII.
    asked: Vec<(Vec<u8>, bool)>,
}

impl Orphans {
    pub fn of(references: &[Reference]) -> Self {
        let known = references.iter().filter(|reference| is_whole(reference));
        let asked = known.map(|reference| {
            let question = question(reference);
            let is_ascii = question.iter().all(|byte| (b' '..=b'~').contains(byte));
            (question, is_ascii)
        });
        Self { asked: asked.collect() }
    }

    /// Asks which were there before.
    pub fn before(&self, out: &mut Vec<u8>) {
        for (nth, (question, is_ascii)) in (0..).zip(&self.asked) {
            let start = out.len();
            out.extend_from_slice(question);
            out.extend_from_slice(ORPHANS.as_bytes());
            exact::unsigned(out, nth);
            script::end(out, start, *is_ascii);
        }
    }

    /// Asks again: others are off.
    pub fn after(&self, out: &mut Vec<u8>) {
        for (nth, (question, is_ascii)) in self.asked.iter().enumerate() {
            script::lines(out, &[LEFT_NONE]);
            let start = out.len();
            out.extend_from_slice(question);
            out.extend_from_slice(b" INTO @bg_left");
            script::end(out, start, *is_ascii);
            script::lines(out, &[&script::off_by_orphans(nth)]);
        }
    }
}

/// What rows of a table may only go through while keys are not checked: a server would change rows of others with them
/// that no log has, such as those that came since, or those of a REPLACE, which logs two changes of one parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Along {
    /// When they are taken away.
    pub taken: bool,
    /// When they are set.
    pub set: bool,
}

pub(super) fn along(request: &Request<'_>, (schema, name): (&Foreign, &Foreign)) -> Along {
    let is_it = |reference: &&Reference| (&reference.parent.0, &reference.parent.1) == (schema, name);
    let all = request.references.iter().filter(is_it).filter(|_| request.checks == Checks::AsLogged);
    all.fold(Along::default(), |all, one| Along { taken: all.taken || one.takes_along, set: all.set || one.lets_go })
}

/// Whether the script takes rows of such tables away, or sets them.
pub(super) fn takes_parents(index: &Index, request: &Request<'_>) -> bool {
    index.undone.iter().any(|(table, undone)| {
        let taken = match request.direction {
            Direction::Undo => undone.events.inserts,
            Direction::Redo => undone.events.deletes,
        };
        let (schema, name) = (Foreign::new(table.schema.clone()), Foreign::new(table.table.clone()));
        let along = along(request, (&schema, &name));
        taken > 0 && along.taken || undone.events.updates > 0 && along.set
    })
}

fn is_whole(reference: &Reference) -> bool {
    let Reference { child, columns, parent, keys, .. } = reference;
    let tables = [&child.0, &child.1, &parent.0, &parent.1];
    let mut names = tables.into_iter().chain(columns).chain(keys);
    names.all(|name| name.raw_str().is_some_and(|name| !name.contains('\0')))
        && !columns.is_empty()
        && columns.len() == keys.len()
}

fn question(reference: &Reference) -> Vec<u8> {
    let quoted = |name: &Foreign| ident::quote(name.raw_bytes());
    let table = |(schema, name): &(Foreign, Foreign)| [quoted(schema), quoted(name)].join(&b'.');
    let one = |alias: &str, name: &Foreign, behind: &[u8]| [alias.as_bytes(), &quoted(name)[..], behind].concat();
    let pairs = reference.columns.iter().zip(&reference.keys);
    let joined = pairs.map(|(column, key)| [one("c.", column, b"="), one("p.", key, b"")].concat());
    let joined = joined.collect::<Vec<_>>().join(&b" AND "[..]);
    let set = reference.columns.iter().map(|column| one("c.", column, b" IS NOT NULL AND ")).collect::<Vec<_>>();
    let none = reference.keys.first().map_or_else(Vec::new, |key| one("p.", key, b" IS NULL"));
    let told = reference.columns.iter().map(|column| [b",HEX(", &one("c.", column, b")")[..]].concat());
    [
        ORPHANS_ARE.as_bytes().to_vec(),
        told.collect::<Vec<_>>().concat(),
        ORPHANS_FROM.as_bytes().to_vec(),
        table(&reference.child),
        b" c LEFT JOIN ".to_vec(),
        table(&reference.parent),
        b" p ON ".to_vec(),
        joined,
        b" WHERE ".to_vec(),
        set.concat(),
        none,
        ORPHANS_LOCKED.as_bytes().to_vec(),
    ]
    .concat()
}
