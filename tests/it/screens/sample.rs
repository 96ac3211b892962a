//! A world like the demo's, with a fixed time: what the pictures show.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use breakglass::model::audit::{Actor, AuditKind, AuditRecord, ChainState};
use breakglass::model::backup::{
    Backup, BackupId, Basis, Compression, Format, Metadata, MetadataFacts, Opens, Shape, Taken, TakenFrom,
};
use breakglass::model::foreign::Foreign;
use breakglass::model::job::{Ending, JobId, JobSpec, Phase, Progress, RestoreOutcome, RestoreReport};
use breakglass::model::plan::{
    Estimate, Part, PlanDigest, PlanFinding, PlanSource, RestorePlan, Rewrite, SinkState, Stance, Step, StepEffect,
};
use breakglass::model::retention::{Nearness, Prune, PruneAt};
use breakglass::model::salvage::{SalvageReport, SalvagedFile, SalvagedTable, TableState};
use breakglass::model::seal::{Fingerprint, KeyFacts, Recipient, RecipientSource, Seal, SealScheme};
use breakglass::model::sink::{
    Flavor, MysqlSink, PasswordSource, Protection, ServerAddress, ServerFacts, ServerRef, Sink, TlsMode,
};
use breakglass::model::target::{History, Stamp, Storage, TargetName};
use breakglass::model::trust::{
    Answer, Check, Finding, Inside, MemberProof, Proof, Rung, TableInside, VerdictOutcome, Voucher, Weight,
};
use breakglass::model::units::{ByteSize, Moment, Rate};
use breakglass::tui::world::{
    GoodCopy, JobLine, KeyOffer, LoadedKey, ServerLine, Snapshot, TargetLine, TargetState, World,
};
use breakglass::work::filter::Index;
use breakglass::work::retention::finding;

const HOUR: i64 = 3_600_000;

/// 2026-11-21 08:14:09 UTC, always.
pub fn now() -> Moment {
    Moment::parse("2026-11-21 08:14:09").unwrap()
}

/// The fingerprint of the key that opens most of it.
pub fn ops() -> Fingerprint {
    Fingerprint::parse("9f1c22ab77e01f0044d1c9a2b8e6f3057d11aa0e52c3b94f6688d0e1f2a3b4c5").unwrap()
}

fn other() -> Fingerprint {
    Fingerprint::parse("c0ffee11d00dfeed5ca1ab1e0ddba11efacade00decade00babe1e55c0c0a000").unwrap()
}

/// Identifies the nth made-up thing.
pub fn id(n: u64) -> BackupId {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
    BackupId::from_digest(&digest)
}

/// A backup of one database, sealed for the operator's key.
pub fn backup(n: u64, database: &str, target: &str, at: Moment, size: u64) -> Backup {
    let stamp_name = at.minute().replace(['-', ' ', ':'], "");
    Backup {
        id: id(n),
        target: TargetName::new(target).unwrap(),
        key: Foreign::from(format!("dbacked_{database}_{stamp_name}")),
        stamp: Stamp {
            size,
            modified: Some(at),
            etag: Some("5d41402abc4b2a76b9719d911017c592-42".into()),
            ..Stamp::default()
        },
        history: History::Current,
        storage: Storage::default(),
        taken: Taken { at, from: TakenFrom::Metadata, offset: None },
        series: Foreign::from(format!("dbacked:{database}@{target}")),
        databases: vec![Foreign::from(database)],
        databases_known: true,
        shape: Shape {
            format: Format::Dbacked,
            compression: Compression::Gzip,
            basis: Basis::Bytes,
            seal: Some(seal(ops())),
        },
        metadata: Metadata::Read(Box::new(MetadataFacts {
            md5: Some("d41d8cd98f00b204e9800998ecf8427e".into()),
            fingerprint: Some(ops()),
            agent: Some(Foreign::from("db-prod-1")),
            db_name: Some(Foreign::from(database)),
            ..MetadataFacts::default()
        })),
        proof: None,
        stale: false,
        opens: Opens::Yes,
        prune: None,
        findings: vec![],
    }
}

fn seal(fingerprint: Fingerprint) -> Seal {
    let recipients = vec![Recipient { fingerprint, source: RecipientSource::Metadata }];
    Seal { recipients, modulus_bytes: Some(512), version: Some((0, 0, 2)), ..Seal::new(SealScheme::Dbacked) }
}

