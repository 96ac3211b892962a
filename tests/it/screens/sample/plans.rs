//! Archives of several databases, and restore plans.

use std::sync::Arc;

use breakglass::model::backup::{Basis, Compression, Format, Metadata, Opens, Shape, Taken, TakenFrom, Zone};
use breakglass::model::foreign::Foreign;
use breakglass::model::plan::{
    Estimate, Part, PlanFinding, PlanSource, RestorePlan, Rewrite, SinkState, Stance, Step, StepEffect,
};
use breakglass::model::seal::{Seal, SealScheme};
use breakglass::model::sink::{
    Flavor, MysqlSink, PasswordSource, Protection, ServerAddress, ServerFacts, ServerRef, Sink, TlsMode,
};
use breakglass::model::target::Stamp;
use breakglass::model::trust::{Finding, MemberProof, Rung, Voucher, Weight};
use breakglass::model::units::{ByteSize, Moment};
use breakglass::tui::world::{KeyOffer, World};

use super::{backup, id, loaded_key, ops, other, proof, quiet, snapshot};

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
    made.taken = Taken { at, from: TakenFrom::Name, offset: Some(120), zone: Zone::Written };
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
