//! Which database of an archive goes where.

use crate::model::foreign::Foreign;
use crate::model::plan::{Part, PlanFinding, SinkState, Stance};
use crate::model::sink::{ServerFacts, Sink};
use crate::model::trust::{MemberProof, Proof};
use crate::work::plan::{PlanRequest, fact, some};

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
    if assigned.parts.is_empty() && assigned.findings.iter().all(|finding| finding.stance != Stance::Stops) {
        let text = "nothing in the archive is SQL that a server takes: restore it to a folder (dir:)";
        assigned.findings.push(fact("no_dump", Stance::Stops, text));
    }
    assigned
}

/// Renames that would change nothing, or something else than they say.
pub fn unused_renames(proof: Option<&Proof>, request: &PlanRequest) -> Vec<PlanFinding> {
    let unused = request.renames.iter().enumerate().filter_map(|(at, rename)| {
        let Rename { from, to } = rename;
        let why = match &request.into {
            Sink::Dir(_) | Sink::Stdout => "only databases of a server get other names".to_owned(),
            _ if request.renames[..at].iter().any(|other| other.from == *from) => {
                format!("{from} is renamed twice")
            }
            Sink::Mysql(sink) if sink.database != *to => {
                format!("what is restored becomes {} (--into), not {to}", sink.database)
            }
            _ => unmet(from, proof?, request)?,
        };
        Some(fact("rename_unused", Stance::Stops, format!("--rename {from}:{to} is not used: {why}")))
    });
    unused.collect()
}

/// Why a database that is to be renamed is not among those that are restored; `None`: it is, or
/// [`assign`] has said that there is none.
fn unmet(from: &Foreign, proof: &Proof, request: &PlanRequest) -> Option<String> {
    if proof.members.is_empty() {
        let databases = proof.inside.as_ref().map(|inside| inside.databases.as_slice()).unwrap_or_default();
        return match databases {
            [only] if only == from => None,
            [] => Some("the dump names no database".to_owned()),
            several => Some(format!("the dump is one of {}", some(several))),
        };
    }
    let chosen = request.databases.as_ref().is_none_or(|databases| databases.contains(from));
    (!chosen).then(|| format!("{from} is not among the databases that were chosen (--databases)"))
}

/// What a server that takes capitals and small letters in names for the same would mix up.
pub fn folded(parts: &[Part], renames: &[Rename], facts: &ServerFacts) -> Vec<PlanFinding> {
    if facts.lower_case_table_names == 0 {
        return vec![];
    }
    let mut findings = vec![];
    let same = |a: &Foreign, b: &Foreign| a != b && lower(a) == lower(b);
    let twins = parts.iter().enumerate().find_map(|(at, part)| {
        parts[..at].iter().find(|other| same(&other.into, &part.into)).map(|other| (&other.into, &part.into))
    });
    if let Some((one, other)) = twins {
        let text = format!("{one} and {other} are one database on this server: rename one of them");
        findings.push(fact("same_database", Stance::Stops, text));
    }
    let moved = parts.iter().map(|part| (&part.from, &part.into));
    let moved = moved.chain(renames.iter().map(|rename| (&rename.from, &rename.to)));
    if let Some((from, into)) = moved.into_iter().find(|(from, into)| same(from, into)) {
        let text = format!("{from} and {into} are one database on this server: it would be written into {from}");
        findings.push(fact("same_database", Stance::Stops, text));
    }
    findings
}

fn lower(name: &Foreign) -> Vec<u8> {
    name.raw_str().map_or_else(|| name.raw_bytes().to_ascii_lowercase(), |name| name.to_lowercase().into_bytes())
}

/// Databases that belong to the server itself.
pub fn system<'a>(into: impl IntoIterator<Item = &'a Foreign>) -> Option<PlanFinding> {
    let system = ["mysql", "sys", "information_schema", "performance_schema"];
    let is_system =
        |name: &&Foreign| system.iter().any(|system| name.raw_bytes().eq_ignore_ascii_case(system.as_bytes()));
    let names: Vec<&Foreign> = into.into_iter().filter(is_system).collect();
    let text = || format!("{} belongs to the server itself and is never written to", some(&names));
    (!names.is_empty()).then(|| fact("system_database", Stance::Stops, text()))
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