/// A proof of `backup` up to `rung`.
pub fn proof(backup: &Backup, rung: Rung, hours_ago: i64) -> Box<Proof> {
    let mut rungs = [Answer::Unknown; 5];
    for answer in &mut rungs[..=rung as usize] {
        *answer = Answer::Yes;
    }
    let table = |name: &str, rows, bytes| TableInside { name: Foreign::from(name), rows, bytes };
    Box::new(Proof {
        members: vec![],
        stamp: backup.stamp.clone(),
        at: Moment(now().0 - hours_ago * HOUR),
        program: "breakglass 0.1.0".into(),
        key: Some(ops()),
        tried: Rung::Whole,
        rungs,
        content: Voucher::Hash,
        outcome: VerdictOutcome::Ok,
        at_byte: None,
        checks: vec![Check {
            name: "md5".into(),
            outcome: Answer::Yes,
            detail: "MD5 and multipart ETag recomputed, equal".into(),
        }],
        findings: vec![],
        statements: Some(41_204),
        bytes_in: backup.stamp.size,
        bytes_out: 13_851_220_421,
        sha256_out: Some("ab".repeat(32)),
        inside: Some(Inside {
            made_by: "mysqldump 9.7.4".into(),
            databases: backup.databases.clone(),
            tables: vec![
                table("events", 41_002_117, 6_549_825_126),
                table("items", 8_120_004, 3_543_348_019),
                table("orders", 1_204_331, 1_288_490_188),
                table("customers", 402_118, 411_041_792),
            ],
            views: 3,
            routines: 2,
            triggers: 2,
            events: 0,
            table_count: 214,
        }),
        dump: None,
        millis: 97_310,
        mib_digests: vec![],
    })
}

fn backups() -> Vec<Arc<Backup>> {
    let start = Moment::parse("2026-11-21 03:00:07").unwrap();
    let mut list = vec![];
    for day in 0..26u64 {
        let at = Moment(start.0 - day as i64 * 24 * HOUR);
        let mut shop = backup(day * 4, "shop", "offsite", at, 4_509_715_660 - day * 21_474_836);
        let mut crm = backup(day * 4 + 1, "crm", "nas", Moment(at.0 - HOUR / 2), 325_058_560 - day * 1_048_576);
        let mut ledger = backup(day * 4 + 2, "ledger", "offsite", Moment(at.0 - 2 * HOUR), 92_274_688);
        match day {
            0 => shop.proof = Some(proof(&shop, Rung::Whole, 2)),
            1 => shop.proof = Some(proof(&shop, Rung::Proven, 9)),
            2 => {
                shop.stamp.size = 101_711_872;
                let text = "97% smaller than the 7 before it";
                shop.findings.push(Finding::new(Weight::Warning, "much_smaller", text));
            }
            3 => {
                crm.proof = Some(proof(&crm, Rung::Opens, 30));
                if let Some(proof) = &mut crm.proof {
                    (proof.outcome, proof.at_byte) = (VerdictOutcome::Damaged, Some(210_763_776));
                    proof.rungs[3] = Answer::No;
                }
            }
            4 => {
                shop.stamp.size = 0;
                shop.findings.push(Finding::new(Weight::Fatal, "empty", "empty object: the upload never began"));
            }
            5 => {
                ledger.shape.seal = Some(seal(other()));
                ledger.opens = Opens::No;
            }
            6 => (shop.proof, shop.stale) = (Some(proof(&shop, Rung::Whole, 24 * 40)), true),
            7 => {
                ledger.shape = Shape {
                    format: Format::Mysqldump,
                    compression: Compression::Zstd,
                    basis: Basis::Bytes,
                    seal: None,
                };
                ledger.metadata = Metadata::NotApplicable;
            }
            _ if day % 3 == 1 => crm.proof = Some(proof(&crm, Rung::Whole, day as i64 * 24 - 20)),
            _ if day % 3 == 2 => ledger.proof = Some(proof(&ledger, Rung::Intact, day as i64 * 24 - 20)),
            _ => {}
        }
        list.extend([shop, crm, ledger].map(Arc::new));
    }
    list.sort_by_key(|backup| std::cmp::Reverse(backup.taken.at));
    list
}

