//! A plan to load into a server: what is made, replaced and left alone, database by database.

use std::collections::BTreeSet;

use crate::model::backup::Format;
use crate::model::dump::DumpFacts;
use crate::model::foreign::Foreign;
use crate::model::plan::{Part, PlanFinding, RestorePlan, SinkState, Stance, Step, StepEffect};
use crate::model::sink::{ServerFacts, ServerRef, Sink};
use crate::model::trust::Inside;
use crate::model::units::ByteSize;
use crate::work::hazards;
use crate::work::plan::{Ingredients, contents, count, fact, some, step};
use crate::work::rewrite::DBACKED_TABLE;

/// What the server is, and what is to be done there.
pub struct ServerSide {
    /// As it reports itself.
    pub facts: ServerFacts,
    /// What stands in the database that a dump by itself goes into.
    pub there: SinkState,
    /// Members of an archive, each with what stands in its database.
    pub parts: Vec<Part>,
    /// Findings of the census against this server, with choices applied.
    pub findings: Vec<PlanFinding>,
}

/// One dump on its way into one database.
struct Going<'a> {
    into: &'a Foreign,
    from: Option<&'a Foreign>,
    there: &'a SinkState,
    inside: Option<&'a Inside>,
    dump: Option<&'a DumpFacts>,
}

/// A plan to load into databases of a server.
pub fn to_server(from: &Ingredients<'_>, server: &ServerRef, side: ServerSide) -> RestorePlan {
    let facts = &side.facts;
    let going = from.going(&side);
    let mut findings = side.findings.clone();
    findings.extend(from.statement_finding());
    findings.extend(from.dbacked_finding());
    findings.extend(from.missing_tables(&going));
    findings.extend(from.common_findings());
    if facts.read_only {
        findings.push(fact("server_read_only", Stance::Stops, "the server is read-only"));
    }
    let mut estimate = from.estimate();
    findings.extend(from.newer_good_finding(&estimate));
    let mut will = vec![step(StepEffect::Reads, connection(server, facts))];
    for one in &going {
        will.extend(from.steps(one));
    }
    let size = estimate.bytes_out.map(|size| size.words()).unwrap_or_default();
    let how = if going.len() > 1 { "one connection after the other" } else { "one connection" };
    will.push(step(StepEffect::Creates, format!("load {size} of SQL through {how}")));
    let will_not = will_not(&going);
    let there = match going.as_slice() {
        [one] => one.there.clone(),
        several => several
            .iter()
            .map(|one| one.there)
            .find(|there| **there != SinkState::New)
            .cloned()
            .unwrap_or(SinkState::New),
    };
    estimate.server = Some(side.facts.clone());
    RestorePlan {
        from: from.source(),
        into: from.request.into.clone(),
        there,
        will,
        will_not,
        findings,
        tables: from.request.tables.clone(),
        databases: from.request.databases.clone(),
        parts: side.parts,
        rewrites: vec![],
        statement_limit: from.request.statement_limit,
        estimate,
    }
}

