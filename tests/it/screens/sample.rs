//! A world like the demo's, with a fixed time: what the pictures show.
#![allow(clippy::unwrap_used)]

mod jobs;
mod plans;

use std::sync::Arc;
use std::time::Duration;

use breakglass::model::audit::ChainState;
use breakglass::model::backup::{
    Backup, BackupId, Basis, Compression, Format, Metadata, MetadataFacts, Opens, Shape, Taken, TakenFrom, Zone,
};
use breakglass::model::foreign::Foreign;
use breakglass::model::retention::{Nearness, Prune, PruneAt};
use breakglass::model::seal::{Fingerprint, KeyFacts, Recipient, RecipientSource, Seal, SealScheme};
use breakglass::model::target::{History, Stamp, Storage, TargetName};
use breakglass::model::trust::{
    Answer, Check, Finding, Inside, Proof, Rung, TableInside, VerdictOutcome, Voucher, Weight,
};
use breakglass::model::units::Moment;
use breakglass::tui::world::{GoodCopy, KeyOffer, LoadedKey, ServerLine, Snapshot, TargetLine, TargetState, World};
use breakglass::work::filter::Index;
use breakglass::work::retention::finding;

pub use jobs::{broken, salvaged};
pub use plans::{archive_plan, archived, plan, server, small_archive};

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
        taken: Taken { at, from: TakenFrom::Metadata, offset: None, zone: Zone::Written },
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
        made.taken = Taken { at, from: TakenFrom::Name, offset: Some(120), zone: Zone::Written };
        let prune = Prune { rule: "30d".into(), by: TargetName::new("nas").unwrap(), tool, truth, when };
        made.findings.extend(finding(&prune));
        made.prune = Some(Box::new(prune));
        Arc::new(made)
    });
    let mut world = quiet();
    world.set_catalog(snapshot(made.collect()));
    world
}

/// The world in the middle of the work: a key, a running verification, an ended restore, records.
pub fn busy() -> World {
    let mut world = quiet();
    world.keys = vec![loaded_key()];
    world.jobs = jobs::jobs();
    world.audit = jobs::audit();
    world.chain =
        Some(ChainState { records: 214, head: "4be1f00dcafe4be1".repeat(4), broken: None, open_intents: vec![213] });
    world
}