/// What a listing of these backups amounts to.
pub fn snapshot(backups: Vec<Arc<Backup>>) -> Snapshot {
    let target = |name: &str, url: &str, state| TargetLine { name: name.into(), url: url.into(), state };
    let mut newest_good: Vec<GoodCopy> = vec![];
    for backup in &backups {
        match newest_good.iter_mut().find(|copy| copy.series == backup.series) {
            Some(copy) if copy.good.is_none() && backup.is_good() => copy.good = Some(backup.id.clone()),
            Some(_) => {}
            None => newest_good.push(GoodCopy {
                name: backup.databases.first().cloned().unwrap_or_default(),
                series: backup.series.clone(),
                good: backup.is_good().then(|| backup.id.clone()),
                newest: Some(backup.id.clone()),
            }),
        }
    }
    let targets = vec![
        target("offsite", "s3://acme-bak/mysql/", TargetState::Listed),
        target("nas", "file:///mnt/nas/backups/", TargetState::Listed),
        target("vault", "s3://acme-vault/", TargetState::Listing(412)),
    ];
    Snapshot { index: Arc::new(Index::new(backups)), targets, newest_good }
}

/// A key in memory.
pub fn loaded_key() -> LoadedKey {
    let facts = KeyFacts {
        label: Foreign::from("ops-2026"),
        algorithm: "RSA".into(),
        bits: Some(4096),
        fingerprint: Some(ops()),
        container: "encrypted PKCS#8 (PBES2, scrypt, AES-256-CBC)".into(),
        encrypted: true,
        private: true,
        remarks: vec!["the file is readable by others: chmod 600 ~/keys/ops.pem".into()],
    };
    LoadedKey { facts, opens: 76, since: Moment(now().0 - HOUR / 6) }
}

/// The world before anything was done: a listing, no key.
pub fn quiet() -> World {
    let offer = |name: &str, file: &str, print, opens| KeyOffer {
        name: name.into(),
        file: file.into(),
        fingerprint: Some(print),
        opens,
    };
    let server =
        |name: &str, address: &str, protected| ServerLine { name: name.into(), address: address.into(), protected };
    let mut world = World::default();
    world.now = now();
    world.estate = "prod".into();
    world.idle_lock = Duration::from_secs(600);
    world.key_offers =
        vec![offer("ops-2026", "~/keys/ops.pem", ops(), 76), offer("escrow", "/media/usb/escrow.pem", other(), 1)];
    world.servers = vec![server("staging", "db-stg-1:3306", false), server("prod", "db-prod-1:3306", true)];
    world.set_catalog(snapshot(backups()));
    world
}

/// Backups of mysql-backup: one goes at its next run, one tonight, one stays, one is never reached.
pub fn pruned() -> World {
    let hour = |hours: i64| Moment(now().0 + hours * HOUR);
    let never = PruneAt::Never;
    let fates = [
        (PruneAt::From(hour(700)), PruneAt::From(hour(698)), Nearness::Later),
        (PruneAt::From(hour(9)), PruneAt::From(hour(7)), Nearness::Soon),
        (PruneAt::From(hour(-15)), PruneAt::From(hour(-17)), Nearness::Due),
        (never, PruneAt::From(hour(-40)), Nearness::Later),
    ];
    let made = fates.into_iter().enumerate().map(|(nth, (tool, truth, when))| {
        let at = hour(-24 * nth as i64 - 2);
        let mut made = backup(nth as u64, "shop", "nas", at, 4_488_240_824);
        made.key = Foreign::from(format!("db_backup_{}+02:00.tgz", Moment(at.0 + 2 * HOUR).second().replace(' ', "T")));
        made.series = Foreign::from("databacker:db_backup");
        made.shape =
            Shape { format: Format::Databacker, compression: Compression::Gzip, basis: Basis::Bytes, seal: None };
        made.metadata = Metadata::NotApplicable;
        made.taken = Taken { at, from: TakenFrom::Name, offset: Some(120) };
        let prune = Prune { rule: "30d".into(), by: TargetName::new("nas").unwrap(), tool, truth, when };
        made.findings.extend(finding(&prune));
        made.prune = Some(Box::new(prune));
        Arc::new(made)
    });
    let mut world = quiet();
    world.set_catalog(snapshot(made.collect()));
    world
}