fn will_not(going: &[Going<'_>]) -> Vec<String> {
    let names: Vec<&Foreign> = going.iter().map(|one| one.into).collect();
    let mut will_not = vec![
        format!("touch any database but {}", some(&names)),
        "create accounts, change server settings, read or write files of the server".to_owned(),
    ];
    let renamed: Vec<&Foreign> =
        going.iter().filter_map(|one| one.from.filter(|from| *from != one.into && !names.contains(from))).collect();
    if !renamed.is_empty() {
        will_not.push(format!("write anything to {}, whatever the dump says", some(&renamed)));
    }
    if going.iter().all(|one| *one.there == SinkState::New) {
        will_not.push("overwrite any table".to_owned());
    }
    will_not
}

/// Who answers, as the server says itself: part of what is approved.
fn connection(server: &ServerRef, facts: &ServerFacts) -> String {
    let uuid = facts.uuid.as_ref().map(|uuid| format!(", {uuid}")).unwrap_or_default();
    let (label, flavor) = (server.label(), facts.flavor.word());
    let (version, hostname, account) = (&facts.version, &facts.hostname, &facts.account);
    format!("connect to {label} as {account}: {flavor} {version} on {hostname}{uuid}")
}

impl Ingredients<'_> {
    fn going<'a>(&'a self, side: &'a ServerSide) -> Vec<Going<'a>> {
        let proven = |part: &Part| self.proof?.members.iter().find(|member| member.name == part.member);
        if side.parts.is_empty() {
            let Sink::Mysql(sink) = &self.request.into else { return vec![] };
            let (inside, dump) = (self.inside(), self.dump());
            return vec![Going { into: &sink.database, from: None, there: &side.there, inside, dump }];
        }
        let parts = side.parts.iter().map(|part| Going {
            into: &part.into,
            from: Some(&part.from),
            there: &part.there,
            inside: proven(part).map(|member| &member.inside),
            dump: proven(part).and_then(|member| member.dump.as_deref()),
        });
        parts.collect()
    }

    fn dump(&self) -> Option<&DumpFacts> {
        self.proof.and_then(|proof| proof.dump.as_deref())
    }

    /// What happens to one database.
    fn steps(&self, one: &Going<'_>) -> Vec<Step> {
        let mut steps = vec![];
        let moved = one.from.filter(|from| *from != one.into).map(|from| format!(" from {from}")).unwrap_or_default();
        if *one.there == SinkState::New {
            steps.push(step(StepEffect::Creates, format!("create database {}{moved}", one.into)));
        } else if one.from.is_some() {
            steps.push(step(StepEffect::Overwrites, format!("fill database {}{moved}, which exists", one.into)));
        }
        let Some(inside) = one.inside else { return steps };
        steps.push(match &self.request.tables {
            Some(tables) => step(StepEffect::Creates, format!("only {}", some(tables))),
            None => step(StepEffect::Creates, contents(inside)),
        });
        steps.extend(self.overwrites(one, inside));
        steps
    }

    /// A statement that does not fit into the memory it may have.
    fn statement_finding(&self) -> Option<PlanFinding> {
        let longest = self.dump()?.uses.longest_statement;
        let limit = self.request.statement_limit;
        let words = || {
            let (longest, limit) = (ByteSize(longest).words(), limit.words());
            format!("the longest statement has {longest}, more than the limit of {limit}: raise it (--statement-limit)")
        };
        (longest > limit.0).then(|| fact("statement_limit", Stance::Stops, words()))
    }

    /// DBacked's own table: an old one makes the agent start a backup at once.
    fn dbacked_finding(&self) -> Option<PlanFinding> {
        let named = |name: &Foreign| name.raw_bytes() == DBACKED_TABLE.as_bytes();
        let held = self.inside()?.tables.iter().any(|table| named(&table.name));
        if self.backup.shape.format != Format::Dbacked || !held || self.request.tables.is_some() {
            return None;
        }
        let mut finding = PlanFinding {
            choices: ["keep", "skip"].map(str::to_owned).to_vec(),
            chosen: "keep".to_owned(),
            ..fact(
                "dbacked_table",
                Stance::Warns,
                "holds DBacked's own table `dbacked`: restored, it rewinds the agent's last backup date",
            )
        };
        hazards::choose(&mut finding, &self.request.choices);
        Some(finding)
    }

    /// Tables that were asked for and are not in the dumps, as far as their table lists are complete.
    fn missing_tables(&self, going: &[Going<'_>]) -> Option<PlanFinding> {
        let wanted = self.request.tables.as_ref()?;
        let missing: Vec<&Foreign> = wanted.iter().filter(|name| !going.iter().any(|one| one.may_hold(name))).collect();
        let words = || format!("the dump has no table {}", some(&missing));
        (!missing.is_empty()).then(|| fact("no_such_table", Stance::Stops, words()))
    }

    /// What of an existing database is replaced.
    fn overwrites(&self, one: &Going<'_>, inside: &Inside) -> Vec<Step> {
        let SinkState::DatabaseExists { tables: there } = one.there else { return vec![] };
        let asked = |name: &Foreign| match one.from {
            Some(from) => Foreign::new([from.raw_bytes(), b".", name.raw_bytes()].concat()),
            None => name.clone(),
        };
        let tables = self.request.tables.as_ref();
        let wanted =
            |name: &Foreign| tables.is_none_or(|tables| tables.contains(name) || tables.contains(&asked(name)));
        let replaces = one.dump.map(|dump| dump.replaces.as_slice()).unwrap_or_default();
        let names: BTreeSet<&Foreign> =
            inside.tables.iter().map(|table| &table.name).chain(replaces).filter(|name| wanted(name)).collect();
        let names: Vec<Foreign> = names.into_iter().filter(|name| there.contains(name)).cloned().collect();
        let mut steps = vec![];
        if !names.is_empty() {
            let text = format!("drop, replace or fill {}: {}", count(names.len() as u64, "table"), some(&names));
            steps.push(step(StepEffect::Overwrites, text));
        }
        if inside.table_count > inside.tables.len().max(replaces.len()) as u64 {
            let text = "drop, replace or fill more tables of the same names: the dump has more than are listed";
            steps.push(step(StepEffect::Overwrites, text));
        }
        if inside.routines + inside.triggers + inside.events > 0 && self.request.tables.is_none() {
            let text = "replace routines, triggers and events of the same names";
            steps.push(step(StepEffect::Overwrites, text));
        }
        steps
    }
}

impl Going<'_> {
    /// Whether a table of this name (`table`, or `database.table`) may be in the dump.
    fn may_hold(&self, name: &Foreign) -> bool {
        let Some(inside) = self.inside else { return true };
        let complete = inside.table_count == inside.tables.len() as u64;
        let views = self.dump.map(|dump| dump.replaces.as_slice()).unwrap_or_default();
        let held = |name: &[u8]| {
            inside.tables.iter().map(|table| &table.name).chain(views).any(|held| held.raw_bytes() == name)
        };
        let own = self.from.and_then(|from| name.raw_bytes().strip_prefix(from.raw_bytes())?.strip_prefix(b"."));
        !complete || held(name.raw_bytes()) || own.is_some_and(held)
    }
}
