//! Jobs that run, ended or failed, and the audit log of them.

use std::sync::Arc;
use std::time::Duration;

use breakglass::model::audit::{Actor, AuditKind, AuditRecord};
use breakglass::model::foreign::Foreign;
use breakglass::model::job::{Ending, JobId, JobSpec, Phase, Progress, RestoreOutcome, RestoreReport};
use breakglass::model::plan::PlanDigest;
use breakglass::model::salvage::{SalvageReport, SalvagedFile, SalvagedTable, TableState};
use breakglass::model::trust::{Finding, Rung, Weight};
use breakglass::model::units::{ByteSize, Moment, Rate};
use breakglass::tui::world::{JobLine, World};

use super::{backups, busy, id, now, ops, snapshot};

pub fn jobs() -> Vec<JobLine> {
    let verify = JobLine {
        id: JobId(2),
        spec: JobSpec::Verify { backup: id(4), to: Rung::Whole },
        subject: "shop 2026-11-20 03:00".into(),
        started: Moment(now().0 - 61_000),
        progress: Progress {
            phase: Phase::Verifying,
            done: ByteSize(2_298_478_592),
            total: Some(ByteSize(4_488_240_824)),
            rate: Some(Rate(432_013_312.0)),
            left: Some(Duration::from_secs(62)),
            stalled: None,
            at: "statement 20,117, table events".into(),
            elapsed: Duration::from_secs(61),
        },
        log: vec![
            "reading s3://acme-bak/mysql/dbacked_shop_202611200300, pinned to its ETag".into(),
            "opened by key ops-2026, 9f1c 22ab 77e0 1f00".into(),
            "mysqldump 9.7.4, one gzip member".into(),
        ],
        ending: None,
        stops: 0,
    };
    let restore = JobLine {
        id: JobId(1),
        spec: JobSpec::Restore {
            backup: id(1),
            into: "database crm_bg_1121 on staging".into(),
            digest: PlanDigest::typed("a b"),
        },
        subject: "crm 2026-11-21 02:30".into(),
        started: Moment(now().0 - 900_000),
        progress: Progress {
            phase: Phase::Finishing,
            done: ByteSize(325_058_560),
            total: Some(ByteSize(325_058_560)),
            elapsed: Duration::from_secs(312),
            ..Progress::default()
        },
        log: vec!["created database crm_bg_1121".into(), "41 tables loaded, counts compared".into()],
        ending: Some(Ending::Restored(Box::new(RestoreReport {
            outcome: RestoreOutcome::Done,
            into: "database crm_bg_1121 on staging".into(),
            tables: 41,
            rows: 2_114_090,
            statements: 4_120,
            bytes: ByteSize(1_288_490_188),
            seconds: 311.8,
            ..RestoreReport::default()
        }))),
        stops: 0,
    };
    vec![verify, restore]
}

/// The busy world; what a proof found stands among its backup's findings, as in a real catalog.
pub fn broken() -> World {
    let mut list = backups();
    for backup in list.iter_mut().filter(|backup| backup.proof.as_ref().is_some_and(|proof| proof.outcome.is_bad())) {
        let text = "damaged at compressed byte 210763776: the compressed data is not valid deflate";
        Arc::make_mut(backup).findings.push(Finding::new(Weight::Fatal, "damaged", text));
    }
    let mut world = busy();
    world.set_catalog(snapshot(list));
    world
}

/// A salvage that ended, before the other jobs.
pub fn salvaged() -> World {
    let table = |table: &str, rows, state| SalvagedTable {
        database: Some(Foreign::from("crm")),
        table: Foreign::from(table),
        rows,
        state,
    };
    let tables = vec![
        table("accounts", 41_204, TableState::Complete),
        table("events", 199, TableState::Cut),
        table("notes", 0, TableState::Absent),
    ];
    let report = SalvageReport {
        backup: "nas:dbacked_crm_202611180230".into(),
        into: "/srv/dbacked_crm_202611180230.salvaged".into(),
        met: vec!["compression: the compressed data is cut off at byte 210763776".into()],
        files: vec![SalvagedFile {
            file: "dbacked_crm_202611180230.partial.sql".into(),
            bytes: ByteSize(1_804_500),
            statements: 112,
            rows: 41_403,
            missing: "it stops inside the statement that begins at byte 1,803,211 of the dump; what follows is unknown"
                .into(),
            tables,
            ..SalvagedFile::default()
        }],
        ..SalvageReport::default()
    };
    let into = format!("dir:{}", report.into);
    let job = JobLine {
        id: JobId(3),
        spec: JobSpec::Salvage { backup: id(13), into },
        subject: "crm 2026-11-18 02:30".into(),
        started: Moment(now().0 - 30_000),
        progress: Progress { phase: Phase::Finishing, elapsed: Duration::from_secs(12), ..Progress::default() },
        log: vec![],
        ending: Some(Ending::Salvaged(Box::new(report))),
        stops: 0,
    };
    let mut world = busy();
    world.jobs.insert(0, job);
    world
}

pub fn audit() -> Vec<AuditRecord> {
    let rows = [
        ("verify", "offsite:dbacked_shop_202611200300", AuditKind::Intent, "", 1),
        ("restore", "database crm_bg_1121 on staging", AuditKind::Outcome, "ok", 9),
        ("restore", "nas:dbacked_crm_202611210230", AuditKind::Intent, "", 15),
        ("verify", "nas:dbacked_crm_202611210230", AuditKind::Event, "ok", 17),
        ("verify", "nas:dbacked_crm_202611180230", AuditKind::Event, "damaged", 41),
        ("key.load", "ops-2026", AuditKind::Event, "ok", 44),
        ("key.load", "ops-2026", AuditKind::Event, "wrong passphrase", 45),
        ("key.lock", "idle for 10m", AuditKind::Event, "ok", 182),
    ];
    let record =
        |(nth, (action, subject, kind, result, minutes)): (u64, (&str, &str, AuditKind, &str, i64))| AuditRecord {
            seq: 213 - nth,
            at: Moment(now().0 - minutes * 60_000),
            kind,
            of: (kind == AuditKind::Outcome).then_some(211),
            action: action.into(),
            subject: subject.into(),
            result: result.into(),
            detail: if action == "restore" { "plan acorn-river-lamp-..., 41 tables".into() } else { String::new() },
            key: (action != "key.lock").then(ops),
            actor: Actor {
                user: "root".into(),
                login: Some("mira".into()),
                sudo_user: Some("mira".into()),
                host: "bastion-2".into(),
                ssh_from: Some("10.8.0.14".into()),
                pid: 4711,
                program: "breakglass 0.1.0".into(),
            },
            prev: "00".repeat(32),
            hash: format!("{:02x}", nth + 17).repeat(32),
        };
    (0..).zip(rows).map(record).collect()
}