/// An archive of three databases that was read with a raw key, and the keys of its estate: one loaded, three not.
pub fn archived() -> World {
    let at = Moment::parse("2026-11-21 02:00:04").unwrap();
    let mut made = backup(900, "shop", "vault", at, 712_304_128);
    made.key = Foreign::from("db_backup_2026-11-21T04-00-04+02-00.tgz");
    made.series = Foreign::from("databacker:db_backup");
    made.shape = Shape {
        format: Format::Databacker,
        compression: Compression::Gzip,
        basis: Basis::Bytes,
        seal: Some(Seal::new(SealScheme::RawKey)),
    };
    made.metadata = Metadata::NotApplicable;
    made.taken = Taken { at, from: TakenFrom::Name, offset: Some(120) };
    made.opens = Opens::Unknown;
    let mut read = proof(&made, Rung::Whole, 2);
    let part = |name: &str, bytes, tables: u64| {
        let mut inside = read.inside.clone().unwrap();
        inside.table_count = tables;
        inside.tables.truncate(tables as usize);
        let database = Some(Foreign::from(name));
        let name = Foreign::from(format!("{name}_2026-11-21T04-00-04+02-00.sql"));
        MemberProof { name, database, bytes, sha256: "ab".repeat(32), statements: 9, inside, dump: None }
    };
    let parts = [("crm", 1_288_490_188, 41), ("ledger", 92_274_688, 2), ("shop", 12_562_730_233, 214)];
    read.members = parts.into_iter().map(|(name, bytes, tables)| part(name, bytes, tables)).collect();
    read.content = Voucher::Crc;
    read.checks.clear();
    read.findings = vec![Finding::new(Weight::Note, "key_taken_as", "vault-raw was taken as 32 raw bytes")];
    made.databases = parts.iter().map(|(name, ..)| Foreign::from(*name)).collect();
    made.proof = Some(read);
    let mut world = quiet();
    world.set_catalog(snapshot(vec![Arc::new(made)]));
    let mut raw = loaded_key();
    raw.facts.label = Foreign::from("vault-raw");
    (raw.facts.algorithm, raw.facts.bits) = ("raw key".into(), Some(256));
    (raw.facts.container, raw.facts.encrypted) = ("32 raw bytes".into(), false);
    raw.facts.remarks.clear();
    raw.opens = 0;
    world.keys = vec![raw];
    let offer = |name: &str, file: &str, fingerprint, opens| KeyOffer {
        name: name.into(),
        file: file.into(),
        fingerprint,
        opens,
    };
    world.key_offers = vec![
        offer("demo", "~/keys/demo.pem", Some(other()), 76),
        offer("vault-raw", "~/keys/vault.key", Some(ops()), 0),
        offer("vault-passphrase", "~/keys/vault.pass", None, 0),
        offer("vault-age", "~/keys/vault-age.txt", None, 0),
    ];
    world
}

/// A plan for that archive: one database under a new name, one that replaces what is there.
pub fn archive_plan() -> RestorePlan {
    let part = |name: &str, into: &str, there| Part {
        member: Foreign::from(format!("{name}_2026-11-21T04-00-04+02-00.sql")),
        from: Foreign::from(name),
        into: Foreign::from(into),
        there,
        defaults: None,
    };
    let tables = vec![Foreign::from("accounts"), Foreign::from("entries")];
    let exists = SinkState::DatabaseExists { tables };
    let mut plan = plan();
    plan.from.id = id(900);
    plan.from.label = "vault:db_backup_2026-11-21T04-00-04+02-00.tgz".into();
    plan.into = Sink::Databases(server(Protection::Open));
    plan.there = exists.clone();
    plan.parts = vec![part("crm", "crm_bg_1121", SinkState::New), part("ledger", "ledger", exists)];
    plan
}

/// As [`archived`], and all of its tables are known.
pub fn small_archive() -> World {
    let mut world = archived();
    let mut made = (*world.backups()[0]).clone();
    if let Some(inside) = made.proof.as_mut().and_then(|proof| proof.inside.as_mut()) {
        inside.table_count = inside.tables.len() as u64;
    }
    world.set_catalog(snapshot(vec![Arc::new(made)]));
    world
}

/// The world in the middle of the work: a key, a running verification, an ended restore, records.
pub fn busy() -> World {
    let mut world = quiet();
    world.keys = vec![loaded_key()];
    world.jobs = jobs();
    world.audit = audit();
    world.chain =
        Some(ChainState { records: 214, head: "4be1f00dcafe4be1".repeat(4), broken: None, open_intents: vec![213] });
    world
}

