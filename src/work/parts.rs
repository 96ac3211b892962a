//! Which database of an archive goes where.

use crate::model::foreign::Foreign;
use crate::model::plan::{Part, PlanFinding, SinkState, Stance};
use crate::model::sink::{ServerFacts, Sink};
use crate::model::trust::{MemberProof, Proof};
use crate::work::plan::{PlanRequest, fact};

/// A database of a backup that is to be called otherwise: `FROM:TO`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// As the backup calls it.
    pub from: Foreign,
    /// As it is to be called.
    pub to: Foreign,
}

/// What becomes of an archive's members, and what stands in the way.
#[derive(Debug, Default)]
pub struct Parts {
    /// Member by member; what stands in the databases is not known yet.
    pub parts: Vec<Part>,
    /// What cannot be, and what is left out.
    pub findings: Vec<PlanFinding>,
}

/// Assigns the members of a proven archive to databases; nothing for a dump by itself.
pub fn assign(proof: &Proof, request: &PlanRequest) -> Parts {
    let mut assigned = Parts::default();
    if proof.members.is_empty() {
        return assigned;
    }
    for member in &proof.members {
        match (&member.database, &member.dump) {
            (Some(database), Some(_)) => assigned.member(member, database, request),
            (None, Some(_)) => {
                let text = format!("{} names several databases: restore it to a folder (dir:)", member.name);
                assigned.findings.push(fact("several_databases", Stance::Stops, text));
            }
            (_, None) => {
                let text = format!("{} holds no SQL and is left out", member.name);
                assigned.findings.push(fact("no_dump", Stance::Warns, text));
            }
        }
    }
    assigned.unknown(proof, request);
    assigned.collisions();
    if let Sink::Mysql(sink) = &request.into {
        assigned.settle_in(&sink.database);
    }
    assigned
}

impl Parts {
    fn member(&mut self, member: &MemberProof, database: &Foreign, request: &PlanRequest) {
        if request.databases.as_ref().is_some_and(|wanted| !wanted.contains(database)) {
            return;
        }
        let renamed = request.renames.iter().find(|rename| rename.from == *database);
        let into = renamed.map_or_else(|| database.clone(), |rename| rename.to.clone());
        let own = member.dump.as_ref().and_then(|dump| dump.own.as_ref());
        let defaults = own.and_then(|own| own.charset.clone().zip(own.collation.clone()));
        let (from, there) = (database.clone(), SinkState::New);
        self.parts.push(Part { member: member.name.clone(), from, into, there, defaults });
    }

    /// Names that were asked for and are not there.
    fn unknown(&mut self, proof: &Proof, request: &PlanRequest) {
        let held = |name: &Foreign| proof.members.iter().any(|member| member.database.as_ref() == Some(name));
        let asked = request.databases.iter().flatten().chain(request.renames.iter().map(|rename| &rename.from));
        for name in asked.filter(|name| !held(name)) {
            let text = format!("the backup holds no database {name}");
            self.findings.push(fact("no_such_database", Stance::Stops, text));
        }
    }

    /// Two of them in one would overwrite each other.
    fn collisions(&mut self) {
        for (at, part) in self.parts.iter().enumerate() {
            if self.parts[..at].iter().any(|other| other.into == part.into) {
                let text = format!("two databases of the backup would become {}: rename one of them", part.into);
                self.findings.push(fact("same_database", Stance::Stops, text));
                return;
            }
        }
    }

    /// A sink of one database takes one.
    fn settle_in(&mut self, database: &Foreign) {
        match self.parts.as_mut_slice() {
            [part] => part.into = database.clone(),
            [] => {}
            parts => {
                let names: Vec<String> = parts.iter().take(8).map(|part| part.from.to_string()).collect();
                let text = format!(
                    "the backup holds {} databases ({}): choose one (--databases), or name none behind the server \
                     to restore each under its own name",
                    parts.len(),
                    names.join(", ")
                );
                self.findings.push(fact("choose_database", Stance::Stops, text));
            }
        }
    }
}

/// Leaves out a collation that the server does not know: its own default is used, and the plan says so elsewhere.
pub fn known_defaults(parts: &mut [Part], facts: &ServerFacts) {
    for part in parts {
        part.defaults.take_if(|(_, collation)| !facts.collations.contains(collation));
    }
}