fn jobs() -> Vec<JobLine> {
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

fn audit() -> Vec<AuditRecord> {
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

/// A plan with something to decide.
pub fn plan() -> RestorePlan {
    let step = |effect, text: &str| Step { effect, text: text.into() };
    let finding = |code: &str, text: &str, stance, choices: &[&str]| PlanFinding {
        code: code.into(),
        text: text.into(),
        stance,
        choices: choices.iter().map(|choice| (*choice).to_owned()).collect(),
        chosen: choices.first().map_or(String::new(), |choice| (*choice).to_owned()),
    };
    RestorePlan {
        databases: None,
        parts: vec![],
        rewrites: vec![
            Rewrite {
                place: "statement 41, byte 88210".into(),
                before: vec![
                    "/*!50003 CREATE*/ /*!50017 DEFINER=`app`@`10.%`*/ /*!50003 TRIGGER `stock_log` AFTER UPDATE ON `stock`".into(),
                    "FOR EACH ROW INSERT INTO `stock_history` VALUES (NEW.sku, NOW()) */".into(),
                ],
                after: Some(vec![
                    "/*!50003 CREATE*/ /*!50017  */ /*!50003 TRIGGER `stock_log` AFTER UPDATE ON `stock`".into(),
                    "FOR EACH ROW INSERT INTO `stock_history` VALUES (NEW.sku, NOW()) */".into(),
                ]),
            },
            Rewrite {
                place: "statement 3, byte 512".into(),
                before: vec!["SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5'".into()],
                after: None,
            },
        ],
        from: PlanSource {
            id: id(0),
            label: "offsite:dbacked_shop_202611210300".into(),
            stamp: Stamp { size: 4_509_715_660, ..Stamp::default() },
            taken_at: Moment::parse("2026-11-21 03:00:07").unwrap(),
            trust: Rung::Whole,
            content: Voucher::Hash,
            made_by: "mysqldump 9.7.4".into(),
            sha256: None,
        },
        into: Sink::Mysql(MysqlSink { server: server(Protection::Open), database: Foreign::from("shop_bg_1121") }),
        there: SinkState::New,
        will: vec![
            step(StepEffect::Reads, "read 4.2 GiB from offsite, each MiB checked against the proof of 06:14 today"),
            step(StepEffect::Creates, "create database shop_bg_1121 with 214 tables, 3 views, 2 routines, 2 triggers"),
            step(StepEffect::Creates, "load 12.9 GiB of SQL through one connection"),
        ],
        will_not: vec![
            "touch any existing database, run the dump's GTID_PURGED, or send anything but to staging".into(),
        ],
        findings: vec![
            finding(
                "definer_missing",
                "DEFINER `app`@`10.0.%` does not exist there (2 views, 1 routine)",
                Stance::Warns,
                &["drop", "keep", "me"],
            ),
            finding("gtid_purged", "SET GLOBAL GTID_PURGED stands in the dump; it is dropped", Stance::Fine, &[]),
            finding("packet", "longest statement 16.0 MiB, max_allowed_packet 64 MiB", Stance::Fine, &[]),
        ],
        tables: None,
        statement_limit: ByteSize(64 << 20),
        estimate: Estimate {
            bytes_out: Some(ByteSize(13_851_220_421)),
            free: Some(ByteSize(225_485_783_040)),
            seconds: Some((1140, "12 MiB/s on the last restore there".into())),
            server: Some(ServerFacts {
                flavor: Flavor::Mysql,
                version: Foreign::from("9.7.4"),
                hostname: Foreign::from("db-stg-1"),
                uuid: Some(Foreign::from("5c0e77aa-1f2e-11ef-9d0b-0242ac120002")),
                account: Foreign::from("restore@%"),
                sessions: Some(3),
                ..ServerFacts::default()
            }),
            age_seconds: 18_842,
            newer_good: None,
        },
    }
}

/// The staging server.
pub fn server(protection: Protection) -> ServerRef {
    ServerRef {
        name: Some("staging".into()),
        address: ServerAddress::Tcp { host: "db-stg-1".into(), port: 3306 },
        user: Some("restore".into()),
        defaults_file: None,
        password: PasswordSource::OptionFile,
        tls: TlsMode::Auto,
        ca_file: None,
        protection,
        expect_uuid: None,
    }
}
